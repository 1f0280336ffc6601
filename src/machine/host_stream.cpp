#include "machine/host_stream.hpp"

#include <cstdint>

#include "machine/host_vector.hpp"

namespace ridgeline::machine::host {
namespace {

using V = Vector<double>;
constexpr std::size_t kWidth = kLanes<double>;
constexpr std::size_t kUnroll = 8;

// Compiler barrier: every pass reads and writes memory again, and the compiler does not replace
// copy by a call of memcpy, whose stores may be non-temporal.
inline void barrier() { asm volatile("" ::: "memory"); }

inline const V& load(const double* p) { return *reinterpret_cast<const V*>(p); }
inline V& at(double* p) { return *reinterpret_cast<V*>(p); }

template <StreamKernel kernel, class T>
inline void element(T& c, const T& a, const T& b, const T& s) {
  if constexpr (kernel == StreamKernel::write) c = s;
  if constexpr (kernel == StreamKernel::copy) c = a;
  if constexpr (kernel == StreamKernel::scale) c = s * a;
  if constexpr (kernel == StreamKernel::triad) c = a + s * b;
}

template <StreamKernel kernel, Stores stores>
void write_pass(double* c, const double* a, const double* b, double s, std::size_t n) {
  // Unused arrays of a kernel may be null: they are neither read nor advanced.
  constexpr bool kReadsA = kernel != StreamKernel::write, kReadsB = kernel == StreamKernel::triad;
  const V scalar = V{} + s;
  std::size_t i = 0;
  if constexpr (stores == Stores::nontemporal) {
    const auto misaligned = [&] { return reinterpret_cast<std::uintptr_t>(c + i) % kVectorBytes; };
    for (; i < n && misaligned() != 0; ++i) {
      element<kernel>(c[i], kReadsA ? a[i] : s, kReadsB ? b[i] : s, s);
    }
  }
  for (; i + kUnroll * kWidth <= n; i += kUnroll * kWidth) {
#if defined(__clang__)
#pragma clang loop unroll(full)
#else
#pragma GCC unroll 8
#endif
    for (std::size_t u = 0; u < kUnroll; ++u) {
      const std::size_t k = i + u * kWidth;
      const V& x = kReadsA ? load(a + k) : scalar;
      const V& y = kReadsB ? load(b + k) : scalar;
      if constexpr (stores == Stores::nontemporal) {
        V result;
        element<kernel>(result, x, y, scalar);
        store_nontemporal(c + k, result);
      } else {
        element<kernel>(at(c + k), x, y, scalar);
      }
    }
    barrier();
  }
  for (; i < n; ++i) element<kernel>(c[i], kReadsA ? a[i] : s, kReadsB ? b[i] : s, s);
}

// Adds [p, p + kSums vectors) to as many sums, or initialises them with it.
template <std::size_t kSums, bool begin = false>
inline void add(V* sums, const double* p) {
#if defined(__clang__)
#pragma clang loop unroll(full)
#else
#pragma GCC unroll 16
#endif
  for (std::size_t u = 0; u < kSums; ++u) {
    sums[u] = begin ? load(p + u * kWidth) : sums[u] + load(p + u * kWidth);
  }
}

// Adds the pass's sum to `total` and to `remainder`: lanes are added up once, after all passes,
// because a small set's pass is shorter than that.
void read_pass(const double* a, std::size_t n, V& total, double& remainder) {
  // Sixteen independent sums hide the latency of additions; the remainder is processed in fours.
  constexpr std::size_t kSums = 16;
  const V zero[kSums] = {};
  V sums[kSums];
  std::size_t i = n < kSums * kWidth ? 0 : kSums * kWidth;
  add<kSums, true>(sums, i == 0 ? reinterpret_cast<const double*>(zero) : a);
  for (; i + kSums * kWidth <= n; i += kSums * kWidth) add<kSums>(sums, a + i);
  for (; i + 4 * kWidth <= n; i += 4 * kWidth) add<4>(sums, a + i);
  for (; i + kWidth <= n; i += kWidth) add<1>(sums, a + i);
  for (; i < n; ++i) remainder += a[i];
  for (std::size_t half = kSums / 2; half > 0; half /= 2) {
    for (std::size_t u = 0; u < half; ++u) sums[u] += sums[u + half];
  }
  total += sums[0];
}

template <StreamKernel kernel>
void write_passes(Stores stores, double* c, const double* a, const double* b, double s,
                  std::size_t n, long passes) {
  for (long pass = 0; pass < passes; ++pass) {
    if (stores == Stores::nontemporal) {
      write_pass<kernel, Stores::nontemporal>(c, a, b, s, n);
    } else {
      write_pass<kernel, Stores::ordinary>(c, a, b, s, n);
    }
  }
  if (stores == Stores::nontemporal) stores_done();
}

}  // namespace

bool has_nontemporal_stores() { return kNontemporalStores; }

double stream(StreamKernel kernel, Stores stores, double* c, const double* a, const double* b,
              double s, std::size_t n, long passes) {
  double sum = 0;
  switch (kernel) {
    case StreamKernel::read: {
      V total = {};
      for (long pass = 0; pass < passes; ++pass) {
        barrier();
        read_pass(a, n, total, sum);
      }
      for (std::size_t lane = 0; lane < kWidth; ++lane) sum += total[lane];
      break;
    }
    case StreamKernel::write:
      write_passes<StreamKernel::write>(stores, c, a, b, s, n, passes);
      break;
    case StreamKernel::copy:
      write_passes<StreamKernel::copy>(stores, c, a, b, s, n, passes);
      break;
    case StreamKernel::scale:
      write_passes<StreamKernel::scale>(stores, c, a, b, s, n, passes);
      break;
    case StreamKernel::triad:
      write_passes<StreamKernel::triad>(stores, c, a, b, s, n, passes);
      break;
  }
  return sum;
}

}  // namespace ridgeline::machine::host
