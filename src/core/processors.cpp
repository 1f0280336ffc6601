#include "core/processors.hpp"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>

namespace ridgeline {
namespace {

constexpr std::size_t kBits = sizeof(unsigned long) * CHAR_BIT;

}  // namespace

ProcessorMask::ProcessorMask(const std::vector<int>& processors) {
  for (const int processor : processors) {
    const auto bit = static_cast<std::size_t>(processor);
    if (words_.size() <= bit / kBits) words_.resize(bit / kBits + 1, 0);
    words_[bit / kBits] |= 1ul << (bit % kBits);
  }
}

ProcessorMask ProcessorMask::of_this_thread() {
  constexpr std::size_t kMostWords = (std::size_t{1} << 20) / kBits;
  ProcessorMask mask;
  for (std::size_t words = 1024 / kBits; words <= kMostWords; words *= 2) {
    mask.words_.assign(words, 0);
    if (mask.read_this_thread()) return mask;
    if (errno != EINVAL) break;  // EINVAL: the mask is too small for the kernel's
  }
  return {};
}

bool ProcessorMask::read_this_thread() {
  std::fill(words_.begin(), words_.end(), 0);
  auto* const set = reinterpret_cast<cpu_set_t*>(words_.data());
  return sched_getaffinity(0, words_.size() * sizeof(unsigned long), set) == 0;
}

bool ProcessorMask::empty() const {
  return std::all_of(words_.begin(), words_.end(), [](unsigned long word) { return word == 0; });
}

std::vector<int> ProcessorMask::processors() const {
  std::vector<int> list;
  for (std::size_t bit = 0; bit < words_.size() * kBits; ++bit) {
    if ((words_[bit / kBits] >> (bit % kBits) & 1) != 0) list.push_back(static_cast<int>(bit));
  }
  return list;
}

void ProcessorMask::add(const ProcessorMask& other) {
  words_.resize(std::max(words_.size(), other.words_.size()), 0);
  for (std::size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
}

bool ProcessorMask::bind_this_thread() const {
  const auto* const set = reinterpret_cast<const cpu_set_t*>(words_.data());
  return sched_setaffinity(0, words_.size() * sizeof(unsigned long), set) == 0;
}

}  // namespace ridgeline
