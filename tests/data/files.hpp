#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/deck.hpp"
#include "io/scratch.hpp"

namespace ridgeline::testing {

inline std::string big_endian(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

inline std::string idx_images(std::uint32_t count, std::uint32_t rows, std::uint32_t columns) {
  std::string bytes =
      big_endian(0x803) + big_endian(count) + big_endian(rows) + big_endian(columns);
  for (std::uint32_t i = 0; i < count * rows * columns; ++i) {
    bytes += static_cast<char>(i * 37 + 11);
  }
  return bytes;
}

inline std::string idx_labels(const std::vector<int>& labels) {
  std::string bytes = big_endian(0x801) + big_endian(static_cast<std::uint32_t>(labels.size()));
  for (const int label : labels) bytes += static_cast<char>(label);
  return bytes;
}

/// Five training and two test images of 3 x 4 in the folder.
inline void write_idx_set(const ScratchFolder& folder) {
  folder.write("train-images-idx3-ubyte", idx_images(5, 3, 4));
  folder.write("train-labels-idx1-ubyte", idx_labels({3, 1, 4, 1, 5}));
  folder.write("t10k-images-idx3-ubyte", idx_images(2, 3, 4));
  folder.write("t10k-labels-idx1-ubyte", idx_labels({9, 2}));
}

/// [data] of a deck with these lines; "path" is on line 3 if it is second.
inline config::DataOptions data_options(const std::string& lines, const std::string& loss = "mse") {
  return config::Deck::parse(
             "[data]\n" + lines +
                 "\n[network]\nlayer = [{ kind = 'flatten' }]\n[train]\nepochs = 1\nbatch = 1\n"
                 "loss = '" +
                 loss + "'\noptimizer = { kind = 'sgd', learning_rate = 1 }\n",
             "deck.toml")
      .data;
}

}  // namespace ridgeline::testing
