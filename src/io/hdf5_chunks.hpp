#pragma once

// Private to this folder.

#include <hdf5.h>

#include <optional>
#include <string>
#include <vector>

namespace ridgeline::io {

/// A dataset's filters, in the order in which they were applied.
std::vector<H5Z_filter_t> filters_of(hid_t properties);

/// Returns what is wrong with the chunks of a dataset that has values; nullopt if nothing is. HDF5
/// 1.10 takes it on trust that each chunk unpacks to what the layout says, and reads beyond one
/// that does not; of a chunk that is missing it makes zeros. Filters are gzip, once, shuffle and
/// Fletcher-32. Compressed chunks are unpacked, which takes time, unless only the `index` is to be
/// looked at: as a child process does before this one.
std::optional<std::string> fault_of_chunks(hid_t dataset, bool index);

}  // namespace ridgeline::io
