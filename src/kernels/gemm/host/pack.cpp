#include <algorithm>

#include "kernels/gemm/host/gemm.hpp"
#include "kernels/tiles/host_tile.hpp"

namespace ridgeline::kernels::host {
namespace {

// Copies k0 to k1 of one panel of `width` (at most `Stride`) outer indices from `first` on to
// packed[k][Stride], padded with zeros; multiplies by the derivative if there is one.
template <class T, int Stride, Activation F, bool HasFactor>
void pack_panel(const Operand<T>& from, int first, int width, int k0, int k1, T* packed) {
  const T* data = from.data + first * from.outer_stride;
  const T* kept = HasFactor ? from.kept + first * from.outer_stride : nullptr;
  const auto value = [&](std::ptrdiff_t at) {
    if constexpr (HasFactor) return data[at] * derivative<F>(kept[at]);
    return data[at];
  };
  if (from.outer_stride == 1) {
    for (int k = k0; k < k1; ++k) {
      T* row = packed + static_cast<std::ptrdiff_t>(k) * Stride;
      if (width == Stride) {
        for (int i = 0; i < Stride; ++i) row[i] = value(k * from.k_stride + i);
      } else {
        for (int i = 0; i < width; ++i) row[i] = value(k * from.k_stride + i);
        for (int i = width; i < Stride; ++i) row[i] = T(0);
      }
    }
  } else {
    for (int i = 0; i < Stride; ++i) {
      T* column = packed + i;
      if (i < width) {
        for (int k = k0; k < k1; ++k) {
          column[static_cast<std::ptrdiff_t>(k) * Stride] =
              value(i * from.outer_stride + k * from.k_stride);
        }
      } else {
        for (int k = k0; k < k1; ++k) column[static_cast<std::ptrdiff_t>(k) * Stride] = T(0);
      }
    }
  }
}

template <class T, int Stride>
void pack_panel(const Operand<T>& from, int first, int width, int k0, int k1, T* packed) {
  if (!from.kept) {
    return pack_panel<T, Stride, Activation::identity, false>(from, first, width, k0, k1, packed);
  }
  with_activation(from.derivative, [&](auto f) {
    pack_panel<T, Stride, f(), true>(from, first, width, k0, k1, packed);
  });
}

// Calls `body(panel, k0, k1)` for all of a block's panels and depth: a few k of every panel
// alternately, so that lines that panels share are still in cache, as are a panel's own lines.
template <class T, class Body>
void for_panels(int first, int last, int begin, int end, const Body& body) {
  constexpr int kDepth = 64 / static_cast<int>(sizeof(T));
  for (int k0 = begin; k0 < end; k0 += kDepth) {
    for (int p = first; p < last; ++p) body(p, k0, std::min(end, k0 + kDepth));
  }
}

}  // namespace

template <class T>
void Gemm<T>::pack(int block) const {
  const int parts = ceil_div(plan.k, plan.pack_depth);
  const int k0 = part(plan.k, parts, block % parts), k1 = part(plan.k, parts, block % parts + 1);
  const int row_panels = ceil_div(plan.m, kRows);
  if (block < row_pack_blocks()) {
    const int begin = block / parts * plan.row_panels_per_block;
    const int end = std::min(row_panels, begin + plan.row_panels_per_block);
    for_panels<T>(begin, end, k0, k1, [&](int p, int from, int to) {
      const int i0 = part(plan.m, row_panels, p);
      pack_panel<T, kRows>(rows, i0, part(plan.m, row_panels, p + 1) - i0, from, to,
                           packed_rows + static_cast<std::ptrdiff_t>(p) * plan.k * kRows);
    });
    return;
  }
  const int first_packed = ceil_div(plan.n, kColumns<T>) - plan.packed_panels;
  const int begin = (block - row_pack_blocks()) / parts * plan.column_panels_per_block;
  const int end = std::min(plan.packed_panels, begin + plan.column_panels_per_block);
  for_panels<T>(begin, end, k0, k1, [&](int p, int from, int to) {
    const int j0 = (first_packed + p) * kColumns<T>;
    pack_panel<T, kColumns<T>>(
        columns, j0, std::min(kColumns<T>, plan.n - j0), from, to,
        packed_columns + static_cast<std::ptrdiff_t>(p) * plan.k * kColumns<T>);
  });
}

template void Gemm<float>::pack(int) const;
template void Gemm<double>::pack(int) const;

}  // namespace ridgeline::kernels::host
