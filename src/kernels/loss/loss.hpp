#pragma once

#include <cstdint>
#include <string>

#include "core/views.hpp"
#include "kernels/optimizer/health.hpp"

namespace ridgeline::kernels {

// Losses over a batch, fused with their gradients. Means are over the rows (cross-entropy) or over
// all elements (mse), as with PyTorch's default reduction. Of a batch that is divided among ranks,
// `global_rows` are the rows on all of them, over which the gradients' means are; 0: all rows are
// here.

/// The sums over batches, in a View of doubles that is read back on demand.
enum LossSum { kLossTotal, kCorrect, kSamples, kLossSums };

/// Computes softmax and cross-entropy of logits z [rows, classes] and labels [rows], with label
/// smoothing s, q = (1 - s) onehot + s / classes:
///   loss = log(sum exp(z - max)) - sum(q (z - max)),  gradient = (softmax(z) - q) / rows.
/// Writes `gradient` [rows, classes] unless it is empty (it may be `logits` itself). Writes to
/// `row_loss` [rows] each row's loss, and to `row_correct` [rows] whether the largest logit is that
/// of the label.
template <class Space, class T>
void softmax_cross_entropy(const Space& instance, const std::string& label,
                           const Matrix<Space, const T>& logits,
                           const Vector<Space, const std::int32_t>& labels, double label_smoothing,
                           const Matrix<Space, T>& gradient, const Vector<Space, T>& row_loss,
                           const Vector<Space, T>& row_correct, std::size_t global_rows = 0);

/// Computes the mean squared error of y [rows, columns] against targets of the same shape:
///   loss = mean((y - t)²),  gradient = 2 (y - t) / (rows · columns).
/// `row_loss` [rows] is each row's mean over its columns.
template <class Space, class T>
void mean_squared_error(const Space& instance, const std::string& label,
                        const Matrix<Space, const T>& y, const Matrix<Space, const T>& targets,
                        const Matrix<Space, T>& gradient, const Vector<Space, T>& row_loss,
                        std::size_t global_rows = 0);

/// Computes the binary cross-entropy of logits z [rows, columns] against targets in [0, 1] of the
/// same shape, including the sigmoid:
///   loss = mean(max(z, 0) - z t + log(1 + e^-|z|)),  gradient = (σ(z) - t) / (rows · columns).
/// `row_loss` [rows] is each row's mean over its columns.
template <class Space, class T>
void binary_cross_entropy(const Space& instance, const std::string& label,
                          const Matrix<Space, const T>& logits,
                          const Matrix<Space, const T>& targets, const Matrix<Space, T>& gradient,
                          const Vector<Space, T>& row_loss, std::size_t global_rows = 0);

/// Adds a batch's rows to `sums` [kLossSums] in an order that depends on their number alone.
/// `row_correct` may be empty. If `health` is not empty, a batch whose loss is not finite is
/// recorded there and not added.
template <class Space, class T>
void add_losses(const Space& instance, const std::string& label,
                const Vector<Space, const T>& row_loss, const Vector<Space, const T>& row_correct,
                std::size_t rows, const Vector<Space, double>& sums,
                const HealthView<Space>& health);

}  // namespace ridgeline::kernels
