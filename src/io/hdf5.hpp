#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/shape.hpp"

// The only place that opens HDF5. Element types T: float, double, std::int32_t, std::int64_t,
// std::uint8_t, std::uint32_t, std::uint64_t. Paths are absolute, "/model/fc1/weight"; arrays are
// row-major; texts are UTF-8. Not for several threads at once: Debian's HDF5 is not thread-safe.

namespace ridgeline::io {

/// Builds an HDF5 file in memory and writes it as a whole, so that a full disk harms nothing.
class Hdf5Writer {
 public:
  /// Throws RunError, as everything here, when HDF5 refuses, which means that memory is short.
  Hdf5Writer();
  ~Hdf5Writer();
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  /// A group with the groups around it; one that exists is left alone.
  void group(const std::string& path);

  /// A dataset of `shape` (an empty shape is a scalar) from size_of(shape) values; makes the groups
  /// around it.
  template <class T>
  void write(const std::string& path, const Shape& shape, const T* values);
  template <class T>
  void write(const std::string& path, const std::vector<T>& values) {
    write(path, Shape{values.size()}, values.data());
  }

  /// A scalar dataset that holds a text.
  void write_text(const std::string& path, const std::string& text);
  /// A dataset [n] of texts.
  void write_texts(const std::string& path, const std::vector<std::string>& texts);

  /// An attribute of a group or dataset, "/" for the root; a missing group is made.
  void attribute(const std::string& object, const std::string& name, const std::string& text);
  void attribute(const std::string& object, const std::string& name, const char* text);
  void attribute(const std::string& object, const std::string& name, std::int64_t value);
  void attribute(const std::string& object, const std::string& name, double value);

  /// Writes the file atomically; see write_file_atomically. Throws RunError. Only save() may
  /// follow.
  void save(const std::string& file);

 private:
  void text_attribute(const std::string& object, const std::string& name, const char* text);
  void number_attribute(const std::string& object, const std::string& name,
                        std::int64_t stored_type, std::int64_t memory_type, const void* value);

  std::int64_t file_ = -1;
  void* image_ = nullptr;  ///< the file's memory once it is closed
  std::size_t image_size_ = 0;
};

/// What a dataset holds.
enum class ElementClass { integer, real, text, other };

/// An open HDF5 file. Everything throws RequestError naming the file, and the object where there is
/// one: missing, not HDF5, truncated or damaged, of another type.
class Hdf5Reader {
 public:
  explicit Hdf5Reader(const std::string& file);
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
  /// Bytes of one element as stored.
  std::size_t element_size(const std::string& path) const;

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

  /// Throws RequestError "FILE: OBJECT: MESSAGE".
  [[noreturn]] void fail(const std::string& object, const std::string& message) const;

 private:
  void check_numbers(const std::string& path) const;
  template <class T>
  T number_attribute(const std::string& object, const std::string& name,
                     std::int64_t memory_type) const;

  std::string name_;
  std::int64_t file_;
};

}  // namespace ridgeline::io
