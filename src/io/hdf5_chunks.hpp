#pragma once

// Private to this folder.

#include <hdf5.h>

#include <optional>
#include <string>
#include <vector>

namespace ridgeline::io {

/// A dataset's filters, in the order in which they were applied.
std::vector<H5Z_filter_t> filters_of(hid_t properties);

/// The chunks that a dataset's layout says it has.
struct ChunkGrid {
  std::vector<hsize_t> extents, chunk;  ///< of the dataset, and of each chunk: none is 0
  std::size_t element_bytes;

  /// Returns the number of chunks along a dimension.
  hsize_t count(std::size_t dimension) const {
    const hsize_t whole = extents[dimension] / chunk[dimension];
    return whole + (extents[dimension] % chunk[dimension] != 0 ? 1 : 0);
  }
};

/// Returns the chunks of a chunked dataset; nullopt if its layout is damaged.
std::optional<ChunkGrid> chunk_grid(hid_t dataset);

/// How much of the chunks of a dataset is checked.
enum class ChunkCheck {
  index,   ///< that all are there and have plausible sizes
  content  ///< also that each unpacks to the size that the layout says, which takes time
};

/// Returns what is wrong with the chunks of a dataset that has values; nullopt if nothing is. HDF5
/// 1.10 does not check that a chunk unpacks to what the layout says, and reads beyond one that is
/// shorter; in place of a missing chunk it gives zeros. Filters are gzip, once, shuffle and
/// Fletcher-32.
std::optional<std::string> fault_of_chunks(hid_t dataset, ChunkCheck check);

}  // namespace ridgeline::io
