#pragma once

namespace ridgeline::testing {

/// Returns the allocations of this thread with `new` since the program began; always 0 with a
/// sanitizer, which has its own `new`.
long heap_allocations();

}  // namespace ridgeline::testing
