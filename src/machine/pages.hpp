#pragma once

#include <cstddef>
#include <string>

namespace ridgeline::machine {

/// What pages memory is asked to lie on.
enum class Pages {
  ordinary,  ///< whatever the kernel gives unasked, as any program gets them
  small,     ///< of the base size alone (madvise MADV_NOHUGEPAGE)
  huge,      ///< transparent huge pages (madvise MADV_HUGEPAGE), where the kernel grants them
};

/// "ordinary", the label of small pages, "huge".
std::string to_string(Pages pages);

/// The label of small pages in results: "4KiB" on most machines.
std::string small_page_label();

/// Private anonymous memory of the host, unmapped when it goes out of scope. Nothing is touched at
/// first, so that pages lie where the thread that writes them first runs.
class PageBuffer {
 public:
  /// Aligned to 2 MiB. Throws RunError where the memory cannot be had.
  PageBuffer(std::size_t bytes, Pages pages);
  ~PageBuffer();
  PageBuffer(const PageBuffer&) = delete;
  PageBuffer& operator=(const PageBuffer&) = delete;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

  /// Writes one byte a page from the calling thread.
  void touch() const;

  /// Bytes of this buffer that lie on huge pages now, from /proc/self/smaps; 0 where the kernel
  /// does not say.
  std::size_t huge_bytes() const;

 private:
  void* mapped_;
  void* data_;
  std::size_t mapped_bytes_, bytes_;
};

}  // namespace ridgeline::machine
