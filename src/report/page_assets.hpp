#pragma once

namespace ridgeline::report {

/// Value of the page's meta element "generator".
inline constexpr char kGenerator[] = "ridgeline report";

/// Part of the beginning of a page's file.
inline constexpr char kPageMark[] = "content=\"ridgeline report\"";
/// Part of the beginning of a picture's file (SVG).
inline constexpr char kFigureMark[] = "data-generator=\"ridgeline\"";

// page.css and page.js, which the build compiles in.
extern const char* const kPageStyle;
extern const char* const kPageScript;

}  // namespace ridgeline::report
