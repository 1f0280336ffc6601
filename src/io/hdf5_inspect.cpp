#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "core/error.hpp"
#include "io/child.hpp"
#include "io/file.hpp"
#include "io/hdf5.hpp"
#include "io/hdf5_chunks.hpp"
#include "io/hdf5_handle.hpp"
#include "io/units.hpp"

// Validates an HDF5 file before its content is used.

namespace ridgeline::io {
namespace {

constexpr int kDeepestGroup = 64;              ///< nesting of groups
constexpr std::size_t kMostObjects = 1000000;  ///< including attributes
constexpr double kBytesOfAnOpenFile = 6e5;     ///< memory of HDF5, measured with 1.10.8
constexpr std::size_t kMostSources = 10000;    ///< of a virtual dataset
constexpr double kMostElements = 9e15;         ///< exactly representable as a double

Hdf5Handle creation_properties(hid_t dataset) { return {H5Dget_create_plist(dataset), H5Pclose}; }

/// Computes the bytes that a dataset declares. Returns false if its shape cannot be read.
bool claimed_bytes(hid_t dataset, double& elements, double& bytes) {
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  const Hdf5Handle type(H5Dget_type(dataset), H5Tclose);
  const auto extents = extents_of(space);
  if (!extents || !type.is_valid()) return false;
  elements = H5Sget_simple_extent_type(space) == H5S_NULL ? 0 : 1;
  for (const hsize_t extent : *extents) elements *= static_cast<double>(extent);
  bytes = elements * static_cast<double>(H5Tget_size(type));
  return true;
}

/// Returns whether one of a dataset's filters compresses.
bool compresses(hid_t properties) {
  const std::vector<H5Z_filter_t> filters = filters_of(properties);
  return std::find(filters.begin(), filters.end(), H5Z_FILTER_DEFLATE) != filters.end();
}

/// Returns the number of selected values of a dataset of these extents; 0 if some lie outside it.
hssize_t selected_within(hid_t space, const std::vector<hsize_t>& extents) {
  if (H5Sget_select_type(space) == H5S_SEL_ALL) {  // of the dataset, not of `space`
    hsize_t all = 1;
    for (const hsize_t extent : extents) all *= extent;
    return static_cast<hssize_t>(all);
  }
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank != static_cast<int>(extents.size())) return 0;
  std::vector<hsize_t> first(extents.size()), last(extents.size());
  if (rank > 0 && H5Sget_select_bounds(space, first.data(), last.data()) < 0) return 0;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    if (last[i] >= extents[i]) return 0;
  }
  return H5Sget_select_npoints(space);
}

/// Begins what an error says about a source of a virtual dataset.
std::string describe_source(const std::string& file, const std::string& object) {
  return "is a virtual dataset whose source " + file + ", " + object + ", ";
}

/// Adds the selection of one space to that of another. Returns false if HDF5 fails.
bool unite(hid_t selected, hid_t to) {
  if (H5Sget_select_type(selected) == H5S_SEL_ALL) return H5Sselect_all(to) >= 0;
  if (H5Sget_select_type(to) == H5S_SEL_ALL) return true;
  if (H5Sget_select_type(to) == H5S_SEL_NONE) return H5Sselect_copy(to, selected) >= 0;
  return H5Smodify_select(to, H5S_SELECT_OR, selected) >= 0;
}

/// Reads texts of variable length with `read(memory_type, destination)`; only in a child process.
template <class Read>
bool read_variable_texts(hid_t type, hid_t space, const Read& read,
                         std::vector<std::string>& texts) {
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (count < 0 || static_cast<double>(count) > kMostObjects) return false;
  std::vector<char*> pointers(static_cast<std::size_t>(count), nullptr);
  if (count > 0 && read(type, pointers.data()) < 0) return false;
  for (const char* pointer : pointers) texts.emplace_back(pointer != nullptr ? pointer : "");
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data());
  return true;
}

}  // namespace

Hdf5Reader::Texts Hdf5Reader::inspected(const std::string& file,
                                        const std::vector<std::string>& datasets) {
  const Hdf5Lock lock;
  ChildLimits limits;
  const std::size_t size = InputFile(file).size();
  // Measured: 1 s for half a million chunks of 64 bytes (a file of 57 MiB), 6 s for 60,000 objects
  // (14 MiB).
  const std::size_t seconds = datasets.empty() ? size >> 19 : size >> 21;
  limits.processor_seconds = 2 + static_cast<unsigned>(std::min<std::size_t>(seconds, 120));
  limits.memory_bytes = static_cast<std::size_t>(allowed_bytes(static_cast<double>(size)));
  const std::string found = run_in_child(
      file, kDamaged, limits, [&] { return Hdf5Reader(file, datasets, Texts()).inspect(); });
  return nlohmann::json::from_msgpack(found).get<Texts>();
}

std::string Hdf5Reader::inspect() {
  is_inspecting_ = true;
  if (datasets_.empty()) inspect_object(Hdf5Handle(H5Oopen(file_, "/", access_), H5Oclose), "/", 0);
  for (const std::string& path : datasets_) {
    if (path == "/") {
      inspect_attributes(Hdf5Handle(H5Oopen(file_, "/", access_), H5Oclose), path);
    } else if (has(path)) {
      check_dataset(path);
    }
  }
  const std::vector<std::uint8_t> packed = nlohmann::json::to_msgpack(nlohmann::json(texts_));
  return std::string(packed.begin(), packed.end());
}

void Hdf5Reader::inspect_object(std::int64_t object, const std::string& path, int depth) {
  if (depth > kDeepestGroup || ++inspected_ > kMostObjects) {
    fail(path, "lies too deep, or among too many objects, for a checkpoint");
  }
  H5O_info_t info;
  if (object < 0 || H5Oget_info(object, &info) < 0) fail(path, kDamaged);
  inspect_attributes(object, path);
  // A group with several names can contain itself, and a dataset would be read once per name.
  if (info.rc > 1) fail(path, "has more than one name");
  if (info.type == H5O_TYPE_DATASET) {
    // Datasets with overlapping storage could each pass the size check alone, so the sum is
    // checked.
    claimed_ += check_dataset(path, object);
    if (claimed_ > kMostCompression * static_cast<double>(size_)) fail(path, kDamaged);
    const Hdf5Handle type(H5Dget_type(object), H5Tclose);
    if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) == 0) return;
    const auto read = [&](hid_t memory_type, void* destination) {
      return H5Dread(object, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, destination);
    };
    if (!read_variable_texts(type, Hdf5Handle(H5Dget_space(object), H5Sclose), read,
                             texts_[path])) {
      fail(path, kDamaged);
    }
    return;
  }
  if (info.type != H5O_TYPE_GROUP) fail(path, "is neither a group nor a dataset");
  std::vector<std::string> names;
  if (!names_in(object, names)) fail(path, kDamaged);
  for (const std::string& name : names) {
    const std::string inside = (path == "/" ? path : path + "/") + name;
    check_link(object, name, inside);
    inspect_object(Hdf5Handle(H5Oopen(object, name.c_str(), access_), H5Oclose), inside, depth + 1);
  }
}

void Hdf5Reader::inspect_attributes(std::int64_t object, const std::string& path) {
  std::vector<std::string> names;
  if (!attributes_of(object, names)) fail(path, kDamaged);
  for (const std::string& name : names) {
    if (++inspected_ > kMostObjects) fail(path, "has too many attributes");
    const Hdf5Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
    const Hdf5Handle type(H5Aget_type(attribute), H5Tclose);
    const Hdf5Handle space(H5Aget_space(attribute), H5Sclose);
    if (!attribute.is_valid() || !type.is_valid() || !space.is_valid()) fail(path, kDamaged);
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    if (count < 0 || static_cast<double>(count) * static_cast<double>(H5Tget_size(type)) >
                         static_cast<double>(size_)) {
      fail(path, kDamaged);
    }
    if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) == 0) continue;
    const auto read = [&](hid_t memory_type, void* destination) {
      return H5Aread(attribute, memory_type, destination);
    };
    if (!read_variable_texts(type, space, read, texts_[path + "@" + name])) fail(path, kDamaged);
  }
}

void Hdf5Reader::check_link(std::int64_t group, const std::string& name,
                            const std::string& path) const {
  H5L_info_t info;
  if (H5Lget_info(group, name.c_str(), &info, access_) < 0) fail(path, kDamaged);
  if (info.type == H5L_TYPE_HARD) return;
  if (info.type == H5L_TYPE_SOFT && !datasets_.empty()) return;
  fail(path,
       info.type == H5L_TYPE_SOFT ? "is a soft link, which a checkpoint must not hold" : kLeadsOut);
}

void Hdf5Reader::check_filters(const std::string& path, std::int64_t properties) const {
  const int count = H5Pget_nfilters(properties);
  if (count < 0) fail(path, kDamaged);
  int packed = 0;
  for (int i = 0; i < count; ++i) {
    unsigned flags = 0;
    std::size_t values = 0;
    char name[64] = "";
    const H5Z_filter_t filter = H5Pget_filter2(properties, static_cast<unsigned>(i), &flags,
                                               &values, nullptr, sizeof name - 1, name, nullptr);
    if (filter < 0) fail(path, kDamaged);
    if (filter == H5Z_FILTER_SHUFFLE || filter == H5Z_FILTER_FLETCHER32) continue;
    if (filter == H5Z_FILTER_DEFLATE && packed++ == 0) continue;
    // HDF5 1.10 does not check the parameters of other filters: damaged ones crash it or exhaust
    // memory.
    fail(path, "is stored with the filter " + (*name ? "\"" + std::string(name) + "\" " : "") +
                   "(number " + std::to_string(filter) + "), which " +
                   (H5Zfilter_avail(filter) > 0 ? "is not read here" : "this HDF5 library lacks") +
                   "; store it with gzip, as `h5repack -f GZIP=4` does");
  }
}

void Hdf5Reader::check_dataset(const std::string& path) const {
  if (checked_.count(path) > 0) return;
  const Hdf5Handle dataset(H5Dopen2(file_, path.c_str(), access_), H5Dclose);
  if (!dataset.is_valid()) fail(path, is_dataset(path) ? kNoDataset : "is not a dataset");
  check_dataset(path, dataset);
  checked_.insert(path);
}

double Hdf5Reader::check_dataset(const std::string& path, std::int64_t dataset) const {
  const Hdf5Handle properties = creation_properties(dataset);
  double elements = 0, bytes = 0;
  if (!properties.is_valid() || !claimed_bytes(dataset, elements, bytes)) fail(path, kDamaged);
  if (H5Pget_external_count(properties) > 0) {
    fail(path, "keeps its values in other files (raw external storage), which are not read");
  }
  check_filters(path, properties);
  const H5D_layout_t layout = H5Pget_layout(properties);
  const bool is_virtual = layout == H5D_VIRTUAL;
  if (is_virtual && datasets_.empty()) {
    fail(path, "is a virtual dataset, which a checkpoint must not hold");
  }
  const double most = is_virtual ? virtual_capacity(path, dataset, properties) : capacity(dataset);
  if (elements > kMostElements || bytes > most) {
    fail(path, "declares " + show_bytes(bytes) + ", but its storage can hold at most " +
                   show_bytes(most) + ": the file is truncated, damaged or incomplete");
  }
  if (layout == H5D_CHUNKED) {
    // HDF5 unpacks whole chunks even if the dataset covers only part of them: with four dimensions,
    // each just longer than a chunk, the dataset covers a sixteenth.
    const double unpacked = bytes_of_chunks(path, dataset);
    const double limit = std::max(std::min(most, 16 * bytes), double{kAlwaysAllowedBytes});
    if (unpacked > limit) {
      fail(path, "has chunks of " + show_bytes(unpacked) +
                     " in total, but its values and storage account for at most " +
                     show_bytes(limit) + ": it is damaged");
    }
    bytes = unpacked;
    const ChunkCheck check = is_inspecting_ ? ChunkCheck::index : ChunkCheck::content;
    const auto fault = elements > 0 ? fault_of_chunks(dataset, check) : std::nullopt;
    if (fault) fail(path, *fault);
  }
  return bytes;
}

double Hdf5Reader::capacity(std::int64_t dataset) const {
  const double factor = compresses(creation_properties(dataset)) ? kMostCompression : 1;
  return factor *
         std::min(static_cast<double>(H5Dget_storage_size(dataset)), static_cast<double>(size_));
}

double Hdf5Reader::bytes_of_chunks(const std::string& path, std::int64_t dataset) const {
  const auto grid = chunk_grid(dataset);
  if (!grid) fail(path, kDamaged);
  auto bytes = static_cast<double>(grid->element_bytes);
  for (std::size_t i = 0; i < grid->chunk.size(); ++i) {
    bytes *= static_cast<double>(grid->chunk[i]) * static_cast<double>(grid->count(i));
  }
  return bytes;
}

std::string Hdf5Reader::path_of_source(const std::string& name) const {
  if (name == ".") return name_;
  const std::string folder = name_.substr(0, name_.find_last_of('/') + 1);
  // HDF5 searches beside the file and at the name itself.
  for (const std::string& path : {name[0] == '/' ? name : folder + name, name}) {
    if (exists(path)) return path;
  }
  return name[0] == '/' ? name : folder + name;
}

/// The sources of a virtual dataset that were opened.
struct Hdf5Reader::VirtualSources {
  using Name = std::pair<std::string, std::string>;  ///< file, dataset
  std::map<Name, std::vector<hsize_t>> extents;
  std::set<std::tuple<dev_t, ino_t, haddr_t>> counted;  ///< a dataset may have several names
  std::set<std::string> files;
  double bytes_of_files = 0;
  double capacity = 0;  ///< bytes that the counted datasets can hold
};

void Hdf5Reader::add_source(const std::string& path, const std::string& file,
                            const std::string& object, VirtualSources& sources) const {
  const std::string source = path_of_source(file);
  const std::string described = describe_source(source, object);
  if (!exists(source)) fail(path, described + "is missing");
  const std::size_t size = InputFile(source).size();
  if (is_inspecting_) allow_more_time(1 + static_cast<unsigned>(size >> 21));
  if (sources.files.insert(source).second) sources.bytes_of_files += static_cast<double>(size);
  const double held = kBytesOfAnOpenFile * static_cast<double>(sources.files.size());
  if (held > allowed_bytes(sources.bytes_of_files)) {
    fail(path, "is a virtual dataset of too many small files, each of which takes HDF5 " +
                   show_bytes(kBytesOfAnOpenFile) + " of memory; copy them into one");
  }
  if (!is_inspecting_) require_memory(held, name_ + ": " + path, "opening its sources");
  Hdf5Reader reader(source, {object}, Texts());
  reader.is_inspecting_ = is_inspecting_;
  if (!reader.has(object)) fail(path, described + "is missing");
  const Hdf5Handle opened(H5Dopen2(reader.file_, object.c_str(), reader.access_), H5Dclose);
  const Hdf5Handle properties = creation_properties(opened);
  if (!opened.is_valid() || H5Pget_layout(properties) == H5D_VIRTUAL) {
    fail(path, described + "is no dataset with values of its own");
  }
  const auto extents = extents_of(Hdf5Handle(H5Dget_space(opened), H5Sclose));
  if (!extents) fail(path, kDamaged);
  sources.extents[{file, object}] = *extents;
  struct stat status {};
  H5O_info_t info;
  if (stat(source.c_str(), &status) != 0 || H5Oget_info(opened, &info) < 0) fail(path, kDamaged);
  if (sources.counted.insert({status.st_dev, status.st_ino, info.addr}).second) {
    reader.check_dataset(object);
    sources.capacity += reader.capacity(opened);
  }
}

double Hdf5Reader::virtual_capacity(const std::string& path, std::int64_t dataset,
                                    std::int64_t properties) const {
  if (std::getenv("HDF5_VDS_PREFIX") != nullptr) {
    fail(path,
         "is a virtual dataset, for which a prefix is not supported: unset "
         "HDF5_VDS_PREFIX");
  }
  std::size_t count = 0;
  if (H5Pget_virtual_count(properties, &count) < 0) fail(path, kDamaged);
  if (count > kMostSources) fail(path, "is a virtual dataset of too many sources");
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose), covered(H5Scopy(space), H5Sclose);
  H5Sselect_none(covered);
  VirtualSources sources;
  for (std::size_t i = 0; i < count; ++i) {
    char file[4096] = "", object[4096] = "";
    if (H5Pget_virtual_filename(properties, i, file, sizeof file) < 0 ||
        H5Pget_virtual_dsetname(properties, i, object, sizeof object) < 0) {
      fail(path, kDamaged);
    }
    const Hdf5Handle mapped(H5Pget_virtual_vspace(properties, i), H5Sclose);
    const Hdf5Handle from(H5Pget_virtual_srcspace(properties, i), H5Sclose);
    const bool is_pattern = std::strstr(file, "%b") || std::strstr(object, "%b");
    if (is_pattern || H5Sget_select_npoints(mapped) < 0 || H5Sget_select_npoints(from) < 0) {
      fail(path, "is a virtual dataset that grows with its sources, which is not read");
    }
    if (sources.extents.count({file, object}) == 0) add_source(path, file, object, sources);
    const std::vector<hsize_t>& extents = sources.extents.at({file, object});
    const hssize_t wanted = H5Sget_select_npoints(mapped);
    const hssize_t taken = selected_within(from, extents);
    const auto described = [&] { return describe_source(path_of_source(file), object); };
    if (taken <= 0) {
      fail(path, described() + "has shape " + to_string(Shape(extents.begin(), extents.end())) +
                     ", and values beyond it are mapped");
    }
    if (wanted != taken) {
      fail(path, described() + "provides " + std::to_string(taken) + " values where " +
                     std::to_string(wanted) + " are mapped");
    }
    if (!unite(mapped, covered)) fail(path, kDamaged);
  }
  if (H5Sget_select_npoints(covered) < H5Sget_simple_extent_npoints(space)) {
    fail(path, "is a virtual dataset with parts that no source has");
  }
  return sources.capacity;
}

std::vector<std::string> Hdf5Reader::source_files() const {
  const Hdf5Lock lock;
  std::set<std::string> files;
  for (const std::string& path : datasets_) {
    if (!has(path)) continue;
    const Hdf5Handle dataset(H5Dopen2(file_, path.c_str(), access_), H5Dclose);
    const Hdf5Handle properties = creation_properties(dataset);
    std::size_t count = 0;
    if (H5Pget_layout(properties) != H5D_VIRTUAL || H5Pget_virtual_count(properties, &count) < 0) {
      continue;
    }
    for (std::size_t i = 0; i < count; ++i) {
      char file[4096] = "";
      if (H5Pget_virtual_filename(properties, i, file, sizeof file) >= 0) {
        files.insert(path_of_source(file));
      }
    }
  }
  return {files.begin(), files.end()};
}

}  // namespace ridgeline::io
