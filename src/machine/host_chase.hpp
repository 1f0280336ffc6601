#pragma once

namespace ridgeline::machine::host {

/// Follows `loads` pointers from `node`, each stored where the one before points; returns the
/// last. Every load depends on the one before: seconds / loads is the latency of one.
void* chase(void* node, long loads);

}  // namespace ridgeline::machine::host
