#pragma once

// Private to this folder: the only header that exposes HDF5.

#include <hdf5.h>

#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace ridgeline::io {

/// Message for a file that HDF5 cannot read.
inline constexpr const char* kDamaged = "cannot be read: the file is truncated or damaged";

/// Message for a dataset that HDF5 cannot open.
inline constexpr const char* kNoDataset =
    "cannot be read as a dataset: the file is damaged, or a newer HDF5 wrote it";

/// Message for a link into another file, direct or indirect.
inline constexpr const char* kLeadsOut =
    "leads into another file, which is not followed; copy its data";

/// Lock held during every call of HDF5: not every HDF5 is thread-safe, and a process must not fork
/// while another thread is in HDF5.
class Hdf5Lock {
 public:
  // A recursive mutex identifies its owner by a thread id, which differs in a child process.
  Hdf5Lock() {
    if (depth()++ == 0) mutex().lock();
  }
  ~Hdf5Lock() {
    if (--depth() == 0) mutex().unlock();
  }
  Hdf5Lock(const Hdf5Lock&) = delete;
  Hdf5Lock& operator=(const Hdf5Lock&) = delete;

 private:
  static std::mutex& mutex() {
    static std::mutex one;
    return one;
  }
  static int& depth() {
    thread_local int of_this_thread = 0;
    return of_this_thread;
  }
};

/// An HDF5 identifier with the function that closes it.
class Hdf5Handle {
 public:
  Hdf5Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Hdf5Handle() {
    if (id_ >= 0) close_(id_);
  }
  Hdf5Handle(Hdf5Handle&& other) noexcept
      : id_(std::exchange(other.id_, hid_t{-1})), close_(other.close_) {}
  Hdf5Handle(const Hdf5Handle&) = delete;
  Hdf5Handle& operator=(const Hdf5Handle&) = delete;

  bool is_valid() const { return id_ >= 0; }
  operator hid_t() const { return id_; }  // NOLINT: for HDF5's functions

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// Returns HDF5's memory type of T.
template <class T>
hid_t native_type() {
  if constexpr (std::is_same_v<T, float>) {
    return H5T_NATIVE_FLOAT;
  } else if constexpr (std::is_same_v<T, double>) {
    return H5T_NATIVE_DOUBLE;
  } else if constexpr (std::is_signed_v<T>) {
    return sizeof(T) == 4 ? H5T_NATIVE_INT32 : H5T_NATIVE_INT64;
  } else {
    return sizeof(T) == 1   ? H5T_NATIVE_UINT8
           : sizeof(T) == 4 ? H5T_NATIVE_UINT32
                            : H5T_NATIVE_UINT64;
  }
}

/// Returns a type for UTF-8 texts of `length` bytes, padded with zeros; HDF5 has no type of length
/// 0.
inline Hdf5Handle text_type(std::size_t length) {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, length > 0 ? length : 1);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

/// Returns the extents of a dataspace, empty for a scalar; nullopt if HDF5 cannot read them.
inline std::optional<std::vector<hsize_t>> extents_of(hid_t space) {
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0) return {};
  std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
  if (rank > 0 && H5Sget_simple_extent_dims(space, extents.data(), nullptr) < 0) return {};
  return extents;
}

/// Appends the names in a group, sorted. Returns false if HDF5 cannot read them.
inline bool names_in(hid_t group, std::vector<std::string>& names) {
  const auto append = [](hid_t, const char* name, const H5L_info_t*, void* to) -> herr_t {
    static_cast<std::vector<std::string>*>(to)->emplace_back(name);
    return 0;
  };
  return H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, append, &names) >= 0;
}

/// Appends the names of an object's attributes. Returns false if HDF5 cannot read them.
inline bool attributes_of(hid_t object, std::vector<std::string>& names) {
  const auto append = [](hid_t, const char* name, const H5A_info_t*, void* to) -> herr_t {
    static_cast<std::vector<std::string>*>(to)->emplace_back(name);
    return 0;
  };
  return H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, append, &names) >= 0;
}

/// Returns the digest of an open file; see Hdf5Reader::digest. Throws std::runtime_error "PATH:
/// REASON" for an object that cannot be read or is not valid in a checkpoint.
std::string digest_of(hid_t file);

/// Disables HDF5's error output; Ridgeline reports errors as exceptions.
inline void silence_hdf5() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

#define RIDGELINE_FOR_HDF5_TYPES(DO) \
  DO(float)                          \
  DO(double)                         \
  DO(std::int32_t)                   \
  DO(std::int64_t)                   \
  DO(std::uint8_t)                   \
  DO(std::uint32_t)                  \
  DO(std::uint64_t)

}  // namespace ridgeline::io
