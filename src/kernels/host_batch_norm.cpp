#include "kernels/host_batch_norm.hpp"

#include <cmath>

#include "kernels/host_tile.hpp"

namespace ridgeline::kernels::host {
namespace {

// Entries of a block, at most: their tables lie on its stack.
constexpr std::size_t kMostEntries = 128, kMostPlanes = 64;

// A block's part of the memory: entries [begin, end) of outer [outer_begin, outer_end).
struct Part {
  std::size_t begin, end, outer_begin, outer_end, group;

  std::size_t entries() const { return end - begin; }
};

Part part_of(const ChannelShape& shape, const ChannelCut& cut, int block) {
  const std::size_t chunk = std::size_t(block) % cut.chunks,
                    group = std::size_t(block) / cut.chunks;
  const std::size_t all = shape.channels * cut.entries;
  return {chunk * cut.chunk, std::min(all, (chunk + 1) * cut.chunk), group * cut.group,
          std::min(shape.outer, (group + 1) * cut.group), group};
}

// Calls body(offset) for vectors that cover [0, size), size at least a vector: the last may overlap
// the one before it.
template <class T, class Body>
void cover(std::size_t size, const Body& body) {
  constexpr std::size_t kStep = kLanes<T>;
  std::size_t i = 0;
  for (; i + kStep <= size; i += kStep) body(i);
  if (i < size) body(size - kStep);
}

// Which lanes of the last, overlapping vector belong to the `left` values that no vector had.
template <class T>
auto last_lanes(std::size_t left) {
  Vector<T> lane;
  for (int i = 0; i < kLanes<T>; ++i) lane[i] = static_cast<T>(i);
  return lane >= static_cast<T>(kLanes<T> - static_cast<int>(left));
}

// Sums of two quantities over planes, in lanes.
template <class T>
struct Sums {
  Vector<T> first[2], second[2];
};

template <class T>
double total(const Vector<T> (&sums)[2]) {
  double sum = 0;
  for (int lane = 0; lane < kLanes<T>; ++lane) sum += double(sums[0][lane]) + sums[1][lane];
  return sum;
}

// Adds body(offset) = {first, second} of every vector of a plane to the sums.
template <class T, class Body>
void add_plane(std::size_t size, Sums<T>& sums, const Body& body) {
  constexpr std::size_t kStep = kLanes<T>;
  Vector<T> first[2] = {sums.first[0], sums.first[1]};
  Vector<T> second[2] = {sums.second[0], sums.second[1]};
  std::size_t i = 0;
  for (; i + 2 * kStep <= size; i += 2 * kStep) {
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      Vector<T> a, b;
      body(i + std::size_t(v) * kStep, a, b);
      first[v] += a;
      second[v] += b;
    }
  }
  if (i + kStep <= size) {
    Vector<T> a, b;
    body(i, a, b);
    first[0] += a;
    second[0] += b;
    i += kStep;
  }
  if (i < size) {
    Vector<T> a, b;
    body(size - kStep, a, b);
    const auto counted = last_lanes<T>(size - i);
    first[1] += counted ? a : Vector<T>{};
    second[1] += counted ? b : Vector<T>{};
  }
  for (int v = 0; v < 2; ++v) {
    sums.first[v] = first[v];
    sums.second[v] = second[v];
  }
}

}  // namespace

template <class T>
ChannelCut batch_norm_cut(const ChannelShape& shape) {
  // A block of planes is big enough to pay for its horizontal sums and small enough to give every
  // thread some; one of columns stays in L1 for its second pass.
  constexpr std::size_t kPlaneBlock = 32768, kPiece = 4096, kColumnBlock = 8192;
  const bool planes = shape.inner >= std::size_t(kLanes<T>);
  ChannelCut cut;
  cut.entries = planes ? 1 : shape.inner;
  cut.samples = planes ? shape.inner : 1;
  const std::size_t all = shape.channels * cut.entries;
  const std::size_t wanted =
      planes ? std::min(kMostPlanes, kPiece / shape.inner + 1) : kMostEntries;
  const std::size_t chunks = (all + wanted - 1) / wanted;
  cut.chunk = (all + chunks - 1) / chunks;
  cut.chunks = (all + cut.chunk - 1) / cut.chunk;
  const std::size_t row = cut.chunk * cut.samples;
  cut.group = planes ? std::max<std::size_t>(1, kPlaneBlock / row)
                     : std::clamp<std::size_t>(kColumnBlock / row, 16, 256);
  cut.groups = (shape.outer + cut.group - 1) / cut.group;
  return cut;
}

template <class T>
void BatchNorm<T>::statistics(int block) const {
  const Part part = part_of(shape, cut, block);
  const std::size_t row = shape.channels * shape.inner, all = shape.channels * cut.entries;
  const double count = double(cut.count(shape, part.group));
  T* means = partials + part.group * 2 * all + part.begin;
  T* squares = means + all;
  if (cut.samples == 1) {
    const std::size_t entries = part.entries();
    const T* from = x + part.begin;
    const T* pivot = from + part.outer_begin * row;
    T sum[kMostEntries] = {};
    for (std::size_t n = part.outer_begin; n < part.outer_end; ++n) {
      for (std::size_t j = 0; j < entries; ++j) sum[j] += from[n * row + j] - pivot[j];
    }
    T middle[kMostEntries];
    for (std::size_t j = 0; j < entries; ++j) middle[j] = pivot[j] + sum[j] / static_cast<T>(count);
    T square[kMostEntries] = {};
    for (std::size_t n = part.outer_begin; n < part.outer_end; ++n) {
      for (std::size_t j = 0; j < entries; ++j) {
        const T off = from[n * row + j] - middle[j];
        square[j] += off * off;
      }
    }
    for (std::size_t j = 0; j < entries; ++j) {
      means[j] = middle[j];
      squares[j] = square[j];
    }
    return;
  }
  // One pass over deviations from a pivot, the mean of the group's first plane: since that plane is
  // a good part of the data, the pivot is near enough to their mean to lose nothing that matters.
  Sums<T> sums[kMostPlanes];
  for (std::size_t j = 0; j < part.entries(); ++j) sums[j] = {};
  T pivot[kMostPlanes];
  for (std::size_t n = part.outer_begin; n < part.outer_end; ++n) {
    for (std::size_t c = part.begin; c < part.end; ++c) {
      const T* plane = x + n * row + c * shape.inner;
      const std::size_t j = c - part.begin;
      if (n == part.outer_begin) {
        Sums<T> first = {};
        add_plane(shape.inner, first, [&](std::size_t i, Vector<T>& a, Vector<T>& b) {
          a = load<T>(plane + i);
          b = Vector<T>{};
        });
        pivot[j] = static_cast<T>(total<T>(first.first) / double(shape.inner));
      }
      const T from = pivot[j];
      add_plane(shape.inner, sums[j], [&](std::size_t i, Vector<T>& a, Vector<T>& b) {
        a = load<T>(plane + i) - from;
        b = a * a;
      });
    }
  }
  for (std::size_t j = 0; j < part.entries(); ++j) {
    const double shift = total<T>(sums[j].first) / count;
    means[j] = static_cast<T>(double(pivot[j]) + shift);
    const double sum = total<T>(sums[j].second) - shift * shift * count;
    squares[j] = static_cast<T>(sum < 0 ? 0.0 : sum);  // a NaN stays
  }
}

template <class T>
void BatchNorm<T>::normalise(int block) const {
  const Part part = part_of(shape, cut, block);
  const std::size_t row = shape.channels * shape.inner, entries = part.entries();
  T center[kMostEntries], scale[kMostEntries], shift[kMostEntries];
  for (std::size_t j = 0; j < entries; ++j) {
    const std::size_t c = (part.begin + j) / cut.entries;
    const T inverse = inverse_deviation ? inverse_deviation[c]
                                        : static_cast<T>(1 / std::sqrt(variance[c] + epsilon));
    center[j] = mean[c];
    scale[j] = inverse * weight[c];
    shift[j] = bias[c];
  }
  for (std::size_t n = part.outer_begin; n < part.outer_end; ++n) {
    if (cut.samples == 1) {
      const T* from = x + n * row + part.begin;
      T* to = out + n * row + part.begin;
      for (std::size_t j = 0; j < entries; ++j) to[j] = (from[j] - center[j]) * scale[j] + shift[j];
      continue;
    }
    for (std::size_t j = 0; j < entries; ++j) {
      const std::size_t at = n * row + (part.begin + j) * shape.inner;
      const T m = center[j], s = scale[j], b = shift[j];
      cover<T>(shape.inner,
               [&](std::size_t i) { store<T>(out + at + i, (load<T>(x + at + i) - m) * s + b); });
    }
  }
}

template <class T>
void BatchNorm<T>::gradient_sums(int block) const {
  const Part part = part_of(shape, cut, block);
  const std::size_t row = shape.channels * shape.inner, all = shape.channels * cut.entries;
  const std::size_t entries = part.entries();
  T* first = partials + part.group * 2 * all + part.begin;
  T* second = first + all;
  T center[kMostEntries];
  for (std::size_t j = 0; j < entries; ++j) center[j] = mean[(part.begin + j) / cut.entries];
  if (cut.samples == 1) {
    T sum[kMostEntries] = {}, product[kMostEntries] = {};
    for (std::size_t n = part.outer_begin; n < part.outer_end; ++n) {
      const T* values = x + n * row + part.begin;
      const T* gradients = dy + n * row + part.begin;
      for (std::size_t j = 0; j < entries; ++j) {
        sum[j] += gradients[j];
        product[j] += gradients[j] * (values[j] - center[j]);
      }
    }
    for (std::size_t j = 0; j < entries; ++j) {
      first[j] = sum[j];
      second[j] = product[j];
    }
    return;
  }
  Sums<T> sums[kMostPlanes];
  for (std::size_t j = 0; j < entries; ++j) sums[j] = {};
  for (std::size_t n = part.outer_begin; n < part.outer_end; ++n) {
    for (std::size_t j = 0; j < entries; ++j) {
      const std::size_t at = n * row + (part.begin + j) * shape.inner;
      const T from = center[j];
      add_plane(shape.inner, sums[j], [&](std::size_t i, Vector<T>& a, Vector<T>& b) {
        a = load<T>(dy + at + i);
        b = a * (load<T>(x + at + i) - from);
      });
    }
  }
  for (std::size_t j = 0; j < entries; ++j) {
    first[j] = static_cast<T>(total<T>(sums[j].first));
    second[j] = static_cast<T>(total<T>(sums[j].second));
  }
}

template <class T>
void BatchNorm<T>::input_gradient(int block) const {
  const Part part = part_of(shape, cut, block);
  const std::size_t row = shape.channels * shape.inner, entries = part.entries();
  const T count = static_cast<T>(shape.outer * shape.inner);
  T center[kMostEntries], scale[kMostEntries], level[kMostEntries], slope[kMostEntries];
  for (std::size_t j = 0; j < entries; ++j) {
    const std::size_t c = (part.begin + j) / cut.entries;
    center[j] = mean[c];
    scale[j] = inverse_deviation[c] * weight[c];
    level[j] = bias_gradient[c] / count;
    slope[j] = inverse_deviation[c] * weight_gradient[c] / count;
  }
  for (std::size_t n = part.outer_begin; n < part.outer_end; ++n) {
    if (cut.samples == 1) {
      const T* values = x + n * row + part.begin;
      const T* gradients = dy + n * row + part.begin;
      T* to = out + n * row + part.begin;
      for (std::size_t j = 0; j < entries; ++j) {
        to[j] = (gradients[j] - ((values[j] - center[j]) * slope[j] + level[j])) * scale[j];
      }
      continue;
    }
    for (std::size_t j = 0; j < entries; ++j) {
      const std::size_t at = n * row + (part.begin + j) * shape.inner;
      const T m = center[j], s = scale[j], l = level[j], k = slope[j];
      cover<T>(shape.inner, [&](std::size_t i) {
        const Vector<T> expected = (load<T>(x + at + i) - m) * k + l;
        store<T>(out + at + i, (load<T>(dy + at + i) - expected) * s);
      });
    }
  }
}

#define RIDGELINE_HOST_BATCH_NORM(T)                          \
  template ChannelCut batch_norm_cut<T>(const ChannelShape&); \
  template struct BatchNorm<T>;
RIDGELINE_HOST_BATCH_NORM(float)
RIDGELINE_HOST_BATCH_NORM(double)

}  // namespace ridgeline::kernels::host
