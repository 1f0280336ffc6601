#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "core/error.hpp"
#include "io/hdf5.hpp"
#include "io/hdf5_handle.hpp"

namespace ridgeline::io {
namespace {

constexpr std::size_t kMostElements = std::numeric_limits<std::ptrdiff_t>::max() / 8;

Hdf5Handle open_dataset(const Hdf5Reader& reader, hid_t file, const std::string& path) {
  Hdf5Handle dataset(H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.is_valid()) {
    reader.fail(path, reader.has(path) ? "is not a readable dataset" : "is missing");
  }
  return dataset;
}

ElementClass class_of(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return ElementClass::integer;
    case H5T_FLOAT:
      return ElementClass::real;
    case H5T_STRING:
      return ElementClass::text;
    default:
      return ElementClass::other;
  }
}

/// Texts shorter than a fixed length are padded with zeros (C, HDF5's default) or with spaces
/// (Fortran).
void trim_padding(hid_t stored_type, std::string& text) {
  if (H5Tget_strpad(stored_type) == H5T_STR_SPACEPAD) text.erase(text.find_last_not_of(' ') + 1);
  text.resize(std::min(text.size(), text.find('\0')));
}

/// Reads one text, of fixed or variable length, with `read(memory_type, destination)`.
template <class Read>
bool read_one_text(hid_t stored_type, hid_t space, const Read& read, std::string& text) {
  if (H5Tget_class(stored_type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) {
    return false;
  }
  const Hdf5Handle type(H5Tcopy(stored_type), H5Tclose);
  if (H5Tis_variable_str(stored_type) > 0) {
    char* pointer = nullptr;
    if (read(type, &pointer) < 0) return false;
    if (pointer != nullptr) text = pointer;
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, &pointer);
    return true;
  }
  text.assign(H5Tget_size(stored_type), '\0');
  if (read(type, text.data()) < 0) return false;
  trim_padding(stored_type, text);
  return true;
}

herr_t append_name(hid_t, const char* name, const H5L_info_t*, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

}  // namespace

Hdf5Reader::Hdf5Reader(const std::string& file) : name_(file), file_(-1) {
  silence_hdf5();
  struct stat status;
  if (::stat(file.c_str(), &status) != 0) {
    throw RequestError(file + ": cannot read: " + std::strerror(errno));
  }
  if (S_ISDIR(status.st_mode)) {
    throw RequestError(file + ": is a folder; an HDF5 file is expected");
  }
  if (H5Fis_hdf5(file.c_str()) <= 0) throw RequestError(file + ": is not an HDF5 file");
  const Hdf5Handle properties(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
#if H5_VERSION_GE(1, 10, 7)
  // Files here are written whole and renamed, so locks guard nothing; some file systems lack them.
  H5Pset_file_locking(properties, false, true);
#endif
  file_ = H5Fopen(file.c_str(), H5F_ACC_RDONLY, properties);
  if (file_ < 0) {
    throw RequestError(file + ": cannot be opened as HDF5: the file is truncated or damaged");
  }
}

Hdf5Reader::~Hdf5Reader() { H5Fclose(file_); }

void Hdf5Reader::fail(const std::string& object, const std::string& message) const {
  throw RequestError(name_ + ": " + object + ": " + message);
}

bool Hdf5Reader::has(const std::string& path) const {
  // HDF5 answers only for the last name of a path; those before it must be asked for in turn.
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (part != "/" && H5Lexists(file_, part.c_str(), H5P_DEFAULT) <= 0) return false;
    if (end == std::string::npos) break;
  }
  return H5Oexists_by_name(file_, path.c_str(), H5P_DEFAULT) > 0;
}

bool Hdf5Reader::is_dataset(const std::string& path) const {
  const Hdf5Handle object(H5Oopen(file_, path.c_str(), H5P_DEFAULT), H5Oclose);
  return object.is_valid() && H5Iget_type(object) == H5I_DATASET;
}

std::vector<std::string> Hdf5Reader::children(const std::string& group) const {
  const Hdf5Handle opened(H5Gopen2(file_, group.c_str(), H5P_DEFAULT), H5Gclose);
  if (!opened.is_valid()) fail(group, has(group) ? "is not a readable group" : "is missing");
  std::vector<std::string> names;
  if (H5Literate(opened, H5_INDEX_NAME, H5_ITER_INC, nullptr, append_name, &names) < 0) {
    fail(group, "cannot be read: the file is truncated or damaged");
  }
  return names;
}

Shape Hdf5Reader::shape(const std::string& path) const {
  const Hdf5Handle dataset = open_dataset(*this, file_, path);
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0) fail(path, "has no readable shape: the file is damaged");
  std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
  if (rank > 0) H5Sget_simple_extent_dims(space, extents.data(), nullptr);
  return Shape(extents.begin(), extents.end());
}

ElementClass Hdf5Reader::element_class(const std::string& path) const {
  const Hdf5Handle dataset = open_dataset(*this, file_, path);
  return class_of(Hdf5Handle(H5Dget_type(dataset), H5Tclose));
}

std::size_t Hdf5Reader::element_size(const std::string& path) const {
  const Hdf5Handle dataset = open_dataset(*this, file_, path);
  return H5Tget_size(Hdf5Handle(H5Dget_type(dataset), H5Tclose));
}

void Hdf5Reader::check_numbers(const std::string& path) const {
  const ElementClass found = element_class(path);
  if (found != ElementClass::integer && found != ElementClass::real) {
    fail(path, "does not hold numbers");
  }
  // A damaged header can claim any size; what cannot be in the file is not allocated for.
  std::size_t elements = 1;
  for (const std::size_t extent : shape(path)) {
    if (extent != 0 && elements > kMostElements / extent) {
      fail(path, "claims more elements than memory can hold: the file is damaged");
    }
    elements *= extent;
  }
  const Hdf5Handle dataset = open_dataset(*this, file_, path);
  const Hdf5Handle properties(H5Dget_create_plist(dataset), H5Pclose);
  hsize_t file_size = 0;
  if (H5Pget_layout(properties) == H5D_CONTIGUOUS && H5Pget_external_count(properties) == 0 &&
      H5Fget_filesize(file_, &file_size) >= 0 &&
      elements > file_size / H5Tget_size(Hdf5Handle(H5Dget_type(dataset), H5Tclose))) {
    fail(path, "claims more elements than the file can hold: the file is truncated or damaged");
  }
}

template <class T>
std::vector<T> Hdf5Reader::read(const std::string& path) const {
  check_numbers(path);
  std::vector<T> values;
  try {
    values.resize(size_of(shape(path)));
  } catch (const std::bad_alloc&) {
    fail(path, "does not fit into memory with its shape " + to_string(shape(path)));
  }
  read(path, values.data());
  return values;
}

template <class T>
void Hdf5Reader::read(const std::string& path, T* values) const {
  check_numbers(path);
  if (size_of(shape(path)) == 0) return;
  const Hdf5Handle dataset = open_dataset(*this, file_, path);
  if (H5Dread(dataset, native_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
    fail(path, "cannot be read: the file is truncated or damaged");
  }
}

template <class T>
void Hdf5Reader::read_rows(const std::string& path, std::size_t first, std::size_t count,
                           T* values) const {
  check_numbers(path);
  const Shape extents = shape(path);
  if (extents.empty() || first > extents[0] || count > extents[0] - first) {
    fail(path, "has no rows " + std::to_string(first) + " to " + std::to_string(first + count) +
                   "; its shape is " + to_string(extents));
  }
  std::vector<hsize_t> counts(extents.begin(), extents.end());
  std::vector<hsize_t> starts(extents.size(), 0);
  counts[0] = count;
  starts[0] = first;
  if (std::find(counts.begin(), counts.end(), hsize_t{0}) != counts.end()) return;
  const Hdf5Handle dataset = open_dataset(*this, file_, path);
  const Hdf5Handle stored(H5Dget_space(dataset), H5Sclose);
  const Hdf5Handle memory(H5Screate_simple(static_cast<int>(counts.size()), counts.data(), nullptr),
                          H5Sclose);
  if (H5Sselect_hyperslab(stored, H5S_SELECT_SET, starts.data(), nullptr, counts.data(), nullptr) <
          0 ||
      H5Dread(dataset, native_type<T>(), memory, stored, H5P_DEFAULT, values) < 0) {
    fail(path, "cannot be read: the file is truncated or damaged");
  }
}

std::string Hdf5Reader::read_text(const std::string& path) const {
  const Hdf5Handle dataset = open_dataset(*this, file_, path);
  const Hdf5Handle type(H5Dget_type(dataset), H5Tclose);
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  std::string text;
  const auto read = [&](hid_t memory_type, void* destination) {
    return H5Dread(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, destination);
  };
  if (!read_one_text(type, space, read, text)) fail(path, "is not a readable text");
  return text;
}

std::vector<std::string> Hdf5Reader::read_texts(const std::string& path) const {
  const Shape extents = shape(path);
  const Hdf5Handle dataset = open_dataset(*this, file_, path);
  const Hdf5Handle stored(H5Dget_type(dataset), H5Tclose);
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  if (extents.size() != 1 || H5Tget_class(stored) != H5T_STRING) {
    fail(path, "is not a list of texts");
  }
  const std::size_t count = extents[0];
  std::vector<std::string> texts(count);
  if (count == 0) return texts;
  const Hdf5Handle type(H5Tcopy(stored), H5Tclose);
  const char* const damaged = "cannot be read: the file is truncated or damaged";
  if (H5Tis_variable_str(stored) > 0) {
    std::vector<char*> pointers(count, nullptr);
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()) < 0) {
      fail(path, damaged);
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (pointers[i] != nullptr) texts[i] = pointers[i];
    }
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data());
    return texts;
  }
  const std::size_t length = H5Tget_size(stored);
  std::string all(count * length, '\0');
  if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, all.data()) < 0) fail(path, damaged);
  for (std::size_t i = 0; i < count; ++i) {
    texts[i] = all.substr(i * length, length);
    trim_padding(stored, texts[i]);
  }
  return texts;
}

bool Hdf5Reader::has_attribute(const std::string& object, const std::string& name) const {
  return has(object) && H5Aexists_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT) > 0;
}

std::string Hdf5Reader::text_attribute(const std::string& object, const std::string& name) const {
  if (!has_attribute(object, name)) fail(object, "has no attribute \"" + name + "\"");
  const Hdf5Handle attribute(
      H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  const Hdf5Handle type(H5Aget_type(attribute), H5Tclose);
  const Hdf5Handle space(H5Aget_space(attribute), H5Sclose);
  std::string text;
  const auto read = [&](hid_t memory_type, void* destination) {
    return H5Aread(attribute, memory_type, destination);
  };
  if (!read_one_text(type, space, read, text)) {
    fail(object, "attribute \"" + name + "\" is not a text");
  }
  return text;
}

template <class T>
T Hdf5Reader::number_attribute(const std::string& object, const std::string& name,
                               std::int64_t memory_type) const {
  if (!has_attribute(object, name)) fail(object, "has no attribute \"" + name + "\"");
  const Hdf5Handle attribute(
      H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  const Hdf5Handle type(H5Aget_type(attribute), H5Tclose);
  const Hdf5Handle space(H5Aget_space(attribute), H5Sclose);
  const ElementClass found = class_of(type);
  T value{};
  const bool is_number = found == ElementClass::integer ||
                         (found == ElementClass::real && memory_type == H5T_NATIVE_DOUBLE);
  if (!is_number || H5Sget_simple_extent_npoints(space) != 1 ||
      H5Aread(attribute, memory_type, &value) < 0) {
    fail(object, "attribute \"" + name + "\" is not " +
                     (memory_type == H5T_NATIVE_DOUBLE ? "a number" : "an integer"));
  }
  return value;
}

std::int64_t Hdf5Reader::integer_attribute(const std::string& object,
                                           const std::string& name) const {
  return number_attribute<std::int64_t>(object, name, H5T_NATIVE_INT64);
}

double Hdf5Reader::real_attribute(const std::string& object, const std::string& name) const {
  return number_attribute<double>(object, name, H5T_NATIVE_DOUBLE);
}

#define RIDGELINE_INSTANTIATE(T)                                         \
  template std::vector<T> Hdf5Reader::read<T>(const std::string&) const; \
  template void Hdf5Reader::read<T>(const std::string&, T*) const;       \
  template void Hdf5Reader::read_rows<T>(const std::string&, std::size_t, std::size_t, T*) const;
RIDGELINE_FOR_HDF5_TYPES(RIDGELINE_INSTANTIATE)
#undef RIDGELINE_INSTANTIATE

}  // namespace ridgeline::io
