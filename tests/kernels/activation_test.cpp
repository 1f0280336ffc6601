#include "kernels/elementwise/activation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/matrices.hpp"
#include "support/runtime.hpp"

namespace ridgeline::kernels {
namespace {

using ridgeline::testing::on_host;
using ridgeline::testing::on_space;
using ridgeline::testing::random_values;
using ridgeline::testing::relative_error;

constexpr Activation kAll[] = {Activation::identity,  Activation::relu,    Activation::leaky_relu,
                               Activation::tanh,      Activation::sigmoid, Activation::gelu,
                               Activation::gelu_tanh, Activation::silu,    Activation::softplus};

double value(Activation f, double z) {
  double y = 0;
  with_activation(f, [&](auto function) { y = activate<function()>(z); });
  return y;
}

// Returns f'(z); passes z or f(z), as the kernel requires.
double derivative_at(Activation f, double z) {
  const double kept = derivative_needs_input(f) ? z : value(f, z);
  double d = 0;
  with_activation(f, [&](auto function) { d = derivative<function()>(kept); });
  return d;
}

TEST(Activations, HaveTheirKnownValues) {
  struct Known {
    Activation f;
    double z, y;
  };
  // To 16 digits, by arbitrary-precision arithmetic.
  const Known known[] = {
      {Activation::identity, -1.5, -1.5},
      {Activation::relu, -1.5, 0.0},
      {Activation::relu, 0.0, 0.0},
      {Activation::relu, 2.5, 2.5},
      {Activation::tanh, 1.0, 0.7615941559557649},
      {Activation::tanh, -0.5, -0.46211715726000976},
      {Activation::sigmoid, 0.0, 0.5},
      {Activation::sigmoid, 1.0, 0.7310585786300049},
      {Activation::sigmoid, -2.0, 0.11920292202211755},
      {Activation::gelu, 0.0, 0.0},
      {Activation::gelu, 1.0, 0.8413447460685429},
      {Activation::gelu, -2.0, -0.04550026389635841},
      {Activation::gelu, 3.0, 2.995950305905110},
      {Activation::leaky_relu, -1.5, -0.015},
      {Activation::leaky_relu, 2.5, 2.5},
      {Activation::gelu_tanh, 1.0, 0.8411919906082767},
      {Activation::gelu_tanh, -2.0, -0.04540230591222498},
      {Activation::gelu_tanh, 3.0, 2.996362607918227},
      {Activation::silu, 1.0, 0.7310585786300049},
      {Activation::silu, -2.0, -0.2384058440442351},
      {Activation::silu, 3.0, 2.8577223804673},
      {Activation::softplus, 0.0, 0.6931471805599453},
      {Activation::softplus, -2.0, 0.1269280110429725},
      {Activation::softplus, 3.0, 3.048587351573742},
      {Activation::softplus, 19.0, 19.0000000056028},
      {Activation::softplus, 21.0, 21.0},
  };
  for (const Known& k : known) EXPECT_NEAR(value(k.f, k.z), k.y, 1e-14) << int(k.f) << " " << k.z;
}

TEST(Activations, DerivativesMatchFiniteDifferences) {
  constexpr double h = 1e-6;
  for (const Activation f : kAll) {
    for (double z = -4.05; z < 4.1; z += 0.1) {  // not at relu's kink
      const double expected = (value(f, z + h) - value(f, z - h)) / (2 * h);
      EXPECT_NEAR(derivative_at(f, z), expected, 1e-9) << int(f) << " at " << z;
    }
  }
}

TEST(Activations, TheDerivativeOfReluAtZeroIsZeroAsInPyTorch) {
  EXPECT_EQ(derivative_at(Activation::relu, 0.0), 0.0);
}

TEST(Activations, SoftplusIsTheIdentityBeyond20AsInPyTorch) {
  EXPECT_LT(20.0, value(Activation::softplus, 20.0));
  EXPECT_EQ(value(Activation::softplus, 20.5), 20.5);
  EXPECT_LT(derivative_at(Activation::softplus, 20.0), 1.0);
  EXPECT_EQ(derivative_at(Activation::softplus, 20.5), 1.0);
}

TEST(Activations, AreFiniteForLargeArguments) {
  for (const Activation f : kAll) {
    for (const double z : {-1e4, -800.0, -40.0, 40.0, 800.0, 1e4}) {
      EXPECT_TRUE(std::isfinite(value(f, z))) << int(f) << " at " << z;
      EXPECT_TRUE(std::isfinite(derivative_at(f, z))) << int(f) << " at " << z;
    }
  }
  EXPECT_EQ(value(Activation::sigmoid, -1e4), 0.0);
  EXPECT_EQ(value(Activation::sigmoid, 1e4), 1.0);
  EXPECT_EQ(value(Activation::gelu, 1e4), 1e4);
  EXPECT_EQ(value(Activation::gelu, -1e4), 0.0);
}

TEST(Activations, PropagateNaN) {
  for (const Activation f : kAll) {
    EXPECT_TRUE(std::isnan(value(f, std::numeric_limits<double>::quiet_NaN()))) << int(f);
  }
}

TEST(Activations, AreNamedInTheOrderOfTheEnumeration) {
  const std::vector<std::string> names = {
      "identity", "relu", "leaky_relu", "tanh", "sigmoid", "gelu", "gelu_tanh", "silu", "softplus"};
  EXPECT_EQ(activation_names(), names);
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(activation_named(names[i]), kAll[i]);
}

template <Activation F, class Space, class T>
void apply_both(const Space& instance, std::size_t size, const T* z, T* y, T* d) {
  for_elements(
      instance, "test/activation", size, {}, KOKKOS_LAMBDA(std::size_t i) {
        y[i] = activate<F>(z[i]);
        d[i] = derivative<F>(derivative_needs_input(F) ? z[i] : y[i]);
      });
}

template <class Space, class T>
void check_space() {
  const Space instance;
  const std::size_t size = 1001;
  std::vector<T> z = random_values<T>(size, 1);
  for (T& each : z) each *= T(5);
  const auto z_view = on_space(instance, z);
  for (const Activation f : kAll) {
    const auto y = ridgeline::testing::poisoned<T>(instance, size);
    const auto d = ridgeline::testing::poisoned<T>(instance, size);
    with_activation(f, [&](auto function) {
      apply_both<function()>(instance, size, static_cast<const T*>(z_view.data()), y.data(),
                             d.data());
    });
    instance.fence();
    std::vector<double> expected_y, expected_d;
    for (const T each : z) {
      expected_y.push_back(value(f, double(each)));
      expected_d.push_back(derivative_at(f, double(each)));
    }
    const double tolerance = sizeof(T) == 4 ? 1e-6 : 1e-15;
    EXPECT_LT(relative_error(on_host(instance, y), expected_y), tolerance) << int(f);
    EXPECT_LT(relative_error(on_host(instance, d), expected_d), tolerance) << int(f);
  }
}

class ActivationOnSpaces : public ridgeline::testing::Computing {};

TEST_F(ActivationOnSpaces, AgreesWithFloat64OnTheHost) {
#define RIDGELINE_CHECK(Space, T) check_space<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

}  // namespace
}  // namespace ridgeline::kernels
