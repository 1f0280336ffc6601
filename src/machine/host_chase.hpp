#pragma once

namespace ridgeline::machine::host {

/// Follows `loads` pointers, each found where the one before it points, from `node`; gives the
/// last. Every load waits for the one before: seconds / loads is the latency of one.
void* chase(void* node, long loads);

}  // namespace ridgeline::machine::host
