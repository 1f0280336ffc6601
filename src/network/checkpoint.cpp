#include "network/checkpoint.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "core/build_info.hpp"
#include "core/error.hpp"
#include "io/file.hpp"
#include "io/hdf5.hpp"
#include "io/json.hpp"
#include "io/units.hpp"
#include "kernels/optimizer/health.hpp"
#include "kernels/optimizer/optimizer.hpp"

namespace ridgeline::network {
namespace {

constexpr const char* kFormat = "ridgeline-checkpoint";
// Version 3 has kLast: a build that reads only 2 would resume from the best epoch's parameters with
// the last step's optimizer state.
constexpr std::int64_t kVersion = 2, kVersionWithLast = 3;
constexpr const char* kVocabulary = "/vocabulary";

constexpr const char* kModel = "/model";
constexpr const char* kLast = "/last";

std::string parameter_path(const std::string& group, const ParameterSlot& slot) {
  return group + "/" + slot.layer + "/" + slot.parameter.name;
}
std::string state_path(const ParameterSlot& slot, const std::string& state) {
  return "/optimizer/" + slot.layer + "/" + slot.parameter.name + "/" + state;
}

void require_shape(const io::Hdf5Reader& file, const std::string& path, const ParameterSlot& slot) {
  if (!file.has(path)) {
    file.fail(path, "is missing: the file is of another network, or damaged");
  }
  const Shape shape = file.shape(path);
  if (shape != slot.parameter.shape) {
    file.fail(path, "has shape " + to_string(shape) + ", and this network needs " +
                        to_string(slot.parameter.shape));
  }
}

template <class T>
void read_parameter(const io::Hdf5Reader& file, const std::string& path, const ParameterSlot& slot,
                    std::vector<T>& buffer) {
  require_shape(file, path, slot);
  file.read(path, buffer.data() + slot.offset);
  for (std::size_t i = 0; i < slot.size; ++i) {
    if (!std::isfinite(buffer[slot.offset + i])) {
      file.fail(path, "holds a value that is not finite" +
                          std::string(sizeof(T) == 4 ? " in float32" : "") + ", at position " +
                          std::to_string(i));
    }
  }
}

// Second moments, of which an update takes the square root.
bool is_of_squares(const std::string& state) {
  return state == "exp_avg_sq" || state == "square_avg";
}

// Rejects layers and parameters below `group` that are not in `known`: a file with further ones is
// that of another network.
void refuse_unknown(const io::Hdf5Reader& file, const std::string& group,
                    const std::set<std::string>& known) {
  for (const std::string& name : file.children(group)) {
    const std::string path = group + "/" + name;
    if (file.is_dataset(path)) {
      if (known.count(path) == 0) {
        file.fail(path, "is a parameter that this network does not have");
      }
      continue;
    }
    const auto inside = known.lower_bound(path + "/");
    if (inside == known.end() || inside->compare(0, path.size() + 1, path + "/") != 0) {
      file.fail(path, "is a layer that this network does not have");
    }
    refuse_unknown(file, path, known);
  }
}

void require_parameters(const io::Hdf5Reader& file, const std::string& group,
                        const NetworkPlan& plan) {
  if (!file.has(group)) file.fail(group, "is missing: the file holds no network");
  std::set<std::string> known;
  for (const ParameterSlot& slot : plan.parameters) known.insert(parameter_path(group, slot));
  refuse_unknown(file, group, known);
  for (const ParameterSlot& slot : plan.parameters) {
    require_shape(file, parameter_path(group, slot), slot);
  }
}

template <class T>
std::vector<T> read_parameters(const io::Hdf5Reader& file, const std::string& group,
                               const NetworkPlan& plan) {
  require_parameters(file, group, plan);
  std::vector<T> values(plan.parameter_buffer_size, T(0));
  for (const ParameterSlot& slot : plan.parameters) {
    read_parameter(file, parameter_path(group, slot), slot, values);
  }
  return values;
}

template <class T>
void write_parameters(io::Hdf5Writer& file, const std::string& group, const NetworkPlan& plan,
                      const std::vector<T>& values) {
  for (const ParameterSlot& slot : plan.parameters) {
    file.write(parameter_path(group, slot), slot.parameter.shape, values.data() + slot.offset);
  }
}

bool all_in(const std::vector<double>& values, double least, double most) {
  return std::all_of(values.begin(), values.end(),
                     [&](double x) { return x >= least && x <= most; });
}

// Reads one value per epoch; may be missing unless it is `required`.
std::vector<double> read_history(const io::Hdf5Reader& file, const std::string& metric,
                                 std::int64_t epochs, bool required, double least, double most) {
  const std::string path = "/history/" + metric;
  if (!required && !file.has(path)) return {};
  const std::vector<double> values = file.read<double>(path);
  if (static_cast<std::int64_t>(values.size()) != epochs) {
    file.fail(path, "has " + io::show_count(static_cast<std::int64_t>(values.size()), "value") +
                        ", and /state has " + io::show_count(epochs, "epoch"));
  }
  if (!all_in(values, least, most)) file.fail(path, "holds a value that no epoch gives");
  return values;
}

// Returns the first value that is not finite.
template <class T>
std::optional<NonFiniteParameter> first_nonfinite(const NetworkPlan& plan,
                                                  const std::vector<T>& values, bool trained) {
  for (const ParameterSlot& slot : plan.parameters) {
    if (trained && !slot.parameter.trained) continue;
    for (std::size_t i = 0; i < slot.size; ++i) {
      if (!std::isfinite(values[slot.offset + i])) {
        return NonFiniteParameter{slot.layer, slot.parameter.name, i};
      }
    }
  }
  return {};
}

}  // namespace

template <class T>
std::optional<NonFiniteParameter> nonfinite_parameter(const NetworkPlan& plan,
                                                      const Checkpoint<T>& checkpoint) {
  auto bad = first_nonfinite(plan, checkpoint.parameters, false);
  for (const std::vector<T>& state : checkpoint.optimizer_state) {
    if (!bad) bad = first_nonfinite(plan, state, true);
  }
  if (!bad && checkpoint.best) bad = first_nonfinite(plan, *checkpoint.best, false);
  return bad;
}

template <class T>
void save_checkpoint(const std::string& path, const NetworkPlan& plan,
                     const Checkpoint<T>& checkpoint, io::Replaced replaced) {
  if (const auto bad = nonfinite_parameter(plan, checkpoint)) {
    throw RunError(path + ": not written: after step " + std::to_string(checkpoint.state.step) +
                   " the network's parameters are no longer finite: " + bad->layer + "/" +
                   bad->name + " at position " + std::to_string(bad->position) +
                   "; lower train.optimizer.learning_rate");
  }
  io::Hdf5Writer file(io::Hdf5Writer::Checks::fletcher32);
  file.attribute("/", "format", kFormat);
  const bool has_last = checkpoint.best && !checkpoint.state.is_at_best();
  file.attribute("/", "version", has_last ? kVersionWithLast : kVersion);
  file.attribute("/", "ridgeline_version",
                 std::string(build_info().version) + " (" + build_info().git_commit + ")");
  file.attribute("/", "created", io::now_utc());
  file.write_text("/deck", checkpoint.deck);
  file.group("/optimizer");
  const std::vector<std::string> states = kernels::state_names(plan.update_rule);
  write_parameters(file, kModel, plan, checkpoint.best ? *checkpoint.best : checkpoint.parameters);
  if (has_last) write_parameters(file, kLast, plan, checkpoint.parameters);
  for (const ParameterSlot& slot : plan.parameters) {
    if (!slot.parameter.trained) continue;
    for (std::size_t i = 0; i < checkpoint.optimizer_state.size(); ++i) {
      file.write(state_path(slot, states[i]), slot.parameter.shape,
                 checkpoint.optimizer_state[i].data() + slot.offset);
    }
  }
  if (!checkpoint.vocabulary.empty()) file.write_texts(kVocabulary, checkpoint.vocabulary);
  const TrainingState& state = checkpoint.state;
  file.attribute("/state", "epoch", state.epoch);
  file.attribute("/state", "step", state.step);
  file.attribute("/state", "sample", state.sample);
  file.attribute("/state", "seed", static_cast<std::int64_t>(checkpoint.seed));
  file.attribute("/state", "epoch_loss_sum", state.sums.loss);
  file.attribute("/state", "epoch_correct_sum", state.sums.correct);
  file.attribute("/state", "epoch_sample_sum", state.sums.samples);
  file.attribute("/state", "epoch_seconds", state.seconds);
  file.attribute("/state", "skipped_in_a_row", state.skipped.in_a_row);
  file.attribute("/state", "skipped_steps", state.skipped.total);
  if (checkpoint.best) file.attribute("/state", "best_epoch", *state.best_epoch);
  if (checkpoint.data) {
    const data::Fingerprint& data = *checkpoint.data;
    file.attribute("/data", "train_samples", data.train_samples);
    file.attribute("/data", "test_samples", data.test_samples);
    file.attribute("/data", "sample_shape", data.sample_shape);
    file.attribute("/data", "target_shape", data.target_shape);
    file.attribute("/data", "first_sample", data.first_sample);
    file.attribute("/data", "last_sample", data.last_sample);
  }
  file.write("/history/train_loss", state.history.train_loss);
  file.write("/history/seconds", state.history.seconds);
  if (!state.history.test_loss.empty()) file.write("/history/test_loss", state.history.test_loss);
  if (!state.history.test_accuracy.empty()) {
    file.write("/history/test_accuracy", state.history.test_accuracy);
  }
  file.attribute("/", "digest", file.digest());
  file.save(path, replaced);
}

CheckpointFile::CheckpointFile(const std::string& path) : file_(path) {
  // A file with /model alone has no format attribute.
  if (file_.has_attribute("/", "format")) {
    const std::string format = file_.text_attribute("/", "format");
    if (format != kFormat) file_.fail("/", "is not a checkpoint: its format is \"" + format + "\"");
    version_ = file_.integer_attribute("/", "version");
    if (version_ < 1 || version_ > kVersionWithLast) {
      file_.fail("/", "has version " + std::to_string(version_) + ", and this build reads 1 to " +
                          std::to_string(kVersionWithLast));
    }
  }
  const bool has_digest = file_.has_attribute("/", "digest");
  if (version_ < 2 && !has_digest) return;
  if (!has_digest) file_.fail("/", "has no digest: the file is damaged");
  if (file_.text_attribute("/", "digest") != file_.digest()) {
    file_.fail("/", "its content is not what its digest says: the file is damaged, or was changed");
  }
}

void CheckpointFile::require_whole() const {
  if (version_ > 0) return;
  file_.fail("/", std::string("is not a checkpoint: it has no attribute \"format\"") +
                      (file_.has("/model") ? "; --init begins with weights alone" : ""));
}

std::string CheckpointFile::deck_text() const {
  require_whole();
  return file_.read_text("/deck");
}

std::vector<std::string> CheckpointFile::vocabulary() const {
  return file_.has(kVocabulary) ? file_.read_texts(kVocabulary) : std::vector<std::string>();
}

void CheckpointFile::require_shapes(const NetworkPlan& plan) const {
  require_parameters(file_, kModel, plan);
}

template <class T>
std::vector<T> CheckpointFile::parameters(const NetworkPlan& plan) const {
  return read_parameters<T>(file_, kModel, plan);
}

TrainingState CheckpointFile::state() const {
  require_whole();
  TrainingState state;
  state.epoch = file_.integer_attribute("/state", "epoch");
  state.step = file_.integer_attribute("/state", "step");
  state.sample = file_.integer_attribute("/state", "sample");
  state.sums.loss = file_.real_attribute("/state", "epoch_loss_sum");
  state.sums.correct = file_.real_attribute("/state", "epoch_correct_sum");
  state.sums.samples = file_.real_attribute("/state", "epoch_sample_sum");
  state.seconds = file_.real_attribute("/state", "epoch_seconds");
  if (version_ >= 2) {
    state.skipped.in_a_row = file_.integer_attribute("/state", "skipped_in_a_row");
    state.skipped.total = file_.integer_attribute("/state", "skipped_steps");
  }
  const auto require = [&](bool holds, const char* what) {
    if (!holds) file_.fail("/state", std::string("has ") + what + " that no run has");
  };
  require(state.epoch >= 0 && state.step >= state.epoch && state.sample >= 0,
          "an epoch, step or sample");
  require(state.sums.samples >= 0, "an epoch_sample_sum");
  require(state.sums.correct >= 0 && state.sums.correct <= state.sums.samples,
          "an epoch_correct_sum");
  require(std::isfinite(state.sums.loss), "an epoch_loss_sum");
  require(std::isfinite(state.seconds) && state.seconds >= 0, "an epoch_seconds");
  require(state.skipped.in_a_row >= 0 && state.skipped.in_a_row < kernels::kMostSkippedSteps &&
              state.skipped.total >= state.skipped.in_a_row && state.skipped.total <= state.step,
          "numbers of skipped steps");
  if (file_.has_attribute("/state", "best_epoch")) {
    state.best_epoch = file_.integer_attribute("/state", "best_epoch");
    require(*state.best_epoch >= 1 && *state.best_epoch <= state.epoch, "a best_epoch");
  }
  constexpr double kMost = std::numeric_limits<double>::max();
  History& history = state.history;
  history.train_loss = read_history(file_, "train_loss", state.epoch, true, -kMost, kMost);
  history.seconds = read_history(file_, "seconds", state.epoch, true, 0, kMost);
  history.test_loss = read_history(file_, "test_loss", state.epoch, false, -kMost, kMost);
  history.test_accuracy = read_history(file_, "test_accuracy", state.epoch, false, 0, 1);
  return state;
}

std::optional<data::Fingerprint> CheckpointFile::data() const {
  if (!file_.has("/data")) return {};
  data::Fingerprint data;
  data.train_samples = file_.integer_attribute("/data", "train_samples");
  data.test_samples = file_.integer_attribute("/data", "test_samples");
  data.sample_shape = file_.text_attribute("/data", "sample_shape");
  data.target_shape = file_.text_attribute("/data", "target_shape");
  data.first_sample = file_.text_attribute("/data", "first_sample");
  data.last_sample = file_.text_attribute("/data", "last_sample");
  return data;
}

template <class T>
Checkpoint<T> CheckpointFile::load(const NetworkPlan& plan) const {
  Checkpoint<T> checkpoint;
  checkpoint.deck = deck_text();
  checkpoint.parameters = parameters<T>(plan);
  checkpoint.state = state();
  if (checkpoint.state.best_epoch) {
    checkpoint.best = std::make_shared<const std::vector<T>>(checkpoint.parameters);
    if (!checkpoint.state.is_at_best()) {
      checkpoint.parameters = read_parameters<T>(file_, kLast, plan);
    }
  }
  for (const std::string& name : kernels::state_names(plan.update_rule)) {
    std::vector<T> values(plan.trained_size, T(0));
    for (const ParameterSlot& slot : plan.parameters) {
      if (!slot.parameter.trained) continue;
      const std::string path = state_path(slot, name);
      read_parameter(file_, path, slot, values);
      const auto begin = values.begin() + static_cast<std::ptrdiff_t>(slot.offset);
      if (is_of_squares(name) && std::any_of(begin, begin + static_cast<std::ptrdiff_t>(slot.size),
                                             [](T value) { return value < 0; })) {
        file_.fail(path, "holds a negative mean of squares");
      }
    }
    checkpoint.optimizer_state.push_back(std::move(values));
  }
  checkpoint.vocabulary = vocabulary();
  const std::int64_t seed = file_.integer_attribute("/state", "seed");
  if (seed < 0) file_.fail("/state", "has a negative seed");
  checkpoint.seed = static_cast<std::uint64_t>(seed);
  if (checkpoint.state.sums.samples >
      static_cast<double>(plan.loss_rows()) * static_cast<double>(checkpoint.state.sample)) {
    file_.fail("/state", "has an epoch_sample_sum that no run has");
  }
  checkpoint.data = data();
  return checkpoint;
}

bool may_be_damaged_checkpoint(const std::string& file) {
  if (!io::is_hdf5(file)) return true;
  try {
    const io::Hdf5Reader reader(file, {"/"});
    return reader.has_attribute("/", "format") && reader.text_attribute("/", "format") == kFormat &&
           reader.integer_attribute("/", "version") <= kVersionWithLast;
  } catch (const RequestError&) {
    return true;
  }
}

std::optional<std::int64_t> checkpoint_step(const std::string& file) {
  if (!io::is_hdf5(file)) return {};
  const io::Hdf5Reader reader(file);
  if (!reader.has_attribute("/", "format") || !reader.has_attribute("/state", "step")) return {};
  return reader.integer_attribute("/state", "step");
}

#define RIDGELINE_CHECKPOINT(T)                                                                  \
  template std::optional<NonFiniteParameter> nonfinite_parameter<T>(const NetworkPlan&,          \
                                                                    const Checkpoint<T>&);       \
  template void save_checkpoint<T>(const std::string&, const NetworkPlan&, const Checkpoint<T>&, \
                                   io::Replaced);                                                \
  template std::vector<T> CheckpointFile::parameters<T>(const NetworkPlan&) const;               \
  template Checkpoint<T> CheckpointFile::load<T>(const NetworkPlan&) const;
RIDGELINE_CHECKPOINT(float)
RIDGELINE_CHECKPOINT(double)

}  // namespace ridgeline::network
