#pragma once

namespace ridgeline::report {

/// Value of the page's meta element "generator".
inline constexpr char kGenerator[] = "ridgeline report";

/// Beginning of a page's file.
inline constexpr char kPageMark[] =
    "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"generator\" "
    "content=\"ridgeline report\"";
/// Beginning of a picture's file (SVG).
inline constexpr char kFigureMark[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" data-generator=\"ridgeline\"";

// page.css and page.js, which the build compiles in.
extern const char* const kPageStyle;
extern const char* const kPageScript;

}  // namespace ridgeline::report
