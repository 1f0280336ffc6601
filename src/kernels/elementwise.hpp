#pragma once

#include <string>

#include "core/views.hpp"
#include "kernels/activation.hpp"

namespace ridgeline::kernels {

/// b += a, element by element: where the gradients of two branches join.
template <class Space, class T>
void add(const Space& instance, const std::string& label, const Vector<Space, const T>& a,
         const Vector<Space, T>& b);

/// y = f(x + s), element by element; `sum` keeps x + s unless it is empty. y may be x or s.
template <class Space, class T>
void add_and_activate(const Space& instance, const std::string& label, Activation f,
                      const Vector<Space, const T>& x, const Vector<Space, const T>& s,
                      const Vector<Space, T>& y, const Vector<Space, T>& sum);

/// dx = dy · f', with f' from what derivative_needs_input(f) says is kept. dx may be dy.
template <class Space, class T>
void apply_derivative(const Space& instance, const std::string& label, Activation f,
                      const Vector<Space, const T>& kept, const Vector<Space, const T>& dy,
                      const Vector<Space, T>& dx);

}  // namespace ridgeline::kernels
