#pragma once

#include <cstddef>
#include <string>

namespace ridgeline::machine {

/// The kind of pages that memory is requested on.
enum class Pages {
  ordinary,  ///< Linux's default, as in any program
  small,     ///< of the base size alone (madvise MADV_NOHUGEPAGE)
  huge,      ///< transparent huge pages (madvise MADV_HUGEPAGE), if Linux provides them
};

/// Returns "ordinary", the label of small pages, or "huge".
std::string to_string(Pages pages);

/// Returns the label of small pages in results: "4KiB" on most machines.
std::string small_page_label();

/// Private anonymous memory of the host, unmapped when it goes out of scope. Pages are not touched
/// at first, so that each is placed in the domain of the thread that writes it first.
class PageBuffer {
 public:
  /// Maps memory aligned to 2 MiB. Throws RunError if that fails.
  PageBuffer(std::size_t bytes, Pages pages);
  ~PageBuffer();
  PageBuffer(const PageBuffer&) = delete;
  PageBuffer& operator=(const PageBuffer&) = delete;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

  /// Writes one byte per page from the calling thread.
  void touch() const;

  /// Returns the bytes of this buffer that lie on huge pages now, from /proc/self/smaps; 0 if they
  /// are unknown.
  std::size_t huge_bytes() const;

 private:
  void* mapped_;
  void* data_;
  std::size_t mapped_bytes_, bytes_;
};

}  // namespace ridgeline::machine
