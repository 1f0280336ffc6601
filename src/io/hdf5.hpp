#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/shape.hpp"
#include "io/file.hpp"

// All HDF5 files are opened here. Element types T: float, double, std::int32_t, std::int64_t,
// std::uint8_t, std::uint32_t, std::uint64_t. Paths are absolute, "/model/fc1/weight"; arrays are
// row-major; texts are UTF-8. Several threads may use different objects; a lock serialises the
// calls of HDF5.

namespace ridgeline::io {

/// Builds an HDF5 file in memory and writes it as a whole, so that a full disk does not damage an
/// existing file. Texts have a fixed length: HDF5 1.10 crashes on a damaged text of variable
/// length.
class Hdf5Writer {
 public:
  enum class Checks {
    none,
    fletcher32  ///< a checksum on every dataset; a single text is then a dataset of shape [1]
  };

  /// Throws RunError, as all functions here, if HDF5 fails, which means that memory is short.
  explicit Hdf5Writer(Checks checks = Checks::none);
  ~Hdf5Writer();
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  /// Creates a group and its parents unless they exist.
  void group(const std::string& path);

  /// Writes a dataset of `shape` (an empty shape is a scalar, which has no checksum) from
  /// size_of(shape) values; creates its parent groups.
  template <class T>
  void write(const std::string& path, const Shape& shape, const T* values);
  template <class T>
  void write(const std::string& path, const std::vector<T>& values) {
    write(path, Shape{values.size()}, values.data());
  }

  /// Writes a dataset of one text.
  void write_text(const std::string& path, const std::string& text);
  /// Writes a dataset [n] of texts.
  void write_texts(const std::string& path, const std::vector<std::string>& texts);

  /// Writes an attribute of a group or dataset, "/" for the root; creates a missing group.
  void attribute(const std::string& object, const std::string& name, const std::string& text);
  void attribute(const std::string& object, const std::string& name, const char* text);
  void attribute(const std::string& object, const std::string& name, std::int64_t value);
  void attribute(const std::string& object, const std::string& name, double value);

  /// Returns the digest of the current content of the file; see Hdf5Reader::digest.
  std::string digest() const;

  /// Writes the file atomically; see write_file_atomically. Throws RunError. Only save() may
  /// follow.
  void save(const std::string& file, Replaced replaced = Replaced::lost);

 private:
  void write_strings(const std::string& path, const Shape& shape,
                     const std::vector<std::string>& texts);
  void raw_attribute(const std::string& object, const std::string& name, std::int64_t stored_type,
                     std::int64_t memory_type, const void* value);
  std::int64_t make_dataset(const std::string& path, std::int64_t type, const Shape& shape);

  Checks checks_;
  std::int64_t file_ = -1;
  void* image_ = nullptr;  ///< the file's memory once it is closed
  std::size_t image_size_ = 0;
};

/// Returns whether a regular file has the HDF5 signature.
bool is_hdf5(const std::string& file);

/// Class of a dataset's elements.
enum class ElementClass { integer, real, text, other };

/// An HDF5 file, open for reading. All functions throw RequestError naming the file, and the object
/// if there is one: missing, not HDF5, truncated or damaged, of another type. A failed query of
/// HDF5 is an error, never reported as a missing object.
///
/// Files may be untrusted, and HDF5 1.10 crashes or hangs on some damaged ones. Therefore the
/// constructor first inspects the file in a child process, which opens every object that will be
/// read. A dataset must not declare more bytes than its storage can hold (1032 times as many if it
/// is compressed, the maximum of deflate), lack chunks or have chunks of another size, have filters
/// other than gzip, shuffle and Fletcher-32, store its values in other files (raw external
/// storage), or be reached through an external link.
class Hdf5Reader {
 public:
  /// Inspects the whole file. Accepts only the contents of checkpoints: datasets and groups, each
  /// with one name, and hard links.
  explicit Hdf5Reader(const std::string& file);
  /// Inspects only these datasets, if they exist, and the root's attributes for "/"; for data
  /// files. Accepts soft links, and virtual datasets all of whose sources exist.
  Hdf5Reader(const std::string& file, const std::vector<std::string>& datasets);
  ~Hdf5Reader();
  Hdf5Reader(const Hdf5Reader&) = delete;
  Hdf5Reader& operator=(const Hdf5Reader&) = delete;

  const std::string& file() const { return name_; }

  /// Returns whether a group or dataset exists.
  bool has(const std::string& path) const;
  bool is_dataset(const std::string& path) const;
  /// Returns the names in a group, sorted.
  std::vector<std::string> children(const std::string& group) const;

  Shape shape(const std::string& path) const;
  ElementClass element_class(const std::string& path) const;
  /// Returns whether the elements are unsigned 8-bit integers.
  bool holds_bytes(const std::string& path) const;
  /// Returns the stored size of one element in bytes.
  std::size_t element_size(const std::string& path) const;

  /// Returns the other files that contain values of the inspected datasets: the sources of virtual
  /// datasets.
  std::vector<std::string> source_files() const;

  /// Reads a whole dataset, converted to T. Integers out of range are clipped.
  template <class T>
  std::vector<T> read(const std::string& path) const;
  /// Reads a whole dataset into `values`, an array of size_of(shape(path)).
  template <class T>
  void read(const std::string& path, T* values) const;
  /// Reads rows [first, first + count) along the first dimension.
  template <class T>
  void read_rows(const std::string& path, std::size_t first, std::size_t count, T* values) const;

  std::string read_text(const std::string& path) const;
  /// Reads a dataset [n] of texts of fixed or variable length.
  std::vector<std::string> read_texts(const std::string& path) const;

  bool has_attribute(const std::string& object, const std::string& name) const;
  std::string text_attribute(const std::string& object, const std::string& name) const;
  std::int64_t integer_attribute(const std::string& object, const std::string& name) const;
  double real_attribute(const std::string& object, const std::string& name) const;

  /// Returns the digest (io::Digest) of all datasets and attributes except the root's `digest`, in
  /// bytewise order of their paths; an attribute's path is OBJECT@NAME. The digested bytes of each
  /// are its path, NUL, its type (NumPy's name without byte order: f4, i8, S12), NUL, its extents
  /// separated by commas, NUL, and its values in little-endian order.
  std::string digest() const;

  /// Throws RequestError "FILE: OBJECT: MESSAGE".
  [[noreturn]] void fail(const std::string& object, const std::string& message) const;

 private:
  using Texts = std::map<std::string, std::vector<std::string>>;
  Hdf5Reader(const std::string& file, const std::vector<std::string>& datasets, Texts texts);

  static Texts inspected(const std::string& file, const std::vector<std::string>& datasets);
  std::string inspect();
  void inspect_object(std::int64_t object, const std::string& path, int depth);
  void inspect_attributes(std::int64_t object, const std::string& path);
  void check_dataset(const std::string& path) const;  ///< at most once per dataset
  double check_dataset(const std::string& path, std::int64_t dataset) const;
  void check_filters(const std::string& path, std::int64_t properties) const;
  double capacity(std::int64_t dataset) const;
  double bytes_of_chunks(const std::string& path, std::int64_t dataset) const;
  struct VirtualSources;
  double virtual_capacity(const std::string& path, std::int64_t dataset,
                          std::int64_t properties) const;
  void add_source(const std::string& path, const std::string& file, const std::string& object,
                  VirtualSources& sources) const;
  std::string path_of_source(const std::string& name) const;
  void check_link(std::int64_t group, const std::string& name, const std::string& path) const;
  bool is_below_dataset(const std::string& path) const;
  void check_numbers(const std::string& path) const;
  std::size_t rows_at_once(const std::string& path, std::int64_t dataset) const;
  void check_datasets(const std::string& group) const;
  template <class T>
  T number_attribute(const std::string& object, const std::string& name,
                     std::int64_t memory_type) const;

  std::string name_;
  std::vector<std::string> datasets_;  ///< to be inspected; empty for the whole file
  std::size_t size_ = 0;               ///< InputFile::stored_bytes()
  std::int64_t file_ = -1;
  std::int64_t access_ = -1;  ///< access properties: external links are not followed
  mutable bool reached_external_link_ = false;
  mutable std::set<std::string> found_;    ///< paths of existing objects
  mutable std::set<std::string> checked_;  ///< paths of datasets whose chunks are complete
  bool is_inspecting_ = false;             ///< in a child process
  std::size_t inspected_ = 0;              ///< objects and attributes
  double claimed_ = 0;                     ///< bytes of the inspected datasets
  /// Texts of variable length, by path or OBJECT@NAME; read only in the child process.
  Texts texts_;
};

}  // namespace ridgeline::io
