#pragma once

#include <cstddef>
#include <string>

#include "core/views.hpp"
#include "kernels/elementwise/activation.hpp"

namespace ridgeline::kernels {

// One pass over arrays of `size` scalars. What is written may be one of what is read.

/// y = x.
template <class Space, class T>
void copy(const Space& instance, const std::string& label, std::size_t size, const T* x, T* y);

/// sum = a + b.
template <class Space, class T>
void add(const Space& instance, const std::string& label, std::size_t size, const T* a, const T* b,
         T* sum);

/// y = f(x).
template <class Space, class T>
void activate(const Space& instance, const std::string& label, Activation f, std::size_t size,
              const T* x, T* y);

/// y = f(a + b); keeps a + b in `kept` unless that is null.
template <class Space, class T>
void add_and_activate(const Space& instance, const std::string& label, Activation f,
                      std::size_t size, const T* a, const T* b, T* kept, T* y);

/// dx = dy f'(z), from what `derivative_needs_input` says is kept of z or y = f(z).
template <class Space, class T>
void multiply_by_derivative(const Space& instance, const std::string& label, Activation f,
                            std::size_t size, const T* kept, const T* dy, T* dx);

}  // namespace ridgeline::kernels
