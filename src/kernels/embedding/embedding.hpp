#pragma once

#include <cstddef>
#include <string>

#include "core/function.hpp"
#include "core/views.hpp"

namespace ridgeline::kernels {

/// Returns the row of a token, an integer stored as a scalar, in a table of `vocabulary` rows.
/// Tokens are checked when they are loaded; an invalid token or NaN is mapped to a row that exists.
template <class T>
RIDGELINE_FUNCTION std::size_t row_of_token(T token, std::size_t vocabulary) {
  if (!(token > T(0))) return 0;
  const T last = static_cast<T>(vocabulary - 1);
  return static_cast<std::size_t>(token < last ? token : last);
}

/// Computes y[i, :] = weight[tokens[i], :]. tokens: [positions], weight: [vocabulary, features], y:
/// [positions, features].
template <class Space, class T>
void embedding(const Space& instance, const std::string& label,
               const Vector<Space, const T>& tokens, const Matrix<Space, const T>& weight,
               const Matrix<Space, T>& y);

/// Computes weight_gradient[v, :], the sum of dy[i, :] over the positions i with token v, in order;
/// rows without a position are zero. There are no atomics and no sorting: on a host, blocks are
/// parts of the vocabulary, and each reads all tokens; on a device, one team per row of the
/// vocabulary does, so it reads vocabulary · positions tokens.
template <class Space, class T>
void embedding_gradient(const Space& instance, const std::string& label,
                        const Vector<Space, const T>& tokens, const Matrix<Space, const T>& dy,
                        const Matrix<Space, T>& weight_gradient);

/// Computes y = x + weight for every sample: x, y [batch · length, features], weight [length,
/// features]. y may be x.
template <class Space, class T>
void add_positions(const Space& instance, const std::string& label, const Matrix<Space, const T>& x,
                   const Matrix<Space, const T>& weight, const Matrix<Space, T>& y);

/// Computes sums[i] = Σ dy[sample, i] over the samples, in their order: dy [batch, size], sums
/// [size].
template <class Space, class T>
void sum_over_batch(const Space& instance, const std::string& label,
                    const Matrix<Space, const T>& dy, const Vector<Space, T>& sums);

}  // namespace ridgeline::kernels
