#include "machine/host_dot_products.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/random.hpp"

#if defined(__x86_64__) && \
    ((defined(__clang__) && __clang_major__ >= 12) || (!defined(__clang__) && __GNUC__ >= 11))
#define RIDGELINE_HAS_DOT_KERNELS
#include <cpuid.h>
#include <immintrin.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace ridgeline::machine::host {
namespace {

// One chain of a vector kernel is a register of sums; of a tile kernel, a tile of them. Chain i
// multiplies operand i % kA of A by operand i / kA % kB of B, so that chains have different sums
// and all operands stay in registers.
struct Layout {
  int chains, a, b;   // chains, and operands of each
  int lanes;          // sums per row
  int rows, depth;    // of tiles: rows of A and sums, rows of B; of vectors 1
  int group;          // products per sum and instruction, per row of B
  int operand_bytes;  // of one operand
};

constexpr Layout layout_of(DotKernel kernel) {
  switch (kernel) {
    case DotKernel::avx512_bf16:
      return {24, 4, 2, 16, 1, 1, 2, 64};
    case DotKernel::avx512_vnni:
      return {24, 4, 2, 16, 1, 1, 4, 64};
    case DotKernel::avx_vnni:
      return {10, 3, 2, 8, 1, 1, 4, 32};
    case DotKernel::amx_bf16:
      return {4, 2, 2, 16, 16, 16, 2, 1024};
    default:
      return {4, 2, 2, 16, 16, 16, 4, 1024};
  }
}

constexpr bool is_bfloat16(DotKernel kernel) {
  return kernel == DotKernel::avx512_bf16 || kernel == DotKernel::amx_bf16;
}

std::int32_t bits_of(float value) {
  std::int32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// `count` operands of small integers in the layout of the instruction, and as integers.
void make_operands(DotKernel kernel, int count, bool both_signs, std::uint64_t seed,
                   std::vector<unsigned char>& packed, std::vector<int>& values) {
  const Layout layout = layout_of(kernel);
  const std::size_t bytes = std::size_t(count) * std::size_t(layout.operand_bytes);
  const std::size_t size = is_bfloat16(kernel) ? 2 : 1;
  packed.resize(bytes);
  values.resize(bytes / size);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Philox random(seed, stream::kProbe, i);
    int value = 1 + static_cast<int>(random.below(7));
    if (both_signs && random.below(2, 1) == 0) value = -value;
    values[i] = value;
    if (size == 2) {
      const auto upper = static_cast<std::uint16_t>(bits_of(static_cast<float>(value)) >> 16);
      std::memcpy(&packed[2 * i], &upper, 2);
    } else {
      packed[i] = static_cast<unsigned char>(static_cast<signed char>(value));
    }
  }
}

#if defined(RIDGELINE_HAS_DOT_KERNELS)

#if defined(__clang__)
#define RIDGELINE_UNROLL_FULLY _Pragma("clang loop unroll(full)")
#else
#define RIDGELINE_UNROLL_FULLY _Pragma("GCC unroll 24")
#endif

__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))) void run_avx512_bf16(
    const void* a, const void* b, std::int32_t* sums, long steps) {
  constexpr Layout kLayout = layout_of(DotKernel::avx512_bf16);
  __m512 chain[kLayout.chains];
  __m512bh left[kLayout.a], right[kLayout.b];
  std::memcpy(left, a, sizeof(left));
  std::memcpy(right, b, sizeof(right));
  std::memcpy(chain, sums, sizeof(chain));
  for (long step = 0; step < steps; ++step) {
    RIDGELINE_UNROLL_FULLY
    for (int i = 0; i < kLayout.chains; ++i) {
      chain[i] = _mm512_dpbf16_ps(chain[i], left[i % kLayout.a], right[i / kLayout.a % kLayout.b]);
    }
  }
  std::memcpy(sums, chain, sizeof(chain));
}

// Inline assembly: with intrinsics GCC 12 copies the sums between registers, which halves the rate.
__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) void run_avx512_vnni(
    const void* a, const void* b, std::int32_t* sums, long steps) {
  constexpr Layout kLayout = layout_of(DotKernel::avx512_vnni);
  typedef int Vector __attribute__((vector_size(64)));
  Vector chain[kLayout.chains], left[kLayout.a], right[kLayout.b];
  std::memcpy(left, a, sizeof(left));
  std::memcpy(right, b, sizeof(right));
  std::memcpy(chain, sums, sizeof(chain));
  for (long step = 0; step < steps; ++step) {
    RIDGELINE_UNROLL_FULLY
    for (int i = 0; i < kLayout.chains; ++i) {
      Vector sum = chain[i];  // an array that is an operand itself would stay in memory
      __asm__("vpdpbusd %2, %1, %0"
              : "+v"(sum)
              : "v"(left[i % kLayout.a]), "v"(right[i / kLayout.a % kLayout.b]));
      chain[i] = sum;
    }
  }
  std::memcpy(sums, chain, sizeof(chain));
}

__attribute__((target("avx2,avxvnni"))) void run_avx_vnni(const void* a, const void* b,
                                                          std::int32_t* sums, long steps) {
  constexpr Layout kLayout = layout_of(DotKernel::avx_vnni);
  typedef int Vector __attribute__((vector_size(32)));
  Vector chain[kLayout.chains], left[kLayout.a], right[kLayout.b];
  std::memcpy(left, a, sizeof(left));
  std::memcpy(right, b, sizeof(right));
  std::memcpy(chain, sums, sizeof(chain));
  for (long step = 0; step < steps; ++step) {
    RIDGELINE_UNROLL_FULLY
    for (int i = 0; i < kLayout.chains; ++i) {
      Vector sum = chain[i];  // an array that is an operand itself would stay in memory
      __asm__("%{vex%} vpdpbusd %2, %1, %0"
              : "+x"(sum)
              : "x"(left[i % kLayout.a]), "x"(right[i / kLayout.a % kLayout.b]));
      chain[i] = sum;
    }
  }
  std::memcpy(sums, chain, sizeof(chain));
}

// Tiles 0 to 3 are sums, 4 and 5 of A, 6 and 7 of B, all of 16 rows of 64 bytes.
struct alignas(64) TileConfiguration {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

template <bool Bfloat16>
__attribute__((target("amx-tile,amx-bf16,amx-int8"))) void run_amx(const void* a, const void* b,
                                                                   std::int32_t* sums, long steps) {
  const TileConfiguration configuration;
  const auto* left = static_cast<const char*>(a);
  const auto* right = static_cast<const char*>(b);
  auto* tiles = reinterpret_cast<char*>(sums);
  _tile_loadconfig(&configuration);
  _tile_loadd(0, tiles, 64);
  _tile_loadd(1, tiles + 1024, 64);
  _tile_loadd(2, tiles + 2048, 64);
  _tile_loadd(3, tiles + 3072, 64);
  _tile_loadd(4, left, 64);
  _tile_loadd(5, left + 1024, 64);
  _tile_loadd(6, right, 64);
  _tile_loadd(7, right + 1024, 64);
  for (long step = 0; step < steps; ++step) {
    if constexpr (Bfloat16) {
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 5, 6);
      _tile_dpbf16ps(2, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    } else {
      _tile_dpbssd(0, 4, 6);
      _tile_dpbssd(1, 5, 6);
      _tile_dpbssd(2, 4, 7);
      _tile_dpbssd(3, 5, 7);
    }
  }
  _tile_stored(0, tiles, 64);
  _tile_stored(1, tiles + 1024, 64);
  _tile_stored(2, tiles + 2048, 64);
  _tile_stored(3, tiles + 3072, 64);
  _tile_release();
}

// Returns the register states that the system saves and restores (XCR0).
std::uint64_t enabled_state() {
  std::uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
}

// Linux permits tiles only to a process that requests them.
bool tiles_are_granted() {
#if defined(__linux__) && defined(SYS_arch_prctl)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

std::vector<DotKernel> find_dot_kernels() {
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
  constexpr std::uint32_t kXsaveByTheSystem = 1u << 27;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & kXsaveByTheSystem) == 0) return {};
  const std::uint64_t state = enabled_state();
  const auto saves = [&](std::uint64_t mask) { return (state & mask) == mask; };
  std::uint32_t most = 0, b7 = 0, c7 = 0, d7 = 0, a71 = 0;
  if (!__get_cpuid_count(7, 0, &most, &b7, &c7, &d7)) return {};
  if (most >= 1) __get_cpuid_count(7, 1, &a71, &b, &c, &d);
  const auto has = [](std::uint32_t word, int bit) { return (word >> bit & 1) != 0; };
  const bool avx512 = saves(0xe6) && has(b7, 16) && has(b7, 30) && has(b7, 31);  // F, BW, VL
  std::vector<DotKernel> kernels;
  if (avx512 && has(a71, 5)) kernels.push_back(DotKernel::avx512_bf16);
  if (avx512 && has(c7, 11)) kernels.push_back(DotKernel::avx512_vnni);
  if (saves(0x6) && has(a71, 4)) kernels.push_back(DotKernel::avx_vnni);
  // The processor has instructions on tiles if it has tiles.
  if (saves(0x60000) && has(d7, 24) && (has(d7, 22) || has(d7, 25)) && tiles_are_granted()) {
    if (has(d7, 22)) kernels.push_back(DotKernel::amx_bf16);
    if (has(d7, 25)) kernels.push_back(DotKernel::amx_int8);
  }
  return kernels;
}

void run_kernel(DotKernel kernel, const void* a, const void* b, std::int32_t* sums, long steps) {
  switch (kernel) {
    case DotKernel::avx512_bf16:
      return run_avx512_bf16(a, b, sums, steps);
    case DotKernel::avx512_vnni:
      return run_avx512_vnni(a, b, sums, steps);
    case DotKernel::avx_vnni:
      return run_avx_vnni(a, b, sums, steps);
    case DotKernel::amx_bf16:
      return run_amx<true>(a, b, sums, steps);
    default:
      return run_amx<false>(a, b, sums, steps);
  }
}

#else

std::vector<DotKernel> find_dot_kernels() { return {}; }
void run_kernel(DotKernel, const void*, const void*, std::int32_t*, long) {}

#endif

}  // namespace

std::string to_string(DotKernel kernel) {
  switch (kernel) {
    case DotKernel::avx512_bf16:
      return "avx512_bf16";
    case DotKernel::avx512_vnni:
      return "avx512_vnni";
    case DotKernel::avx_vnni:
      return "avx_vnni";
    case DotKernel::amx_bf16:
      return "amx_bf16";
    default:
      return "amx_int8";
  }
}

std::string precision_of(DotKernel kernel) { return is_bfloat16(kernel) ? "bfloat16" : "int8"; }

std::vector<DotKernel> supported_dot_kernels() {
  static const std::vector<DotKernel> kernels = find_dot_kernels();
  return kernels;
}

DotProblem::DotProblem(DotKernel kernel) : kernel_(kernel) {
  const Layout layout = layout_of(kernel);
  // One operand of VPDPBUSD is unsigned.
  std::vector<int> a, b;
  make_operands(kernel, layout.a, false, 1, a_, a);
  make_operands(kernel, layout.b, true, 2, b_, b);
  const int rows = layout.rows, lanes = layout.lanes, depth = layout.depth, group = layout.group;
  std::int64_t largest = 1;
  for (int chain = 0; chain < layout.chains; ++chain) {
    const int* left = a.data() + std::size_t(chain % layout.a) * a.size() / std::size_t(layout.a);
    const int* right =
        b.data() + std::size_t(chain / layout.a % layout.b) * b.size() / std::size_t(layout.b);
    for (int row = 0; row < rows; ++row) {
      for (int lane = 0; lane < lanes; ++lane) {
        std::int64_t sum = 0;
        for (int k = 0; k < depth; ++k) {
          for (int i = 0; i < group; ++i) {
            // Each lane of a vector has its own operands; the rows and columns of a tile share
            // them.
            const int at = rows == 1 ? lane * group + i : (row * depth + k) * group + i;
            sum += std::int64_t{left[at]} * right[(k * lanes + lane) * group + i];
          }
        }
        expected_.push_back(sum);
        first_.push_back(encode(static_cast<std::int64_t>(expected_.size() % 101)));
        largest = std::max<std::int64_t>(largest, std::abs(sum));
      }
    }
  }
  // float32 holds integers up to 2^24.
  most_steps_ = static_cast<long>(((std::int64_t{1} << 24) - 128) / largest);
}

double DotProblem::operations_per_step() const {
  const Layout layout = layout_of(kernel_);
  return 2.0 * static_cast<double>(expected_.size()) * layout.depth * layout.group;
}

std::int32_t DotProblem::encode(std::int64_t value) const {
  return is_bfloat16(kernel_) ? bits_of(static_cast<float>(value))
                              : static_cast<std::int32_t>(value);
}

void DotProblem::run(std::int32_t* sums, long steps) const {
  std::copy(first_.begin(), first_.end(), sums);
  run_kernel(kernel_, a_.data(), b_.data(), sums, steps);
}

bool DotProblem::verify(const std::int32_t* sums, long steps) const {
  for (std::size_t i = 0; i < expected_.size(); ++i) {
    const auto first = static_cast<std::int64_t>((i + 1) % 101);
    if (sums[i] != encode(first + steps * expected_[i])) return false;
  }
  return true;
}

}  // namespace ridgeline::machine::host
