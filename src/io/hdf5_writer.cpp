#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "io/file.hpp"
#include "io/hdf5.hpp"
#include "io/hdf5_handle.hpp"

namespace ridgeline::io {
namespace {

/// Returns `result`; throws RunError if it is an HDF5 error.
template <class Result>
Result checked(Result result, const std::string& what) {
  if (result < 0) throw RunError("cannot build an HDF5 file in memory: " + what);
  return result;
}

void* allocate(std::size_t size, H5FD_file_image_op_t, void*) { return std::malloc(size); }

void* copy(void* to, const void* from, std::size_t size, H5FD_file_image_op_t, void*) {
  return std::memcpy(to, from, size);
}

void* reallocate(void* memory, std::size_t size, H5FD_file_image_op_t, void*) {
  return std::realloc(memory, size);
}

/// Transfers the memory of a closed file to `*owner`; frees other memory.
herr_t release(void* memory, H5FD_file_image_op_t operation, void* owner) {
  if (operation == H5FD_FILE_IMAGE_OP_FILE_CLOSE) {
    *static_cast<void**>(owner) = memory;
  } else {
    std::free(memory);
  }
  return 0;
}

void* same_owner(void* owner) { return owner; }

herr_t keep_owner(void*) { return 0; }

/// Returns the link properties of a new object, with a UTF-8 name.
Hdf5Handle link_properties() {
  Hdf5Handle properties(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_char_encoding(properties, H5T_CSET_UTF8);
  return properties;
}

Hdf5Handle dataspace(const Shape& shape) {
  if (shape.empty()) return {H5Screate(H5S_SCALAR), H5Sclose};
  const std::vector<hsize_t> extents(shape.begin(), shape.end());
  return {H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), H5Sclose};
}

/// Returns creation properties without timestamps, so that equal contents produce equal files.
Hdf5Handle without_times(hid_t object_class) {
  Hdf5Handle properties(H5Pcreate(object_class), H5Pclose);
  H5Pset_obj_track_times(properties, false);
  return properties;
}

/// Returns the end of a closed file's content from its superblock (version 3: the third of four
/// addresses, after 12 bytes), since HDF5 allocates more memory. Returns SIZE_MAX for other
/// superblock versions.
std::size_t end_of_file(const void* image, std::size_t size) {
  constexpr std::size_t kVersion = 8, kEnd = 28;
  const auto* bytes = static_cast<const unsigned char*>(image);
  if (size < kEnd + 8 || bytes[kVersion] != 3) return SIZE_MAX;
  std::uint64_t end = 0;
  for (std::size_t i = 8; i-- > 0;) end = end << 8 | bytes[kEnd + i];
  return static_cast<std::size_t>(end);
}

std::string group_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

/// Returns the extents of a chunk: a few MiB, of whole rows if these are no longer.
std::vector<hsize_t> chunk_of(const Shape& shape, std::size_t element_bytes) {
  constexpr std::size_t kChunkBytes = std::size_t{4} << 20;
  std::vector<hsize_t> chunk;
  std::size_t bytes = element_bytes;
  for (const std::size_t extent : shape) {
    chunk.push_back(std::max<std::size_t>(1, extent));
    bytes *= chunk.back();
  }
  for (hsize_t& extent : chunk) {
    if (bytes <= kChunkBytes) break;
    const std::size_t row_bytes = bytes / extent;
    extent = std::max<std::size_t>(1, kChunkBytes / std::max<std::size_t>(1, row_bytes));
    bytes = row_bytes * extent;
  }
  return chunk;
}

}  // namespace

Hdf5Writer::Hdf5Writer(Checks checks) : checks_(checks) {
  const Hdf5Lock lock;
  silence_hdf5();
  const Hdf5Handle properties(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  constexpr std::size_t kIncrement = 4 << 20;
  constexpr hbool_t kNoFileOnDisk = 0;
  checked(H5Pset_fapl_core(properties, kIncrement, kNoFileOnDisk), "properties");
#if H5_VERSION_GE(1, 10, 2)
  // The format of HDF5 1.10 has checksums over everything except the values: reading damaged
  // metadata fails.
  checked(H5Pset_libver_bounds(properties, H5F_LIBVER_V110, H5F_LIBVER_V110), "properties");
#endif
  // H5Fget_file_image of HDF5 1.10 clears a flag that the checksum covers, which invalidates it.
  // The memory of the closed file is correct and needs no copy.
  H5FD_file_image_callbacks_t callbacks = {allocate,   copy,       reallocate, release,
                                           same_owner, keep_owner, &image_};
  checked(H5Pset_file_image_callbacks(properties, &callbacks), "properties");
  file_ = checked(H5Fcreate("ridgeline", H5F_ACC_TRUNC, without_times(H5P_FILE_CREATE), properties),
                  "root");
}

Hdf5Writer::~Hdf5Writer() {
  const Hdf5Lock lock;
  if (file_ >= 0) H5Fclose(file_);
  std::free(image_);
}

void Hdf5Writer::group(const std::string& path) {
  const Hdf5Lock lock;
  // Opening a missing group fails without an error; an object of another type fails below.
  const Hdf5Handle existing(H5Oopen(file_, path.c_str(), H5P_DEFAULT), H5Oclose);
  if (existing.is_valid()) return;
  group(group_of(path));
  const Hdf5Handle made(H5Gcreate2(file_, path.c_str(), link_properties(),
                                   without_times(H5P_GROUP_CREATE), H5P_DEFAULT),
                        H5Gclose);
  checked(static_cast<hid_t>(made), path);
}

std::int64_t Hdf5Writer::make_dataset(const std::string& path, std::int64_t type,
                                      const Shape& shape) {
  const Hdf5Lock lock;
  group(group_of(path));
  const Hdf5Handle properties = without_times(H5P_DATASET_CREATE);
  std::vector<hsize_t> extents(shape.begin(), shape.end()), most = extents;
  if (checks_ == Checks::fletcher32 && !shape.empty()) {
    const std::vector<hsize_t> chunk = chunk_of(shape, H5Tget_size(type));
    // A chunk must not exceed the maximum extent of a dimension.
    for (hsize_t& extent : most) extent = extent == 0 ? H5S_UNLIMITED : extent;
    checked(H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data()), path);
    checked(H5Pset_fletcher32(properties), path);
  }
  const Hdf5Handle space = shape.empty()
                               ? dataspace(shape)
                               : Hdf5Handle(H5Screate_simple(static_cast<int>(extents.size()),
                                                             extents.data(), most.data()),
                                            H5Sclose);
  return checked(
      H5Dcreate2(file_, path.c_str(), type, space, link_properties(), properties, H5P_DEFAULT),
      path);
}

template <class T>
void Hdf5Writer::write(const std::string& path, const Shape& shape, const T* values) {
  const Hdf5Lock lock;
  const Hdf5Handle dataset(make_dataset(path, native_type<T>(), shape), H5Dclose);
  if (size_of(shape) == 0) return;
  checked(H5Dwrite(dataset, native_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values), path);
}

void Hdf5Writer::write_strings(const std::string& path, const Shape& shape,
                               const std::vector<std::string>& texts) {
  const Hdf5Lock lock;
  std::size_t length = 1;
  for (const std::string& text : texts) length = std::max(length, text.size());
  const Hdf5Handle type = text_type(length);
  const Hdf5Handle dataset(make_dataset(path, type, shape), H5Dclose);
  if (texts.empty()) return;
  std::string padded(length * texts.size(), '\0');
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::copy(texts[i].begin(), texts[i].end(),
              padded.begin() + static_cast<std::ptrdiff_t>(i * length));
  }
  checked(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, padded.data()), path);
}

void Hdf5Writer::write_text(const std::string& path, const std::string& text) {
  // Filters, and thus checksums, do not work on a scalar.
  write_strings(path, checks_ == Checks::none ? Shape{} : Shape{1}, {text});
}

void Hdf5Writer::write_texts(const std::string& path, const std::vector<std::string>& texts) {
  write_strings(path, {texts.size()}, texts);
}

void Hdf5Writer::raw_attribute(const std::string& object, const std::string& name,
                               std::int64_t stored_type, std::int64_t memory_type,
                               const void* value) {
  const Hdf5Lock lock;
  group(object);
  const Hdf5Handle attribute(
      H5Acreate_by_name(file_, object.c_str(), name.c_str(), stored_type, dataspace({}),
                        H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  checked(static_cast<hid_t>(attribute), object + "." + name);
  checked(H5Awrite(attribute, memory_type, value), object + "." + name);
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name,
                           const std::string& text) {
  const Hdf5Lock lock;
  const Hdf5Handle type = text_type(text.size());
  raw_attribute(object, name, type, type, text.c_str());
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name, const char* text) {
  attribute(object, name, std::string(text));
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name, std::int64_t value) {
  raw_attribute(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name, double value) {
  raw_attribute(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

std::string Hdf5Writer::digest() const {
  const Hdf5Lock lock;
  try {
    return digest_of(file_);
  } catch (const std::runtime_error& error) {
    throw RunError(std::string("cannot build an HDF5 file in memory: ") + error.what());
  }
}

void Hdf5Writer::save(const std::string& file, Replaced replaced) {
  if (file_ >= 0) {
    const Hdf5Lock lock;
    checked(H5Fflush(file_, H5F_SCOPE_GLOBAL), "flush");
    image_size_ = static_cast<std::size_t>(checked(H5Fget_file_image(file_, nullptr, 0), "size"));
    checked(H5Fclose(file_), "close");
    file_ = -1;
    image_size_ = std::min(image_size_, end_of_file(image_, image_size_));
  }
  write_file_atomically(file, {static_cast<const char*>(image_), image_size_}, replaced);
}

#define RIDGELINE_INSTANTIATE(T) \
  template void Hdf5Writer::write<T>(const std::string&, const Shape&, const T*);
RIDGELINE_FOR_HDF5_TYPES(RIDGELINE_INSTANTIATE)
#undef RIDGELINE_INSTANTIATE

}  // namespace ridgeline::io
