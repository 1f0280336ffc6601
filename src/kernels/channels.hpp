#pragma once

#include <algorithm>
#include <cstddef>

namespace ridgeline::kernels {

/// Memory whose channels share something: [outer, channels, inner], row-major. An image is [batch,
/// channels, height · width]; features are channels with an `inner` of 1.
struct ChannelShape {
  std::size_t outer, channels, inner;

  std::size_t size() const { return outer * channels * inner; }
};

/// How sums over a channel are cut into partial sums that other threads compute: groups of the
/// outer dimension, and in each one or several entries a channel. Depends on the shape alone, and
/// `group` not on `outer`.
struct ChannelCut {
  std::size_t group;    ///< of outer in a group; the last may have fewer
  std::size_t groups;   ///< ceil(outer / group)
  std::size_t entries;  ///< partial sums a channel and group: 1, or inner, a sum each position
  std::size_t samples;  ///< values that an entry adds from one of outer: inner, or 1
  std::size_t chunk;    ///< entries (of all channels, side by side) that one block has
  std::size_t chunks;

  /// Values behind one partial sum of group `g`.
  std::size_t count(const ChannelShape& shape, std::size_t g) const {
    return (std::min(shape.outer, (g + 1) * group) - g * group) * samples;
  }
};

}  // namespace ridgeline::kernels
