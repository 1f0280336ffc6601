#pragma once

// Private to this folder.

#include <hdf5.h>

#include <optional>
#include <string>
#include <vector>

namespace ridgeline::io {

/// Returns a dataset's filters, in the order of application.
std::vector<H5Z_filter_t> filters_of(hid_t properties);

/// The chunks that a dataset's layout declares.
struct ChunkGrid {
  std::vector<hsize_t> extents, chunk;  ///< of the dataset and of each chunk; all positive
  std::size_t element_bytes;

  /// Returns the number of chunks along a dimension.
  hsize_t count(std::size_t dimension) const {
    const hsize_t whole = extents[dimension] / chunk[dimension];
    return whole + (extents[dimension] % chunk[dimension] != 0 ? 1 : 0);
  }
};

/// Returns the chunks of a chunked dataset; nullopt if its layout is damaged.
std::optional<ChunkGrid> chunk_grid(hid_t dataset);

/// Extent of a check of a dataset's chunks.
enum class ChunkCheck {
  index,   ///< all chunks exist and have plausible sizes
  content  ///< each also unpacks to the size in the layout; expensive
};

/// Returns the fault of the chunks of a non-empty dataset; nullopt if there is none. HDF5 1.10 does
/// not check that a chunk unpacks to the size in the layout, and reads beyond the end of a shorter
/// one; it returns zeros for a missing chunk. Filters are gzip (at most once), shuffle and
/// Fletcher-32.
std::optional<std::string> fault_of_chunks(hid_t dataset, ChunkCheck check);

}  // namespace ridgeline::io
