#include <algorithm>

#include "kernels/host_gemm.hpp"
#include "kernels/host_tile.hpp"

namespace ridgeline::kernels::host {
namespace {

// Copies one panel of `width` (at most `stride`) outer indices from `first`, all k, to
// packed[k][stride], padded with zeros; multiplies by the derivative if there is one, and adds up
// over k if sums are wanted.
template <class T, int Stride, Activation F, bool HasFactor>
void pack_panel(const Operand<T>& from, int first, int width, int depth, T* packed, T* sums) {
  const T* data = from.data + first * from.outer_stride;
  const T* kept = HasFactor ? from.kept + first * from.outer_stride : nullptr;
  const auto value = [&](std::ptrdiff_t at) {
    if constexpr (HasFactor) return data[at] * derivative<F>(kept[at]);
    return data[at];
  };
  if (from.outer_stride == 1) {
    for (int k = 0; k < depth; ++k) {
      T* row = packed + static_cast<std::ptrdiff_t>(k) * Stride;
      if (width == Stride) {
        for (int i = 0; i < Stride; ++i) row[i] = value(k * from.k_stride + i);
      } else {
        for (int i = 0; i < width; ++i) row[i] = value(k * from.k_stride + i);
        for (int i = width; i < Stride; ++i) row[i] = T(0);
      }
    }
  } else {
    // Blocks of k, so that a panel's lines stay in cache while each is filled column by column.
    constexpr int kDepth = 64 / static_cast<int>(sizeof(T));
    for (int k0 = 0; k0 < depth; k0 += kDepth) {
      const int k1 = std::min(depth, k0 + kDepth);
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
  if (sums) {
    T total[Stride] = {};
    for (int k = 0; k < depth; ++k) {
      for (int i = 0; i < Stride; ++i)
        total[i] += packed[static_cast<std::ptrdiff_t>(k) * Stride + i];
    }
    for (int i = 0; i < width; ++i) sums[first + i] = total[i];
  }
}

template <class T, int Stride>
void pack_panel(const Operand<T>& from, int first, int width, int depth, T* packed, T* sums) {
  if (!from.kept) {
    return pack_panel<T, Stride, Activation::identity, false>(from, first, width, depth, packed,
                                                              sums);
  }
  with_activation(from.derivative, [&](auto f) {
    pack_panel<T, Stride, f(), true>(from, first, width, depth, packed, sums);
  });
}

}  // namespace

template <class T>
void Gemm<T>::pack(int block) const {
  const int row_panels = ceil_div(plan.m, kRows);
  const int row_blocks = plan.pack_rows ? ceil_div(row_panels, plan.row_panels_per_block) : 0;
  if (block < row_blocks) {
    const int begin = block * plan.row_panels_per_block;
    const int end = std::min(row_panels, begin + plan.row_panels_per_block);
    for (int p = begin; p < end; ++p) {
      const int i0 = part(plan.m, row_panels, p);
      pack_panel<T, kRows>(rows, i0, part(plan.m, row_panels, p + 1) - i0, plan.k,
                           packed_rows + static_cast<std::ptrdiff_t>(p) * plan.k * kRows, row_sums);
    }
    return;
  }
  const int first_packed = ceil_div(plan.n, kColumns<T>) - plan.packed_panels;
  const int begin = (block - row_blocks) * plan.column_panels_per_block;
  const int end = std::min(plan.packed_panels, begin + plan.column_panels_per_block);
  for (int p = begin; p < end; ++p) {
    const int j0 = (first_packed + p) * kColumns<T>;
    pack_panel<T, kColumns<T>>(
        columns, j0, std::min(kColumns<T>, plan.n - j0), plan.k,
        packed_columns + static_cast<std::ptrdiff_t>(p) * plan.k * kColumns<T>,
        static_cast<T*>(nullptr));
  }
}

template void Gemm<float>::pack(int) const;
template void Gemm<double>::pack(int) const;

}  // namespace ridgeline::kernels::host
