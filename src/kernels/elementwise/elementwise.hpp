#pragma once

#include <string>

#include "core/views.hpp"
#include "kernels/elementwise/activation.hpp"

namespace ridgeline::kernels {

// Each makes one pass over vectors of equal length. An output may be one of the inputs.

/// Computes y = x.
template <class Space, class T>
void copy(const Space& instance, const std::string& label, const Vector<Space, const T>& x,
          const Vector<Space, T>& y);

/// Computes sum = a + b.
template <class Space, class T>
void add(const Space& instance, const std::string& label, const Vector<Space, const T>& a,
         const Vector<Space, const T>& b, const Vector<Space, T>& sum);

/// Computes y = f(x).
template <class Space, class T>
void activate(const Space& instance, const std::string& label, Activation f,
              const Vector<Space, const T>& x, const Vector<Space, T>& y);

/// Computes y = f(a + b); stores a + b in `kept` unless that is empty.
template <class Space, class T>
void add_and_activate(const Space& instance, const std::string& label, Activation f,
                      const Vector<Space, const T>& a, const Vector<Space, const T>& b,
                      const Vector<Space, T>& kept, const Vector<Space, T>& y);

/// Computes dx = dy f'(z), from `kept`: z if derivative_needs_input(), else y = f(z).
template <class Space, class T>
void multiply_by_derivative(const Space& instance, const std::string& label, Activation f,
                            const Vector<Space, const T>& kept, const Vector<Space, const T>& dy,
                            const Vector<Space, T>& dx);

}  // namespace ridgeline::kernels
