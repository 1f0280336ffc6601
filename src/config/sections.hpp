#pragma once

// Private to this folder: the sections of a deck. Each function reads one table with all its keys;
// it throws RequestError.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "config/deck.hpp"

namespace ridgeline::config {

/// No limit.
inline constexpr std::int64_t kMostInteger = std::numeric_limits<std::int64_t>::max();

DataOptions read_data(const OptionTable& table, const std::string& folder);
NetworkOptions read_network(const OptionTable& table);
TrainOptions read_train(const OptionTable& table);
CheckpointOptions read_checkpoint(const std::optional<OptionTable>& table, const std::string& stem);
RunOptions read_run(const std::optional<OptionTable>& table);
VerifyOptions read_verify(const OptionTable& table, Loss loss);

/// Throws if a metric is not defined for a loss.
void require_metric_of_loss(const OptionTable& table, Metric metric, Loss loss);

}  // namespace ridgeline::config
