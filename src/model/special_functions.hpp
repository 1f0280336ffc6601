#pragma once

namespace ridgeline::model {

/// Returns the t beyond which Student's distribution has 2.5 % on each side.
double student_t_95(int degrees_of_freedom);

/// Returns the t beyond which Student's distribution has `outside` on both sides together. The
/// degrees of freedom need not be an integer. Returns infinity if they are below 1.
double student_t(double outside, double degrees_of_freedom);

/// Returns the regularised incomplete beta function I(x; a, b).
double incomplete_beta(double a, double b, double x);

/// Returns the first, second and third derivative of the logarithm of the gamma function.
double digamma(double x);
double trigamma(double x);
double tetragamma(double x);

}  // namespace ridgeline::model
