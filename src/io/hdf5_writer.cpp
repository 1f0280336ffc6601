#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "io/file.hpp"
#include "io/hdf5.hpp"
#include "io/hdf5_handle.hpp"

namespace ridgeline::io {
namespace {

/// `result` where HDF5 calls it good.
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

/// Keeps the memory of a file that is closed for `owner`, a pointer to the one who wants it.
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

/// Properties of a new object's name, which is UTF-8.
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

/// Properties of a new object without the time it was made, so that equal content makes equal
/// files.
Hdf5Handle timeless(hid_t object_class) {
  Hdf5Handle properties(H5Pcreate(object_class), H5Pclose);
  H5Pset_obj_track_times(properties, false);
  return properties;
}

std::string group_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

Hdf5Handle make_dataset(hid_t file, const std::string& path, hid_t type, hid_t space) {
  return {checked(H5Dcreate2(file, path.c_str(), type, space, link_properties(),
                             timeless(H5P_DATASET_CREATE), H5P_DEFAULT),
                  path),
          H5Dclose};
}

}  // namespace

Hdf5Writer::Hdf5Writer() {
  silence_hdf5();
  const Hdf5Handle properties(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  constexpr std::size_t kIncrement = 4 << 20;
  constexpr hbool_t kNoFileOnDisk = 0;
  checked(H5Pset_fapl_core(properties, kIncrement, kNoFileOnDisk), "properties");
#if H5_VERSION_GE(1, 10, 2)
  // The format of HDF5 1.8 has checksums over all but the numbers: damage is an error when read.
  checked(H5Pset_libver_bounds(properties, H5F_LIBVER_V18, H5F_LIBVER_V18), "properties");
#endif
  // H5Fget_file_image of HDF5 1.10 clears a flag under the checksum and spoils it. The closed
  // file's own memory is right, and needs no copy.
  H5FD_file_image_callbacks_t callbacks = {allocate,   copy,       reallocate, release,
                                           same_owner, keep_owner, &image_};
  checked(H5Pset_file_image_callbacks(properties, &callbacks), "properties");
  file_ =
      checked(H5Fcreate("ridgeline", H5F_ACC_TRUNC, timeless(H5P_FILE_CREATE), properties), "root");
}

Hdf5Writer::~Hdf5Writer() {
  if (file_ >= 0) H5Fclose(file_);
  std::free(image_);
}

void Hdf5Writer::group(const std::string& path) {
  // Opening what is missing fails quietly; anything else that stands there fails below.
  const Hdf5Handle existing(H5Oopen(file_, path.c_str(), H5P_DEFAULT), H5Oclose);
  if (existing.is_valid()) return;
  group(group_of(path));
  const Hdf5Handle made(
      H5Gcreate2(file_, path.c_str(), link_properties(), timeless(H5P_GROUP_CREATE), H5P_DEFAULT),
      H5Gclose);
  checked(static_cast<hid_t>(made), path);
}

template <class T>
void Hdf5Writer::write(const std::string& path, const Shape& shape, const T* values) {
  group(group_of(path));
  const Hdf5Handle dataset = make_dataset(file_, path, native_type<T>(), dataspace(shape));
  if (size_of(shape) == 0) return;
  checked(H5Dwrite(dataset, native_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values), path);
}

void Hdf5Writer::write_text(const std::string& path, const std::string& text) {
  const Hdf5Handle type = text_type();
  group(group_of(path));
  const Hdf5Handle dataset = make_dataset(file_, path, type, dataspace({}));
  const char* pointer = text.c_str();
  checked(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &pointer), path);
}

void Hdf5Writer::write_texts(const std::string& path, const std::vector<std::string>& texts) {
  const Hdf5Handle type = text_type();
  group(group_of(path));
  const Hdf5Handle dataset = make_dataset(file_, path, type, dataspace({texts.size()}));
  if (texts.empty()) return;
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  checked(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()), path);
}

void Hdf5Writer::number_attribute(const std::string& object, const std::string& name,
                                  std::int64_t stored_type, std::int64_t memory_type,
                                  const void* value) {
  group(object);
  const Hdf5Handle attribute(
      H5Acreate_by_name(file_, object.c_str(), name.c_str(), stored_type, dataspace({}),
                        H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  checked(static_cast<hid_t>(attribute), object + "." + name);
  checked(H5Awrite(attribute, memory_type, value), object + "." + name);
}

void Hdf5Writer::text_attribute(const std::string& object, const std::string& name,
                                const char* text) {
  const Hdf5Handle type = text_type();
  number_attribute(object, name, type, type, &text);
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name,
                           const std::string& text) {
  text_attribute(object, name, text.c_str());
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name, const char* text) {
  text_attribute(object, name, text);
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name, std::int64_t value) {
  number_attribute(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name, double value) {
  number_attribute(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

void Hdf5Writer::save(const std::string& file) {
  if (file_ >= 0) {
    checked(H5Fflush(file_, H5F_SCOPE_GLOBAL), "flush");
    image_size_ = static_cast<std::size_t>(checked(H5Fget_file_image(file_, nullptr, 0), "size"));
    checked(H5Fclose(file_), "close");
    file_ = -1;
  }
  write_file_atomically(file, {static_cast<const char*>(image_), image_size_});
}

#define RIDGELINE_INSTANTIATE(T) \
  template void Hdf5Writer::write<T>(const std::string&, const Shape&, const T*);
RIDGELINE_FOR_HDF5_TYPES(RIDGELINE_INSTANTIATE)
#undef RIDGELINE_INSTANTIATE

}  // namespace ridgeline::io
