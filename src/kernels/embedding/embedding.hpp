#pragma once

#include <cstddef>
#include <string>

#include "core/function.hpp"
#include "core/views.hpp"

namespace ridgeline::kernels {

/// The row of a table of `vocabulary` rows that a token, an integer stored as a scalar, asks for.
/// Tokens are checked when they are loaded; one that is wrong all the same, or NaN, reads a row
/// that is there.
template <class T>
RIDGELINE_FUNCTION std::size_t row_of_token(T token, std::size_t vocabulary) {
  if (!(token > T(0))) return 0;
  const T last = static_cast<T>(vocabulary - 1);
  return static_cast<std::size_t>(token < last ? token : last);
}

/// y[i, :] = weight[tokens[i], :]. tokens: [positions], weight: [vocabulary, features], y:
/// [positions, features].
template <class Space, class T>
void embedding(const Space& instance, const std::string& label,
               const Vector<Space, const T>& tokens, const Matrix<Space, const T>& weight,
               const Matrix<Space, T>& y);

/// weight_gradient[v, :] = the sum of dy[i, :] over the positions i with token v, in order; rows
/// without a position are zero. No atomics and no sorting: on a host blocks are parts of the
/// vocabulary, one a thread, and each goes through all tokens; on a device one team per row of the
/// vocabulary does, so it reads vocabulary · positions tokens.
template <class Space, class T>
void embedding_gradient(const Space& instance, const std::string& label,
                        const Vector<Space, const T>& tokens, const Matrix<Space, const T>& dy,
                        const Matrix<Space, T>& weight_gradient);

}  // namespace ridgeline::kernels
