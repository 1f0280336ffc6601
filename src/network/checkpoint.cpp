#include "network/checkpoint.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/build_info.hpp"
#include "core/error.hpp"
#include "io/hdf5.hpp"
#include "io/json.hpp"
#include "kernels/optimizer.hpp"

namespace ridgeline::network {
namespace {

constexpr const char* kFormat = "ridgeline-checkpoint";
constexpr std::int64_t kVersion = 1;
constexpr const char* kVocabulary = "/vocabulary";

std::string model_path(const ParameterSlot& slot) {
  return "/model/" + slot.layer + "/" + slot.plan.name;
}
std::string state_path(const ParameterSlot& slot, const std::string& state) {
  return "/optimizer/" + slot.layer + "/" + slot.plan.name + "/" + state;
}

// Refuses a file that says it is something else; one with /model alone says nothing.
void check_format(const io::Hdf5Reader& file, bool must_say) {
  if (!file.has_attribute("/", "format")) {
    if (must_say) file.fail("/", "is no checkpoint: it has no attribute \"format\"");
    return;
  }
  const std::string format = file.text_attribute("/", "format");
  if (format != kFormat) file.fail("/", "is no checkpoint: its format is \"" + format + "\"");
  const std::int64_t version = file.integer_attribute("/", "version");
  if (version < 1 || version > kVersion) {
    file.fail("/", "has version " + std::to_string(version) + ", and this build reads 1");
  }
}

template <class T>
void read_parameter(const io::Hdf5Reader& file, const std::string& path, const ParameterSlot& slot,
                    std::vector<T>& buffer) {
  if (!file.has(path)) {
    file.fail(path, "is missing: the file is of another network, or damaged");
  }
  const Shape shape = file.shape(path);
  if (shape != slot.plan.shape) {
    file.fail(path, "has shape " + to_string(shape) + ", and this network needs " +
                        to_string(slot.plan.shape));
  }
  file.read(path, buffer.data() + slot.offset);
  for (std::size_t i = 0; i < slot.size; ++i) {
    if (!std::isfinite(buffer[slot.offset + i])) {
      file.fail(path, "holds a value that is not finite, at position " + std::to_string(i));
    }
  }
}

// Refuses layers and parameters below `group` that are none of `known`: what would silently be left
// out makes the file another network's.
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

template <class T>
std::vector<T> read_model(const io::Hdf5Reader& file, const NetworkPlan& plan) {
  if (!file.has("/model")) file.fail("/model", "is missing: the file holds no network");
  std::set<std::string> known;
  for (const ParameterSlot& slot : plan.parameters) known.insert(model_path(slot));
  refuse_unknown(file, "/model", known);
  std::vector<T> values(plan.parameter_buffer_size, T(0));
  for (const ParameterSlot& slot : plan.parameters) {
    read_parameter(file, model_path(slot), slot, values);
  }
  return values;
}

std::vector<double> read_history(const io::Hdf5Reader& file, const std::string& metric) {
  const std::string path = "/history/" + metric;
  return file.has(path) ? file.read<double>(path) : std::vector<double>();
}

}  // namespace

template <class T>
void save_checkpoint(const std::string& path, const NetworkPlan& plan,
                     const Checkpoint<T>& checkpoint) {
  const auto finite = [](T value) { return std::isfinite(value); };
  const auto all_finite = [&](const std::vector<T>& values) {
    return std::all_of(values.begin(), values.end(), finite);
  };
  if (!all_finite(checkpoint.parameters) ||
      !std::all_of(checkpoint.optimizer_state.begin(), checkpoint.optimizer_state.end(),
                   all_finite)) {
    throw RunError(path + ": not written: the network's parameters are no longer finite; lower " +
                   "train.optimizer.learning_rate");
  }
  io::Hdf5Writer file;
  file.attribute("/", "format", kFormat);
  file.attribute("/", "version", kVersion);
  file.attribute("/", "ridgeline_version",
                 std::string(build_info().version) + " (" + build_info().git_commit + ")");
  file.attribute("/", "created", io::now_utc());
  file.write_text("/deck", checkpoint.deck);
  file.group("/optimizer");
  const std::vector<std::string> states = kernels::state_names(plan.optimizer);
  for (const ParameterSlot& slot : plan.parameters) {
    file.write(model_path(slot), slot.plan.shape, checkpoint.parameters.data() + slot.offset);
    if (!slot.plan.trained) continue;
    for (std::size_t i = 0; i < checkpoint.optimizer_state.size(); ++i) {
      file.write(state_path(slot, states[i]), slot.plan.shape,
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
  file.write("/history/train_loss", state.history.train_loss);
  file.write("/history/seconds", state.history.seconds);
  if (!state.history.test_loss.empty()) file.write("/history/test_loss", state.history.test_loss);
  if (!state.history.test_accuracy.empty()) {
    file.write("/history/test_accuracy", state.history.test_accuracy);
  }
  file.save(path);
}

template <class T>
Checkpoint<T> load_checkpoint(const std::string& path, const NetworkPlan& plan) {
  const io::Hdf5Reader file(path);
  check_format(file, true);
  Checkpoint<T> checkpoint;
  checkpoint.deck = file.read_text("/deck");
  checkpoint.parameters = read_model<T>(file, plan);
  for (const std::string& name : kernels::state_names(plan.optimizer)) {
    std::vector<T> values(plan.trained_size, T(0));
    for (const ParameterSlot& slot : plan.parameters) {
      if (slot.plan.trained) read_parameter(file, state_path(slot, name), slot, values);
    }
    checkpoint.optimizer_state.push_back(std::move(values));
  }
  if (file.has(kVocabulary)) checkpoint.vocabulary = file.read_texts(kVocabulary);
  TrainingState& state = checkpoint.state;
  state.epoch = file.integer_attribute("/state", "epoch");
  state.step = file.integer_attribute("/state", "step");
  state.sample = file.integer_attribute("/state", "sample");
  checkpoint.seed = static_cast<std::uint64_t>(file.integer_attribute("/state", "seed"));
  state.sums.loss = file.real_attribute("/state", "epoch_loss_sum");
  state.sums.correct = file.real_attribute("/state", "epoch_correct_sum");
  state.sums.samples = file.real_attribute("/state", "epoch_sample_sum");
  state.seconds = file.real_attribute("/state", "epoch_seconds");
  if (state.epoch < 0 || state.step < 0 || state.sample < 0) {
    file.fail("/state", "has a negative epoch, step or sample");
  }
  state.history.train_loss = read_history(file, "train_loss");
  state.history.test_loss = read_history(file, "test_loss");
  state.history.test_accuracy = read_history(file, "test_accuracy");
  state.history.seconds = read_history(file, "seconds");
  return checkpoint;
}

template <class T>
std::vector<T> load_parameters(const std::string& path, const NetworkPlan& plan) {
  const io::Hdf5Reader file(path);
  check_format(file, false);
  return read_model<T>(file, plan);
}

std::vector<std::string> load_vocabulary(const std::string& path) {
  const io::Hdf5Reader file(path);
  check_format(file, false);
  return file.has(kVocabulary) ? file.read_texts(kVocabulary) : std::vector<std::string>();
}

std::string load_deck_text(const std::string& path) {
  const io::Hdf5Reader file(path);
  check_format(file, true);
  return file.read_text("/deck");
}

template void save_checkpoint<float>(const std::string&, const NetworkPlan&,
                                     const Checkpoint<float>&);
template void save_checkpoint<double>(const std::string&, const NetworkPlan&,
                                      const Checkpoint<double>&);
template Checkpoint<float> load_checkpoint<float>(const std::string&, const NetworkPlan&);
template Checkpoint<double> load_checkpoint<double>(const std::string&, const NetworkPlan&);
template std::vector<float> load_parameters<float>(const std::string&, const NetworkPlan&);
template std::vector<double> load_parameters<double>(const std::string&, const NetworkPlan&);

}  // namespace ridgeline::network
