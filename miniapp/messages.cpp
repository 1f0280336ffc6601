#include <fmt/format.h>

#include <cstdio>

#include "verbs.hpp"

namespace ridgeline::miniapp {

void warn(const std::string& message) { fmt::print(stderr, "warning: {}\n", message); }
void note(const std::string& message) { fmt::print(stderr, "{}\n", message); }

}  // namespace ridgeline::miniapp
