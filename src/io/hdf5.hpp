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

// The only place that opens HDF5. Element types T: float, double, std::int32_t, std::int64_t,
// std::uint8_t, std::uint32_t, std::uint64_t. Paths are absolute, "/model/fc1/weight"; arrays are
// row-major; texts are UTF-8. Several threads may use different objects; one at a time is inside
// HDF5.

namespace ridgeline::io {

/// Builds an HDF5 file in memory and writes it as a whole, so that a full disk harms nothing. Texts
/// have a fixed length: HDF5 1.10 crashes on a damaged text of variable length.
class Hdf5Writer {
 public:
  enum class Checks {
    none,
    fletcher32  ///< a checksum on every dataset; a single text is then a dataset of shape [1]
  };

  /// Throws RunError, as everything here, when HDF5 refuses, which means that memory is short.
  explicit Hdf5Writer(Checks checks = Checks::none);
  ~Hdf5Writer();
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  /// A group with the groups around it; one that exists is left alone.
  void group(const std::string& path);

  /// A dataset of `shape` (an empty shape is a scalar, which has no checksum) from size_of(shape)
  /// values; makes the groups around it.
  template <class T>
  void write(const std::string& path, const Shape& shape, const T* values);
  template <class T>
  void write(const std::string& path, const std::vector<T>& values) {
    write(path, Shape{values.size()}, values.data());
  }

  /// A dataset that holds one text.
  void write_text(const std::string& path, const std::string& text);
  /// A dataset [n] of texts.
  void write_texts(const std::string& path, const std::vector<std::string>& texts);

  /// An attribute of a group or dataset, "/" for the root; a missing group is made.
  void attribute(const std::string& object, const std::string& name, const std::string& text);
  void attribute(const std::string& object, const std::string& name, const char* text);
  void attribute(const std::string& object, const std::string& name, std::int64_t value);
  void attribute(const std::string& object, const std::string& name, double value);

  /// Returns the digest of what is in the file so far; see Hdf5Reader::digest.
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

/// Whether a regular file begins as HDF5 files do.
bool is_hdf5(const std::string& file);

/// What a dataset holds.
enum class ElementClass { integer, real, text, other };

/// An HDF5 file, open for reading. Everything throws RequestError naming the file, and the object
/// where there is one: missing, not HDF5, truncated or damaged, of another type; and what HDF5
/// cannot tell is an error, never "not there".
///
/// A file may come from a stranger, and HDF5 1.10 crashes or never ends on some that are damaged.
/// So opening inspects it first in a child process: every object that will be read is opened there.
/// No dataset may claim more bytes than its storage can hold (1032 times as many where it is
/// compressed, which is what deflate reaches at most), lack chunks or have some of another size,
/// have other filters than gzip, shuffle and Fletcher-32, keep its values in other files (raw
/// external storage), or be reached by an external link.
class Hdf5Reader {
 public:
  /// Inspects the whole file. Of what a file can hold, only groups, each with one name, and
  /// datasets are accepted, and no link but hard ones: what checkpoints are made of.
  explicit Hdf5Reader(const std::string& file);
  /// Inspects these datasets alone, as far as they are there, and the root's attributes for "/": a
  /// file of data. Soft links and virtual datasets, all of whose sources must be there, are
  /// accepted.
  Hdf5Reader(const std::string& file, const std::vector<std::string>& datasets);
  ~Hdf5Reader();
  Hdf5Reader(const Hdf5Reader&) = delete;
  Hdf5Reader& operator=(const Hdf5Reader&) = delete;

  const std::string& file() const { return name_; }

  /// Whether a group or dataset is there.
  bool has(const std::string& path) const;
  bool is_dataset(const std::string& path) const;
  /// Names in a group, sorted.
  std::vector<std::string> children(const std::string& group) const;

  Shape shape(const std::string& path) const;
  ElementClass element_class(const std::string& path) const;
  /// Whether the elements are unsigned integers of 8 bits.
  bool holds_bytes(const std::string& path) const;
  /// Bytes of one element as stored.
  std::size_t element_size(const std::string& path) const;

  /// Returns the files that the values of the inspected datasets come from besides this one: the
  /// sources of virtual datasets.
  std::vector<std::string> source_files() const;

  /// A whole dataset, converted to T. Integers that do not fit T are clipped.
  template <class T>
  std::vector<T> read(const std::string& path) const;
  /// The same into size_of(shape(path)) values of the caller's.
  template <class T>
  void read(const std::string& path, T* values) const;
  /// Rows [first, first + count) along the first dimension.
  template <class T>
  void read_rows(const std::string& path, std::size_t first, std::size_t count, T* values) const;

  std::string read_text(const std::string& path) const;
  /// A dataset [n] of texts of fixed or variable length.
  std::vector<std::string> read_texts(const std::string& path) const;

  bool has_attribute(const std::string& object, const std::string& name) const;
  std::string text_attribute(const std::string& object, const std::string& name) const;
  std::int64_t integer_attribute(const std::string& object, const std::string& name) const;
  double real_attribute(const std::string& object, const std::string& name) const;

  /// Returns the digest (io::Digest) of every dataset and every attribute but the root's `digest`,
  /// in the order of their paths, byte by byte; an attribute's path is OBJECT@NAME. Of each: its
  /// path, NUL, its type (NumPy's name without byte order: f4, i8, S12), NUL, its extents with
  /// commas between, NUL, its values in little-endian bytes.
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
  void check_dataset(const std::string& path) const;  ///< once
  double check_dataset(const std::string& path, std::int64_t dataset) const;
  void check_filters(const std::string& path, std::int64_t properties) const;
  double capacity(std::int64_t dataset) const;
  double bytes_of_chunks(const std::string& path, std::int64_t dataset) const;
  double virtual_capacity(const std::string& path, std::int64_t dataset,
                          std::int64_t properties) const;
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
  std::int64_t access_ = -1;  ///< how objects are reached: not through external links
  mutable bool reached_external_link_ = false;
  mutable std::set<std::string> found_;    ///< paths of objects that are there
  mutable std::set<std::string> checked_;  ///< paths of datasets whose chunks are whole
  bool is_inspecting_ = false;             ///< in a child process
  std::size_t inspected_ = 0;              ///< objects and attributes
  double claimed_ = 0;                     ///< bytes of the datasets that were inspected
  /// Texts of variable length, by path or OBJECT@NAME, which only the child process reads.
  Texts texts_;
};

}  // namespace ridgeline::io
