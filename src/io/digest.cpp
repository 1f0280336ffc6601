#include "io/digest.hpp"

#include <xxhash.h>

#include <cstdio>
#include <new>

namespace ridgeline::io {

struct Digest::State {
  XXH3_state_t* hash = XXH3_createState();
  ~State() { XXH3_freeState(hash); }
};

Digest::Digest() : state_(std::make_unique<State>()) {
  if (state_->hash == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(state_->hash);
}
Digest::~Digest() = default;

void Digest::add(const void* bytes, std::size_t count) {
  XXH3_128bits_update(state_->hash, bytes, count);
}

std::string Digest::text() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->hash);
  char digits[40];
  std::snprintf(digits, sizeof digits, "%016llx%016llx",
                static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return std::string("xxh3-128:") + digits;
}

}  // namespace ridgeline::io
