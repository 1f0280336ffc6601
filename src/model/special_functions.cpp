#include "model/special_functions.hpp"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/polygamma.hpp>
#include <boost/math/special_functions/trigamma.hpp>
#include <limits>

namespace ridgeline::model {
namespace {

namespace policies = boost::math::policies;

// Not in long double, which would double the compile time and is not needed. An undefined result is
// NaN or infinite, and no exception is thrown.
using Policy = policies::policy<
    policies::promote_double<false>, policies::domain_error<policies::ignore_error>,
    policies::pole_error<policies::ignore_error>, policies::overflow_error<policies::ignore_error>,
    policies::evaluation_error<policies::ignore_error>>;

}  // namespace

double student_t_95(int degrees_of_freedom) { return student_t(0.05, degrees_of_freedom); }

double student_t(double outside, double degrees_of_freedom) {
  if (degrees_of_freedom < 1) return std::numeric_limits<double>::infinity();
  // Above a million the normal distribution is used.
  const boost::math::students_t_distribution<double, Policy> distribution(
      std::min(degrees_of_freedom, 1e6));
  return boost::math::quantile(boost::math::complement(distribution, outside / 2));
}

double incomplete_beta(double a, double b, double x) {
  return boost::math::ibeta(a, b, x, Policy());
}

double digamma(double x) { return boost::math::digamma(x, Policy()); }
double trigamma(double x) { return boost::math::trigamma(x, Policy()); }
double tetragamma(double x) { return boost::math::polygamma(2, x, Policy()); }

}  // namespace ridgeline::model
