#include "machine/pages.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/error.hpp"
#include "machine/probe.hpp"
#include "machine/system.hpp"

namespace ridgeline::machine {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

std::string small_page_label() { return std::to_string(page_bytes() >> 10) + "KiB"; }

std::string to_string(Pages pages) {
  return pages == Pages::huge ? "huge" : pages == Pages::small ? small_page_label() : "ordinary";
}

PageBuffer::PageBuffer(std::size_t bytes, Pages pages) {
  // Whole huge pages: a part of one would lie on small pages.
  bytes_ = (std::max<std::size_t>(bytes, 1) + kHugePage - 1) / kHugePage * kHugePage;
  mapped_bytes_ = bytes_ + kHugePage;
  mapped_ = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped_ == MAP_FAILED) {
    throw RunError("cannot have " + readable_bytes(static_cast<double>(mapped_bytes_)) +
                   " of memory for a probe: " + std::strerror(errno));
  }
  const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(mapped_);
  data_ = reinterpret_cast<void*>((address + kHugePage - 1) / kHugePage * kHugePage);
  // If the advice fails, pages are ordinary; huge_bytes() returns the actual state.
  if (pages == Pages::small) madvise(data_, bytes_, MADV_NOHUGEPAGE);
  if (pages == Pages::huge) madvise(data_, bytes_, MADV_HUGEPAGE);
}

PageBuffer::~PageBuffer() { munmap(mapped_, mapped_bytes_); }

void PageBuffer::touch() const {
  volatile char* bytes = static_cast<char*>(data_);
  for (std::size_t i = 0; i < bytes_; i += page_bytes()) bytes[i] = 1;
}

std::size_t PageBuffer::huge_bytes() const {
  const std::uintptr_t first = reinterpret_cast<std::uintptr_t>(data_), last = first + bytes_;
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  std::size_t huge = 0;
  bool ours = false;
  while (std::getline(maps, line)) {
    std::uintptr_t begin = 0, end = 0;
    char dash = ' ';
    std::istringstream head(line);
    if (line.find(':') > line.find(' ') && head >> std::hex >> begin >> dash >> end &&
        dash == '-') {
      ours = begin < last && end > first;
    } else if (ours && line.rfind("AnonHugePages:", 0) == 0) {
      huge += static_cast<std::size_t>(std::stoull(line.substr(14))) << 10;
    }
  }
  return std::min(huge, bytes_);
}

}  // namespace ridgeline::machine
