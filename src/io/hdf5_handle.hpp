#pragma once

// Private to this folder: the only header that shows HDF5.

#include <hdf5.h>

#include <string>
#include <type_traits>
#include <utility>

namespace ridgeline::io {

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

/// HDF5's type of T in memory.
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

/// A type for a text of any length, UTF-8.
inline Hdf5Handle text_type() {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

/// Our errors are exceptions of one line; HDF5 prints none.
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
