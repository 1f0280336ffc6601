#pragma once

#include <Kokkos_Core.hpp>

#include <string>

#include "core/launch.hpp"
#include "core/team_scratch.hpp"
#include "kernels/batch_norm.hpp"
#include "kernels/batch_norm_combine.hpp"
#include "kernels/device_team.hpp"

namespace ridgeline::kernels {

/// How a device cuts a shape: a team of `threads` a channel and group, with some 16 values a
/// thread.
inline ChannelCut device_batch_norm_cut(const ChannelShape& shape, int threads) {
  ChannelCut cut;
  cut.group = std::max<std::size_t>(1, 16 * std::size_t(threads) / shape.inner);
  cut.groups = (shape.outer + cut.group - 1) / cut.group;
  cut.entries = 1;
  cut.samples = shape.inner;
  cut.chunk = cut.chunks = 1;
  return cut;
}

/// Partial sums of a device: a team has `Channels` neighbouring channels of one group, and
/// `Threads` threads each. One channel a team reads whole planes; where channels themselves lie
/// side by side, many a team do. `Gradients`: of dy and dy (x - mean), else means and squares.
template <class Space, class T, int Channels, int Threads, bool Gradients>
struct DeviceChannelSums {
  static constexpr int kTeam = Channels * Threads;
  using Policy = Kokkos::TeamPolicy<Space, Kokkos::LaunchBounds<kTeam, 1>>;
  using Member = typename Policy::member_type;

  ChannelShape shape;
  ChannelCut cut;
  const T* x;
  const T* dy;
  const T* mean;
  T* partials;

  void launch(const Space& instance, const std::string& label) const {
    const std::size_t tiles = (shape.channels + Channels - 1) / Channels;
    const int scratch = team_scratch_bytes<T>(kTeam);
    ++launch_count.parallel;
    Kokkos::parallel_for(label,
                         Policy(instance, static_cast<int>(cut.groups * tiles), kTeam)
                             .set_scratch_size(0, Kokkos::PerTeam(scratch)),
                         *this);
  }

  KOKKOS_FUNCTION void operator()(const Member& team) const {
    T* scratch = team_scratch<T>(team, kTeam);
    const std::size_t group = static_cast<std::size_t>(team.league_rank()) % cut.groups;
    const std::size_t tile = static_cast<std::size_t>(team.league_rank()) / cut.groups;
    const std::size_t wanted = tile * Channels + team.team_rank() % Channels;
    const bool mine = wanted < shape.channels;
    const std::size_t channel = mine ? wanted : 0;  // threads without one still meet the barriers
    const std::size_t outer0 = group * cut.group;
    const std::size_t left = shape.outer - outer0;
    const unsigned inner = static_cast<unsigned>(shape.inner);
    const unsigned count = static_cast<unsigned>(left < cut.group ? left : cut.group) * inner;
    const unsigned begin = team.team_rank() / Channels;
    const auto at = [&](unsigned i) {
      return ((outer0 + i / inner) * shape.channels + channel) * inner + i % inner;
    };
    T first = T(0), second = T(0);
    if constexpr (Gradients) {
      const T center = mean[channel];
      T product = T(0);
      for (unsigned i = begin; i < count; i += Threads) {
        const std::size_t here = at(i);
        first += dy[here];
        product += dy[here] * (x[here] - center);
      }
      first = team_sum<Channels, Threads>(team, scratch, first);
      second = team_sum<Channels, Threads>(team, scratch, product);
    } else {
      T sum = T(0), square = T(0);
      const T pivot = x[at(0)];
      for (unsigned i = begin; i < count; i += Threads) sum += x[at(i)] - pivot;
      sum = team_sum<Channels, Threads>(team, scratch, sum);
      first = pivot + sum / static_cast<T>(count);
      for (unsigned i = begin; i < count; i += Threads) {
        const T off = x[at(i)] - first;
        square += off * off;
      }
      second = team_sum<Channels, Threads>(team, scratch, square);
    }
    if (mine && begin == 0) {
      partials[(group * 2) * shape.channels + channel] = first;
      partials[(group * 2 + 1) * shape.channels + channel] = second;
    }
  }
};

/// y = (x - mean) / deviation · weight + bias; without `inverse_deviation` from `variance`.
template <class T>
struct DeviceNormalise {
  std::size_t channels, inner;
  const T* x;
  T* y;
  const T* weight;
  const T* bias;
  const T* mean;
  const T* inverse_deviation;
  const T* variance;
  T epsilon;

  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const std::size_t c = i / inner % channels;
    const T inverse =
        inverse_deviation ? inverse_deviation[c] : T(1) / ::sqrt(variance[c] + epsilon);
    y[i] = (x[i] - mean[c]) * (inverse * weight[c]) + bias[c];
  }
};

/// dx = weight / deviation · (dy - mean(dy) - xhat · mean(dy xhat)).
template <class T>
struct DeviceInputGradient {
  std::size_t channels, inner;
  const T* x;
  const T* dy;
  T* dx;
  const T* weight;
  const T* mean;
  const T* inverse_deviation;
  const T* weight_gradient;
  const T* bias_gradient;
  T count;

  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const std::size_t c = i / inner % channels;
    const T inverse = inverse_deviation[c];
    const T expected =
        (x[i] - mean[c]) * (inverse * weight_gradient[c] / count) + bias_gradient[c] / count;
    dx[i] = (dy[i] - expected) * (inverse * weight[c]);
  }
};

/// The device's kernels with teams of a given shape, which the tests also run on OpenMP.
template <class Space, class T, int Channels, int Threads>
struct DeviceBatchNorm {
  static ChannelCut cut(const ChannelShape& shape) { return device_batch_norm_cut(shape, Threads); }

  static void training(const Space& instance, const BatchNormLabels& labels,
                       const BatchNormArguments<Space, T>& args, T* workspace) {
    const ChannelShape& shape = args.shape;
    const ChannelCut now = cut(shape);
    DeviceChannelSums<Space, T, Channels, Threads, false>{shape,   now,     args.x.data(),
                                                          nullptr, nullptr, workspace}
        .launch(instance, labels.sums);
    launch_elements(instance, labels.combine, shape.channels,
                    combine_statistics(args, now, workspace));
    launch_elements(instance, labels.apply, shape.size(),
                    DeviceNormalise<T>{shape.channels, shape.inner, args.x.data(), args.y.data(),
                                       args.weight.data(), args.bias.data(), args.mean.data(),
                                       args.inverse_deviation.data(), nullptr, T(0)});
  }

  static void inference(const Space& instance, const BatchNormLabels& labels,
                        const BatchNormArguments<Space, T>& args) {
    const ChannelShape& shape = args.shape;
    launch_elements(
        instance, labels.apply, shape.size(),
        DeviceNormalise<T>{shape.channels, shape.inner, args.x.data(), args.y.data(),
                           args.weight.data(), args.bias.data(), args.running_mean.data(), nullptr,
                           args.running_var.data(), static_cast<T>(args.epsilon)});
  }

  static void backward(const Space& instance, const BatchNormLabels& labels,
                       const BatchNormGradients<Space, T>& args, T* workspace) {
    const ChannelShape& shape = args.shape;
    const ChannelCut now = cut(shape);
    DeviceChannelSums<Space, T, Channels, Threads, true>{
        shape, now, args.x.data(), args.dy.data(), args.mean.data(), workspace}
        .launch(instance, labels.sums);
    launch_elements(instance, labels.combine, shape.channels,
                    combine_gradients(args, now, workspace));
    if (!args.dx.data()) return;
    launch_elements(instance, labels.apply, shape.size(),
                    DeviceInputGradient<T>{shape.channels, shape.inner, args.x.data(),
                                           args.dy.data(), args.dx.data(), args.weight.data(),
                                           args.mean.data(), args.inverse_deviation.data(),
                                           args.weight_gradient.data(), args.bias_gradient.data(),
                                           static_cast<T>(shape.outer * shape.inner)});
  }
};

}  // namespace ridgeline::kernels
