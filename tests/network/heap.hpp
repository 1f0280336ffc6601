#pragma once

namespace ridgeline::testing {

/// What this thread has allocated with `new` since the program began; 0 for ever under a sanitizer,
/// which has its own `new`.
long heap_allocations();

}  // namespace ridgeline::testing
