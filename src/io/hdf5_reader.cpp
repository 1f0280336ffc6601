#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "core/error.hpp"
#include "io/file.hpp"
#include "io/hdf5.hpp"
#include "io/hdf5_chunks.hpp"
#include "io/hdf5_handle.hpp"

namespace ridgeline::io {
namespace {

constexpr double kBytesOfAChunk = 4096;  ///< memory of HDF5 per chunk during a read
constexpr double kMostChunksAtOnce = 4096;
constexpr std::size_t kEveryRow = static_cast<std::size_t>(-1);

Hdf5Handle open_dataset(const Hdf5Reader& reader, hid_t file, hid_t access,
                        const std::string& path) {
  if (!reader.has(path)) reader.fail(path, "is missing");
  Hdf5Handle dataset(H5Dopen2(file, path.c_str(), access), H5Dclose);
  if (!dataset.is_valid()) {
    reader.fail(path, reader.is_dataset(path) ? kNoDataset : "is not a dataset");
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

herr_t refuse_external_link(const char*, const char*, const char*, const char*, unsigned*, hid_t,
                            void* reached) {
  *static_cast<bool*>(reached) = true;
  return -1;
}

}  // namespace

bool is_hdf5(const std::string& file) {
  InputFile(file).size();  // throws unless it is a regular file
  const Hdf5Lock lock;
  silence_hdf5();
  return H5Fis_hdf5(file.c_str()) > 0;
}

Hdf5Reader::Hdf5Reader(const std::string& file) : Hdf5Reader(file, {}, inspected(file, {})) {}

Hdf5Reader::Hdf5Reader(const std::string& file, const std::vector<std::string>& datasets)
    : Hdf5Reader(file, datasets, inspected(file, datasets)) {}

Hdf5Reader::Hdf5Reader(const std::string& file, const std::vector<std::string>& datasets,
                       Texts texts)
    : name_(file), datasets_(datasets), texts_(std::move(texts)) {
  const Hdf5Lock lock;
  silence_hdf5();
  size_ = InputFile(file).stored_bytes();
  if (!is_hdf5(file)) throw RequestError(file + ": is not an HDF5 file");
  const Hdf5Handle properties(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
#if H5_VERSION_GE(1, 10, 7)
  // Ridgeline writes files as a whole and renames them, so locks are not needed; some file systems
  // lack them.
  H5Pset_file_locking(properties, false, true);
#endif
  // HDF5 may have opened the file already in this way, as the source of a virtual dataset.
  H5Pset_fclose_degree(properties, H5F_CLOSE_WEAK);
  file_ = H5Fopen(file.c_str(), H5F_ACC_RDONLY, properties);
  if (file_ < 0) {
    throw RequestError(file + ": cannot be opened as HDF5: the file is truncated or damaged");
  }
  access_ = H5Pcreate(H5P_DATASET_ACCESS);
  H5Pset_elink_cb(access_, refuse_external_link, &reached_external_link_);
}

Hdf5Reader::~Hdf5Reader() {
  const Hdf5Lock lock;
  if (access_ >= 0) H5Pclose(access_);
  if (file_ >= 0) H5Fclose(file_);
}

void Hdf5Reader::fail(const std::string& object, const std::string& message) const {
  throw RequestError(name_ + ": " + object + ": " + message);
}

bool Hdf5Reader::has(const std::string& path) const {
  const Hdf5Lock lock;
  if (found_.count(path) > 0) return true;
  // H5Lexists checks only the last component of a path; the others must be checked one by one.
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (part != "/" && found_.count(part) == 0) {
      const htri_t found = H5Lexists(file_, part.c_str(), access_);
      if (found < 0 && is_below_dataset(part)) return false;
      if (found < 0) fail(part, kDamaged);
      if (found == 0) return false;
      check_link(file_, part, part);
    }
    if (end == std::string::npos) break;
  }
  reached_external_link_ = false;
  const htri_t found = H5Oexists_by_name(file_, path.c_str(), access_);
  if (found < 0) fail(path, reached_external_link_ ? kLeadsOut : kDamaged);
  if (found == 0 && path != "/") fail(path, "is a link that leads nowhere");
  if (found > 0) found_.insert(path);
  return found > 0;
}

bool Hdf5Reader::is_below_dataset(const std::string& path) const {
  const Hdf5Handle above(H5Oopen(file_, path.substr(0, path.rfind('/')).c_str(), access_),
                         H5Oclose);
  return above.is_valid() && H5Iget_type(above) == H5I_DATASET;
}

bool Hdf5Reader::is_dataset(const std::string& path) const {
  const Hdf5Lock lock;
  if (!has(path)) return false;
  const Hdf5Handle object(H5Oopen(file_, path.c_str(), access_), H5Oclose);
  if (!object.is_valid()) fail(path, kDamaged);
  return H5Iget_type(object) == H5I_DATASET;
}

std::vector<std::string> Hdf5Reader::children(const std::string& group) const {
  const Hdf5Lock lock;
  if (!has(group)) fail(group, "is missing");
  const Hdf5Handle opened(H5Gopen2(file_, group.c_str(), access_), H5Gclose);
  if (!opened.is_valid()) fail(group, "is not a readable group");
  std::vector<std::string> names;
  if (!names_in(opened, names)) fail(group, kDamaged);
  return names;
}

Shape Hdf5Reader::shape(const std::string& path) const {
  const Hdf5Lock lock;
  const Hdf5Handle dataset = open_dataset(*this, file_, access_, path);
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  const auto extents = extents_of(space);
  if (!extents) fail(path, "has no readable shape: the file is damaged");
  if (H5Sget_simple_extent_type(space) == H5S_NULL) fail(path, "holds nothing: a null dataspace");
  return Shape(extents->begin(), extents->end());
}

ElementClass Hdf5Reader::element_class(const std::string& path) const {
  const Hdf5Lock lock;
  const Hdf5Handle dataset = open_dataset(*this, file_, access_, path);
  return class_of(Hdf5Handle(H5Dget_type(dataset), H5Tclose));
}

bool Hdf5Reader::holds_bytes(const std::string& path) const {
  const Hdf5Lock lock;
  const Hdf5Handle dataset = open_dataset(*this, file_, access_, path);
  const Hdf5Handle type(H5Dget_type(dataset), H5Tclose);
  return H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) == 1 &&
         H5Tget_sign(type) == H5T_SGN_NONE;
}

std::size_t Hdf5Reader::element_size(const std::string& path) const {
  const Hdf5Lock lock;
  const Hdf5Handle dataset = open_dataset(*this, file_, access_, path);
  return H5Tget_size(Hdf5Handle(H5Dget_type(dataset), H5Tclose));
}

void Hdf5Reader::check_numbers(const std::string& path) const {
  const ElementClass found = element_class(path);
  if (found != ElementClass::integer && found != ElementClass::real) {
    fail(path, "does not hold numbers");
  }
  check_dataset(path);
}

template <class T>
std::vector<T> Hdf5Reader::read(const std::string& path) const {
  const Hdf5Lock lock;
  const std::size_t size = size_of(shape(path));
  require_memory(static_cast<double>(size) * sizeof(T), name_ + ": " + path, "its content");
  std::vector<T> values(size);
  read(path, values.data());
  return values;
}

std::size_t Hdf5Reader::rows_at_once(const std::string& path, std::int64_t dataset) const {
  const Hdf5Handle properties(H5Dget_create_plist(dataset), H5Pclose);
  if (H5Pget_layout(properties) != H5D_CHUNKED) return kEveryRow;
  const auto grid = chunk_grid(dataset);
  if (!grid) fail(path, kDamaged);
  double in_a_row = 1;
  for (std::size_t i = 1; i < grid->chunk.size(); ++i) {
    in_a_row *= static_cast<double>(grid->count(i));
  }
  if (kBytesOfAChunk * in_a_row > allowed_bytes(static_cast<double>(size_))) {
    fail(path,
         "has too many chunks for its size, each of which takes HDF5 4 kB of memory; store "
         "it in larger ones, as `h5repack -l` does");
  }
  const double rows = std::max(1.0, std::floor(kMostChunksAtOnce / in_a_row));
  return static_cast<std::size_t>(rows * static_cast<double>(grid->chunk[0]));
}

template <class T>
void Hdf5Reader::read(const std::string& path, T* values) const {
  const Hdf5Lock lock;
  check_numbers(path);
  const Shape extents = shape(path);
  if (size_of(extents) == 0) return;
  const Hdf5Handle dataset = open_dataset(*this, file_, access_, path);
  if (rows_at_once(path, dataset) != kEveryRow) {
    read_rows(path, 0, extents[0], values);
  } else if (H5Dread(dataset, native_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
    fail(path, kDamaged);
  }
}

template <class T>
void Hdf5Reader::read_rows(const std::string& path, std::size_t first, std::size_t count,
                           T* values) const {
  const Hdf5Lock lock;
  check_numbers(path);
  const Shape extents = shape(path);
  if (extents.empty() || first > extents[0] || count > extents[0] - first) {
    fail(path, "has no rows " + std::to_string(first) + " to " + std::to_string(first + count) +
                   "; its shape is " + to_string(extents));
  }
  const std::size_t row = size_of(Shape(extents.begin() + 1, extents.end()));
  if (row == 0) return;
  const Hdf5Handle dataset = open_dataset(*this, file_, access_, path);
  const Hdf5Handle stored(H5Dget_space(dataset), H5Sclose);
  const std::size_t most = rows_at_once(path, dataset), end = first + count;
  std::vector<hsize_t> counts(extents.begin(), extents.end());
  std::vector<hsize_t> starts(extents.size(), 0);
  for (std::size_t at = first; at < end; at += counts[0], values += counts[0] * row) {
    starts[0] = at;
    counts[0] = std::min(end - at, most - at % most);  // up to a chunk boundary
    const Hdf5Handle memory(
        H5Screate_simple(static_cast<int>(counts.size()), counts.data(), nullptr), H5Sclose);
    if (H5Sselect_hyperslab(stored, H5S_SELECT_SET, starts.data(), nullptr, counts.data(),
                            nullptr) < 0 ||
        H5Dread(dataset, native_type<T>(), memory, stored, H5P_DEFAULT, values) < 0) {
      fail(path, kDamaged);
    }
  }
}

namespace {

/// Reads texts of fixed length with `read(memory_type, destination)`. Returns false if that fails.
/// They are padded with zeros (C, HDF5's default) or with spaces (Fortran).
template <class Read>
bool read_fixed_texts(hid_t stored_type, std::size_t count, const Read& read,
                      std::vector<std::string>& texts) {
  const std::size_t length = H5Tget_size(stored_type);
  std::string all(count * length, '\0');
  if (count > 0 && read(Hdf5Handle(H5Tcopy(stored_type), H5Tclose), all.data()) < 0) return false;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text = all.substr(i * length, length);
    if (H5Tget_strpad(stored_type) == H5T_STR_SPACEPAD) text.erase(text.find_last_not_of(' ') + 1);
    text.resize(std::min(text.size(), text.find('\0')));
    texts.push_back(text);
  }
  return true;
}

}  // namespace

std::vector<std::string> Hdf5Reader::read_texts(const std::string& path) const {
  const Hdf5Lock lock;
  const auto known = texts_.find(path);
  if (known != texts_.end()) return known->second;
  const Hdf5Handle dataset = open_dataset(*this, file_, access_, path);
  const Hdf5Handle type(H5Dget_type(dataset), H5Tclose);
  if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) != 0) {
    fail(path, "is not a list of texts");
  }
  check_dataset(path);
  std::vector<std::string> texts;
  const auto read = [&](hid_t memory_type, void* destination) {
    return H5Dread(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, destination);
  };
  if (!read_fixed_texts(type, size_of(shape(path)), read, texts)) fail(path, kDamaged);
  return texts;
}

std::string Hdf5Reader::read_text(const std::string& path) const {
  const Hdf5Lock lock;
  if (element_class(path) != ElementClass::text || size_of(shape(path)) != 1) {
    fail(path, "is not a readable text");
  }
  const std::vector<std::string> texts = read_texts(path);
  if (texts.size() != 1) fail(path, "is not a readable text");
  return texts.front();
}

bool Hdf5Reader::has_attribute(const std::string& object, const std::string& name) const {
  const Hdf5Lock lock;
  if (!has(object)) return false;
  const htri_t found = H5Aexists_by_name(file_, object.c_str(), name.c_str(), access_);
  if (found < 0) fail(object, kDamaged);
  return found > 0;
}

std::string Hdf5Reader::text_attribute(const std::string& object, const std::string& name) const {
  const Hdf5Lock lock;
  if (!has_attribute(object, name)) fail(object, "has no attribute \"" + name + "\"");
  const auto known = texts_.find(object + "@" + name);
  if (known != texts_.end() && known->second.size() == 1) return known->second.front();
  const Hdf5Handle attribute(
      H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, access_), H5Aclose);
  const Hdf5Handle type(H5Aget_type(attribute), H5Tclose);
  const Hdf5Handle space(H5Aget_space(attribute), H5Sclose);
  std::vector<std::string> texts;
  const auto read = [&](hid_t memory_type, void* destination) {
    return H5Aread(attribute, memory_type, destination);
  };
  if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) != 0 ||
      H5Sget_simple_extent_npoints(space) != 1 || !read_fixed_texts(type, 1, read, texts)) {
    fail(object, "attribute \"" + name + "\" is not a text");
  }
  return texts.front();
}

template <class T>
T Hdf5Reader::number_attribute(const std::string& object, const std::string& name,
                               std::int64_t memory_type) const {
  const Hdf5Lock lock;
  if (!has_attribute(object, name)) fail(object, "has no attribute \"" + name + "\"");
  const Hdf5Handle attribute(
      H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, access_), H5Aclose);
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

void Hdf5Reader::check_datasets(const std::string& group) const {
  for (const std::string& name : children(group)) {
    const std::string path = (group == "/" ? group : group + "/") + name;
    if (is_dataset(path)) {
      check_dataset(path);
    } else {
      check_datasets(path);
    }
  }
}

std::string Hdf5Reader::digest() const {
  const Hdf5Lock lock;
  check_datasets("/");
  try {
    return digest_of(file_);
  } catch (const std::runtime_error& error) {
    throw RequestError(name_ + ": " + error.what());
  }
}

#define RIDGELINE_INSTANTIATE(T)                                         \
  template std::vector<T> Hdf5Reader::read<T>(const std::string&) const; \
  template void Hdf5Reader::read<T>(const std::string&, T*) const;       \
  template void Hdf5Reader::read_rows<T>(const std::string&, std::size_t, std::size_t, T*) const;
RIDGELINE_FOR_HDF5_TYPES(RIDGELINE_INSTANTIATE)
#undef RIDGELINE_INSTANTIATE

}  // namespace ridgeline::io
