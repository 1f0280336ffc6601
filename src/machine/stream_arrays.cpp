#include "machine/stream_arrays.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "core/function.hpp"
#include "core/random.hpp"
#include "machine/device_sum.hpp"

namespace ridgeline::machine {
namespace detail {

// Inputs repeat a table of random values: filling a gigabyte with Philox would take longer than
// streaming it. Because of the prime length the table never aligns with rows or lines.
constexpr std::size_t kTable = 4093;
// Sums of a host's parts are two cache lines apart, to avoid false sharing.
template <class Space>
constexpr int kSumStride = kIsHost<Space> ? 16 : 1;

/// Returns the contiguous elements [begin, end) of one of `parts`: whole pairs of lines.
struct StreamPart {
  std::size_t begin, end;
  KOKKOS_FUNCTION StreamPart(std::size_t n, int parts, int part) {
    constexpr std::size_t kUnit = 16;
    const std::size_t units = (n + kUnit - 1) / kUnit;
    begin = units * std::size_t(part) / std::size_t(parts) * kUnit;
    end = units * std::size_t(part + 1) / std::size_t(parts) * kUnit;
    if (begin > n) begin = n;
    if (end > n) end = n;
  }
};

/// One host thread's part, all passes of it in one launch.
struct HostStream {
  StreamKernel kernel;
  Stores stores;
  StreamPointers p;
  std::size_t n;
  int parts;
  long passes;
  double* sums;

  void operator()(int part) const {
    const StreamPart mine(n, parts, part);
    const auto from = [&](double* array) { return array ? array + mine.begin : nullptr; };
    sums[kSumStride<Kokkos::Serial> * part] =
        host::stream(kernel, stores, from(p.c), from(p.a), from(p.b), kStreamScalar,
                     mine.end - mine.begin, passes);
  }
};

/// The elements of a device thread: a few per pass, with the number of threads as stride, and
/// different ones in every pass, so that a set that does not fit in a multiprocessor's cache has no
/// hits there.
struct DeviceShares {
  std::size_t n, threads, shift;
  long passes;

  /// Elements shift by the golden ratio of the array from pass to pass, in whole lines: for many
  /// passes no shift repeats.
  DeviceShares(std::size_t count, std::size_t of_threads, long of_passes)
      : n(count),
        threads(of_threads),
        shift(static_cast<std::size_t>(0.6180339887 * static_cast<double>(count)) / 16 * 16),
        passes(of_passes) {}

  template <class Body>
  KOKKOS_FUNCTION void for_each(std::size_t thread, const Body& body) const {
    std::size_t offset = 0;
    if (threads >= n) {  // one element each
      for (long pass = 0; pass < passes && thread < n; ++pass) {
        const std::size_t at = thread + offset;
        body(at < n ? at : at - n);
        offset += shift;
        if (offset >= n) offset -= n;
      }
      return;
    }
    for (long pass = 0; pass < passes; ++pass) {
      // Independent loads.
      RIDGELINE_UNROLL_BY_4
      for (std::size_t i = thread; i < n; i += threads) {
        const std::size_t at = i + offset;
        body(at < n ? at : at - n);
      }
      offset += shift;
      if (offset >= n) offset -= n;
    }
  }
};

/// Every pass writes the same value to an element.
template <StreamKernel kernel>
struct DeviceStream {
  StreamPointers p;
  DeviceShares shares;

  KOKKOS_FUNCTION void operator()(std::size_t thread) const {
    const double* __restrict a = p.a;
    const double* __restrict b = p.b;
    double* __restrict c = p.c;
    shares.for_each(thread, [&](std::size_t i) {
      if constexpr (kernel == StreamKernel::write) c[i] = kStreamScalar;
      if constexpr (kernel == StreamKernel::copy) c[i] = a[i];
      if constexpr (kernel == StreamKernel::scale) c[i] = kStreamScalar * a[i];
      if constexpr (kernel == StreamKernel::triad) c[i] = a[i] + kStreamScalar * b[i];
    });
  }
};

struct DeviceRead {
  const double* a;
  DeviceShares shares;

  KOKKOS_FUNCTION void operator()(std::size_t thread, double& sum) const {
    shares.for_each(thread, [&](std::size_t i) { sum += a[i]; });
  }
};

// Calls `body(i, i % kTable)` for every element of a part, or for every element: hosts and devices
// distribute elements differently, and a host's inner loop has no division.
template <class Body>
struct PartLoop {
  Body body;
  std::size_t n;
  int parts;

  template <class... Sum>
  KOKKOS_FUNCTION void operator()(int part, Sum&... sum) const {
    const StreamPart mine(n, parts, part);
    std::size_t row = mine.begin % kTable;
    for (std::size_t i = mine.begin; i < mine.end; row = 0) {
      const std::size_t in_part = mine.end - i, in_table = kTable - row;
      const std::size_t count = in_part < in_table ? in_part : in_table;
      for (std::size_t k = 0; k < count; ++k) body(i + k, row + k, sum...);
      i += count;
    }
  }
};

struct StreamFill {
  double* array;
  const double* table;
  double value;
  KOKKOS_FUNCTION void operator()(std::size_t i, std::size_t row) const {
    array[i] = table ? table[row] : value;
  }
};

struct StreamCheck {
  StreamKernel kernel;
  const double* c;
  const double* tables;
  KOKKOS_FUNCTION void operator()(std::size_t i, std::size_t row, std::size_t& wrong) const {
    const double a = tables[row], b = tables[kTable + row];
    double expected = a;
    if (kernel == StreamKernel::write) expected = kStreamScalar;
    if (kernel == StreamKernel::scale) expected = kStreamScalar * a;
    if (kernel == StreamKernel::triad) expected = a + kStreamScalar * b;
    // With or without fusion, a result differs by a rounding; comparisons with NaN are false.
    const double error = c[i] > expected ? c[i] - expected : expected - c[i];
    if (!(error <= 1e-14)) ++wrong;
  }
};

template <class Body>
struct ElementLoop {
  Body body;
  KOKKOS_FUNCTION void operator()(std::size_t i) const { body(i, i % kTable); }
};
template <class Body>
struct ElementSum {
  Body body;
  KOKKOS_FUNCTION void operator()(std::size_t i, std::size_t& sum) const {
    body(i, i % kTable, sum);
  }
};

template <class Body>
struct PartSum {
  PartLoop<Body> loop;
  KOKKOS_FUNCTION void operator()(int part, std::size_t& sum) const { loop(part, sum); }
};

template <class Space>
Kokkos::RangePolicy<Space, Kokkos::Schedule<Kokkos::Static>, int> part_policy(const Space& instance,
                                                                              int parts) {
  return {instance, 0, parts, Kokkos::ChunkSize(1)};
}

template <StreamKernel kernel, class Space>
void stream_on_device(const Space& instance, const StreamPointers& p, std::size_t n, long passes) {
  const DeviceShares shares(n, threads_to_share(instance, n), passes);
  Kokkos::parallel_for("bandwidth/stream", LongRange<Space>(instance, 0, shares.threads),
                       DeviceStream<kernel>{p, shares});
}

const std::vector<double>& host_tables() {
  static const std::vector<double> tables = [] {
    std::vector<double> numbers(2 * kTable);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      numbers[i] = 0.5 + Philox(1, stream::kProbe, i).uniform(0);
    }
    return numbers;
  }();
  return tables;
}

}  // namespace detail

template <class Space>
StreamArrays<Space>::StreamArrays(const Space& instance, int arrays, std::size_t n, int threads,
                                  Pages pages)
    : instance_(instance),
      arrays_(arrays),
      parts_(threads > 0 ? std::min<int>(threads, instance.concurrency()) : instance.concurrency()),
      n_(n) {
  // Arrays with equal offsets modulo 4 KiB would suffer from 4K aliasing of loads and stores.
  stride_ = aligned_size<double>(n) + 3 * aligned_size<double>(1);
  const std::size_t total = stride_ * static_cast<std::size_t>(arrays);
  if constexpr (kIsHost<Space>) {
    pages_ = std::make_unique<PageBuffer>(total * sizeof(double), pages);
    memory_ = static_cast<double*>(pages_->data());
  } else {
    parts_ = detail::sum_teams(instance, n);
    (void)pages;
    buffer_ = Buffer<Space, double>(
        Kokkos::view_alloc(Kokkos::WithoutInitializing, "bandwidth/arrays"), total);
    memory_ = buffer_.data();
  }
  sums_ = allocate<double>(instance, "bandwidth/sums",
                           static_cast<std::size_t>(detail::kSumStride<Space> * parts_));
  const std::vector<double>& numbers = detail::host_tables();
  tables_ = Buffer<Space, double>(
      Kokkos::view_alloc(Kokkos::WithoutInitializing, "bandwidth/tables"), numbers.size());
  Kokkos::deep_copy(instance, tables_, host_view(numbers.data(), numbers.size()));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (int k = 0; k < arrays; ++k)
    fill(memory_ + static_cast<std::size_t>(k) * stride_, nullptr, nan);
}

template <class Space>
detail::StreamPointers StreamArrays<Space>::pointers(StreamKernel kernel) const {
  const int count = stream_array_count(kernel);
  detail::StreamPointers p;
  if (kernel != StreamKernel::write) p.a = memory_;
  if (kernel == StreamKernel::triad) p.b = memory_ + stride_;
  if (kernel != StreamKernel::read) p.c = memory_ + static_cast<std::size_t>(count - 1) * stride_;
  return p;
}

template <class Space>
void StreamArrays<Space>::fill(double* array, const double* table, double value) const {
  const detail::StreamFill body{array, table, value};
  if constexpr (kIsHost<Space>) {
    Kokkos::parallel_for("bandwidth/fill", detail::part_policy(instance_, parts_),
                         detail::PartLoop<detail::StreamFill>{body, n_, parts_});
  } else {
    Kokkos::parallel_for("bandwidth/fill", Kokkos::RangePolicy<Space>(instance_, 0, n_),
                         detail::ElementLoop<detail::StreamFill>{body});
  }
}

template <class Space>
void StreamArrays<Space>::prepare(StreamKernel kernel) {
  const detail::StreamPointers p = pointers(kernel);
  if (p.a) fill(p.a, tables_.data(), 0);
  if (p.b) fill(p.b, tables_.data() + detail::kTable, 0);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  if (p.c) fill(p.c, nullptr, nan);
  Kokkos::deep_copy(instance_, sums_, nan);
  instance_.fence();
}

template <class Space>
void StreamArrays<Space>::run(StreamKernel kernel, long passes) {
  const detail::StreamPointers p = pointers(kernel);
  passes_ = passes;
  if constexpr (kIsHost<Space>) {
    Kokkos::parallel_for("bandwidth/stream", detail::part_policy(instance_, parts_),
                         detail::HostStream{kernel, stores_, p, n_, parts_, passes, sums_.data()});
  } else {
    switch (kernel) {
      case StreamKernel::read: {
        const std::size_t threads = std::size_t(parts_) * detail::kSumTeam;
        detail::DeviceSum<Space, detail::DeviceRead, double, detail::kSumTeam>::launch(
            instance_, "bandwidth/read", parts_, {p.a, detail::DeviceShares(n_, threads, passes)},
            sums_.data());
        break;
      }
      case StreamKernel::write:
        detail::stream_on_device<StreamKernel::write>(instance_, p, n_, passes);
        break;
      case StreamKernel::copy:
        detail::stream_on_device<StreamKernel::copy>(instance_, p, n_, passes);
        break;
      case StreamKernel::scale:
        detail::stream_on_device<StreamKernel::scale>(instance_, p, n_, passes);
        break;
      case StreamKernel::triad:
        detail::stream_on_device<StreamKernel::triad>(instance_, p, n_, passes);
        break;
    }
  }
}

template <class Space>
bool StreamArrays<Space>::verify(StreamKernel kernel) const {
  if (kernel == StreamKernel::read) {
    const double sum = detail::sum_of_parts(instance_, sums_, detail::kSumStride<Space>) /
                       static_cast<double>(passes_);
    const std::vector<double>& numbers = detail::host_tables();
    double table = 0, remainder = 0;
    for (std::size_t row = 0; row < detail::kTable; ++row) {
      table += numbers[row];
      if (row < n_ % detail::kTable) remainder += numbers[row];
    }
    const double expected = static_cast<double>(n_ / detail::kTable) * table + remainder;
    return std::abs(sum - expected) <= 1e-10 * expected;
  }
  const detail::StreamCheck body{kernel, pointers(kernel).c, tables_.data()};
  std::size_t wrong = 0;
  if constexpr (kIsHost<Space>) {
    Kokkos::parallel_reduce("bandwidth/verify", detail::part_policy(instance_, parts_),
                            detail::PartSum<detail::StreamCheck>{{body, n_, parts_}}, wrong);
  } else {
    Kokkos::parallel_reduce("bandwidth/verify", Kokkos::RangePolicy<Space>(instance_, 0, n_),
                            detail::ElementSum<detail::StreamCheck>{body}, wrong);
  }
  return wrong == 0;
}

#define RIDGELINE_INSTANTIATE(Space) template class StreamArrays<Space>;
RIDGELINE_FOR_EACH_SPACE(RIDGELINE_INSTANTIATE)
#undef RIDGELINE_INSTANTIATE

}  // namespace ridgeline::machine
