#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "io/digest.hpp"
#include "io/file.hpp"
#include "io/hdf5_handle.hpp"

namespace ridgeline::io {
namespace {

[[noreturn]] void fail(const std::string& path) {
  throw std::runtime_error(path + ": " + kDamaged);
}

/// A dataset or an attribute of a file.
struct Entry {
  std::string path;       ///< sort key
  std::string object;     ///< the dataset, or the object of the attribute
  std::string attribute;  ///< its name; empty for a dataset
};

void collect(hid_t object, const std::string& path, std::vector<Entry>& entries) {
  if (object < 0) fail(path);
  std::vector<std::string> names;
  if (!attributes_of(object, names)) fail(path);
  for (const std::string& name : names) {
    if (path != "/" || name != "digest") entries.push_back({path + "@" + name, path, name});
  }
  if (H5Iget_type(object) == H5I_DATASET) {
    entries.push_back({path, path, ""});
    return;
  }
  if (H5Iget_type(object) != H5I_GROUP) return;
  names.clear();
  if (!names_in(object, names)) fail(path);
  for (const std::string& name : names) {
    collect(Hdf5Handle(H5Oopen(object, name.c_str(), H5P_DEFAULT), H5Oclose),
            (path == "/" ? "/" : path + "/") + name, entries);
  }
}

/// Returns NumPy's name of a type, "f4".
std::string name_of(hid_t type, const std::string& path) {
  const std::string size = std::to_string(H5Tget_size(type));
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      return "f" + size;
    case H5T_INTEGER:
      return (H5Tget_sign(type) == H5T_SGN_NONE ? "u" : "i") + size;
    case H5T_STRING:
      if (H5Tis_variable_str(type) == 0) return "S" + size;
      break;
    default:
      break;
  }
  throw std::runtime_error(path + ": is of a type that no checkpoint contains");
}

/// Memory type and extents of an entry's values.
struct Values {
  Hdf5Handle memory;  ///< little-endian
  std::vector<hsize_t> extents;
  std::size_t row_bytes;  ///< of all values, or of one index of the first dimension
};

/// Adds path, type and shape to the digest.
Values add_description(const std::string& path, hid_t type, hid_t space, Digest& digest) {
  const std::string name = name_of(type, path);
  const auto extents = extents_of(space);
  if (!extents || H5Sget_simple_extent_type(space) == H5S_NULL) fail(path);
  Values values{{H5Tcopy(type), H5Tclose}, *extents, H5Tget_size(type)};
  if (name[0] != 'S' && H5Tget_size(type) > 1) H5Tset_order(values.memory, H5T_ORDER_LE);
  std::string shape;
  for (std::size_t i = 0; i < values.extents.size(); ++i) {
    shape += (i == 0 ? "" : ",") + std::to_string(values.extents[i]);
    if (i > 0) values.row_bytes *= values.extents[i];
  }
  const char nul = '\0';
  for (const std::string& text : {path, name, shape}) {
    digest.add(text);
    digest.add(&nul, 1);
  }
  return values;
}

void add_attribute(const std::string& path, hid_t attribute, Digest& digest) {
  const Hdf5Handle type(H5Aget_type(attribute), H5Tclose), space(H5Aget_space(attribute), H5Sclose);
  const Values values = add_description(path, type, space, digest);
  const std::size_t rows = values.extents.empty() ? 1 : values.extents[0];
  std::vector<char> bytes(rows * values.row_bytes);  // an attribute is smaller than 64 KiB
  if (!bytes.empty() && H5Aread(attribute, values.memory, bytes.data()) < 0) fail(path);
  digest.add(bytes.data(), bytes.size());
}

/// Returns the number of indices of the first dimension per read: a few MiB of whole chunks, so
/// that each is unpacked once.
std::size_t rows_at_once(hid_t dataset, const Values& values) {
  constexpr std::size_t kBlock = std::size_t{4} << 20;
  const std::size_t rows = std::max<std::size_t>(1, kBlock / values.row_bytes);
  const Hdf5Handle properties(H5Dget_create_plist(dataset), H5Pclose);
  hsize_t chunk[H5S_MAX_RANK];
  if (H5Pget_layout(properties) != H5D_CHUNKED ||
      H5Pget_chunk(properties, H5S_MAX_RANK, chunk) < 1) {
    return rows;
  }
  return (rows + chunk[0] - 1) / chunk[0] * chunk[0];
}

void add_dataset(const std::string& path, hid_t dataset, Digest& digest) {
  const Hdf5Handle type(H5Dget_type(dataset), H5Tclose), space(H5Dget_space(dataset), H5Sclose);
  const Values values = add_description(path, type, space, digest);
  std::vector<char> bytes;
  if (values.extents.empty()) {
    bytes.resize(values.row_bytes);
    if (H5Dread(dataset, values.memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) < 0) {
      fail(path);
    }
    digest.add(bytes.data(), bytes.size());
    return;
  }
  const std::size_t rows = values.extents[0];
  if (rows == 0 || values.row_bytes == 0) return;
  const std::size_t block = std::min(rows, rows_at_once(dataset, values));
  require_memory(static_cast<double>(block) * static_cast<double>(values.row_bytes), path,
                 "its content");
  std::vector<hsize_t> starts(values.extents.size(), 0), counts = values.extents;
  for (std::size_t first = 0; first < rows; first += block) {
    starts[0] = first;
    counts[0] = std::min(block, rows - first);
    bytes.resize(counts[0] * values.row_bytes);
    const Hdf5Handle memory(
        H5Screate_simple(static_cast<int>(counts.size()), counts.data(), nullptr), H5Sclose);
    if (H5Sselect_hyperslab(space, H5S_SELECT_SET, starts.data(), nullptr, counts.data(), nullptr) <
            0 ||
        H5Dread(dataset, values.memory, memory, space, H5P_DEFAULT, bytes.data()) < 0) {
      fail(path);
    }
    digest.add(bytes.data(), bytes.size());
  }
}

}  // namespace

std::string digest_of(hid_t file) {
  std::vector<Entry> entries;
  collect(Hdf5Handle(H5Oopen(file, "/", H5P_DEFAULT), H5Oclose), "/", entries);
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.path < b.path; });
  Digest digest;
  for (const Entry& entry : entries) {
    if (entry.attribute.empty()) {
      const Hdf5Handle dataset(H5Dopen2(file, entry.path.c_str(), H5P_DEFAULT), H5Dclose);
      if (!dataset.is_valid()) fail(entry.path);
      add_dataset(entry.path, dataset, digest);
    } else {
      const Hdf5Handle attribute(H5Aopen_by_name(file, entry.object.c_str(),
                                                 entry.attribute.c_str(), H5P_DEFAULT, H5P_DEFAULT),
                                 H5Aclose);
      if (!attribute.is_valid()) fail(entry.path);
      add_attribute(entry.path, attribute, digest);
    }
  }
  return digest.text();
}

}  // namespace ridgeline::io
