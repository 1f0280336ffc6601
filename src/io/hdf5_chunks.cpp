#include "io/hdf5_chunks.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "io/hdf5_handle.hpp"

namespace ridgeline::io {
namespace {

constexpr std::size_t kFletcherBytes = 4;
/// HDF5 1.10 finds chunk i of an index by traversing all previous ones, so only this many are
/// checked.
constexpr hsize_t kMostOneByOne = 4096;

/// Returns the unpacked size of a zlib stream in bytes, `most` + 1 if it exceeds `most`; nullopt if
/// it is damaged.
std::optional<std::size_t> inflated_size(const unsigned char* stored, std::size_t size,
                                         std::size_t most) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return {};
  std::vector<unsigned char> scratch(std::size_t{1} << 16);
  stream.next_in = const_cast<unsigned char*>(stored);
  std::size_t left = size, total = 0;
  int status = Z_OK;
  while (status == Z_OK && total <= most) {
    if (stream.avail_in == 0) {
      stream.avail_in = static_cast<uInt>(std::min<std::size_t>(left, std::size_t{1} << 30));
      left -= stream.avail_in;
    }
    stream.next_out = scratch.data();
    stream.avail_out = static_cast<uInt>(scratch.size());
    status = inflate(&stream, Z_NO_FLUSH);
    total += scratch.size() - stream.avail_out;
  }
  inflateEnd(&stream);
  if (total > most) return most + 1;
  return status == Z_STREAM_END ? std::optional<std::size_t>(total) : std::nullopt;
}

/// Returns the unpacked size of a chunk in bytes, a value above `most` if it exceeds `most`;
/// nullopt if it is damaged. A set bit of `mask` marks a filter that was skipped.
std::optional<std::size_t> unpacked_size(const std::vector<H5Z_filter_t>& filters,
                                         std::uint32_t mask,
                                         const std::vector<unsigned char>& chunk,
                                         std::size_t most) {
  std::size_t size = chunk.size();
  for (std::size_t i = filters.size(); i-- > 0;) {
    if (i < 32 && (mask >> i & 1) != 0) continue;
    if (filters[i] == H5Z_FILTER_FLETCHER32) {
      if (size < kFletcherBytes) return {};
      size -= kFletcherBytes;
    } else if (filters[i] == H5Z_FILTER_DEFLATE) {
      const auto inflated = inflated_size(chunk.data(), size, most + kFletcherBytes);
      if (!inflated) return {};
      size = *inflated;
    }
  }
  return size;
}

/// Iterates over the chunks of a grid.
class ChunkWalk {
 public:
  explicit ChunkWalk(const ChunkGrid& grid) : grid_(grid), offset_(grid.extents.size(), 0) {}

  const hsize_t* offset() const { return offset_.data(); }
  bool next() {
    for (std::size_t i = offset_.size(); i-- > 0;) {
      offset_[i] += grid_.chunk[i];
      if (offset_[i] < grid_.extents[i]) return true;
      offset_[i] = 0;
    }
    return false;
  }

 private:
  const ChunkGrid& grid_;
  std::vector<hsize_t> offset_;
};

constexpr const char* kMissing =
    "lacks values that its shape requires: the file is incomplete or damaged";
constexpr const char* kOfAnotherSize =
    "has chunks of another size than it declares: the file is damaged";

/// Checks a dataset without filters. Only the version 1 index stores a size per chunk.
std::optional<std::string> fault_of_plain_chunks(hid_t dataset, hsize_t count, std::size_t bytes) {
  const hsize_t stored = H5Dget_storage_size(dataset);
  if (stored != count * bytes) return stored < count * bytes ? kMissing : kOfAnotherSize;
  H5D_chunk_index_t index = H5D_CHUNK_IDX_BTREE;
  if (H5Dget_chunk_index_type(dataset, &index) < 0) return kDamaged;
  if (index != H5D_CHUNK_IDX_BTREE) return {};
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  for (hsize_t i = 0; i < std::min(count, kMostOneByOne); ++i) {
    hsize_t size = 0;
    if (H5Dget_chunk_info(dataset, space, i, nullptr, nullptr, nullptr, &size) < 0) return kDamaged;
    if (size != bytes) return kOfAnotherSize;
  }
  return {};
}

}  // namespace

std::optional<ChunkGrid> chunk_grid(hid_t dataset) {
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  const Hdf5Handle type(H5Dget_type(dataset), H5Tclose);
  const Hdf5Handle properties(H5Dget_create_plist(dataset), H5Pclose);
  hsize_t chunk[H5S_MAX_RANK];
  const int rank = H5Pget_chunk(properties, H5S_MAX_RANK, chunk);
  const auto extents = extents_of(space);
  // HDF5 1.10 reads endlessly if they differ.
  if (rank < 1 || !extents || extents->size() != static_cast<std::size_t>(rank)) return {};
  if (std::find(chunk, chunk + rank, hsize_t{0}) != chunk + rank) return {};
  return ChunkGrid{*extents, {chunk, chunk + rank}, H5Tget_size(type)};
}

std::vector<H5Z_filter_t> filters_of(hid_t properties) {
  std::vector<H5Z_filter_t> filters;
  const int count = H5Pget_nfilters(properties);
  for (int i = 0; i < count; ++i) {
    unsigned flags = 0;
    std::size_t values = 0;
    filters.push_back(H5Pget_filter2(properties, static_cast<unsigned>(i), &flags, &values, nullptr,
                                     0, nullptr, nullptr));
  }
  return filters;
}

std::optional<std::string> fault_of_chunks(hid_t dataset, ChunkCheck check) {
  const Hdf5Handle properties(H5Dget_create_plist(dataset), H5Pclose);
  unsigned options = 0;
  if (H5Pget_chunk_opts(properties, &options) < 0) return kDamaged;
  if ((options & H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) != 0) {
    return "leaves partial edge chunks unfiltered, which is not supported";
  }
  const std::vector<H5Z_filter_t> filters = filters_of(properties);
  const auto grid = chunk_grid(dataset);
  if (!grid) return kDamaged;
  std::size_t bytes = grid->element_bytes;  // of a chunk
  hsize_t chunks = 1;
  for (std::size_t i = 0; i < grid->chunk.size(); ++i) {
    bytes *= grid->chunk[i];
    chunks *= grid->count(i);
  }
  if (filters.empty()) {
    if (check == ChunkCheck::content) return {};  // already checked with the index
    if (auto fault = fault_of_plain_chunks(dataset, chunks, bytes)) {
      return fault;
    }
  }
  const auto count_of = [&](H5Z_filter_t filter) {
    return static_cast<std::size_t>(std::count(filters.begin(), filters.end(), filter));
  };
  const bool packed = count_of(H5Z_FILTER_DEFLATE) > 0;
  const std::size_t checked = bytes + kFletcherBytes * count_of(H5Z_FILTER_FLETCHER32);
  // deflate expands incompressible bytes slightly.
  const std::size_t most = checked + checked / 1000 + 64;
  std::vector<unsigned char> stored;
  ChunkWalk chunk(*grid);
  do {
    hsize_t size = 0;
    if (H5Dget_chunk_storage_size(dataset, chunk.offset(), &size) < 0 || size == 0) return kMissing;
    if (size > most) return kOfAnotherSize;
    if (check == ChunkCheck::index || (!packed && size == checked)) continue;
    stored.resize(size);
    std::uint32_t mask = 0;
    if (H5Dread_chunk(dataset, H5P_DEFAULT, chunk.offset(), &mask, stored.data()) < 0) {
      return kDamaged;
    }
    const auto unpacked = unpacked_size(filters, mask, stored, bytes);
    if (!unpacked) return kDamaged;
    if (*unpacked != bytes) return kOfAnotherSize;
  } while (chunk.next());
  return {};
}

}  // namespace ridgeline::io
