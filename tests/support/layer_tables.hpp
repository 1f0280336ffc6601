#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/option_table.hpp"
#include "core/shape.hpp"
#include "kernels/convolution/shape.hpp"

namespace ridgeline::testing {

/// Returns the convolution of a conv2d's table, read independently of the layer.
inline kernels::ConvolutionShape convolution_of(const config::OptionTable& table,
                                                const Shape& input, std::size_t batch) {
  const auto kernel = table.pair("kernel", 1, 99), stride = table.pair("stride", 1, 99, {1, 1});
  const auto padding = table.pair("padding", 0, 99, {0, 0});
  const auto dilation = table.pair("dilation", 1, 99, {1, 1});
  const auto axis = [&](std::size_t i) {
    return kernels::ConvolutionAxis{int(input[i + 1]), int(kernel[i]), int(stride[i]),
                                    int(padding[i]), int(dilation[i])};
  };
  kernels::ConvolutionShape shape;
  shape.batch = int(batch);
  shape.channels = int(input[0]);
  shape.filters = int(table.integer("channels", 1, 9999));
  shape.groups = int(table.integer("groups", 1, 9999, 1));
  shape.height = axis(0);
  shape.width = axis(1);
  return shape;
}

/// Adds the tables of a deck's layers, including nested ones, by the names of a network's layers.
inline void add_tables(const std::vector<config::OptionTable>& tables, const std::string& prefix,
                       std::map<std::string, config::OptionTable>& found) {
  const std::vector<std::string> names = config::layer_names(tables);
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const std::string name = prefix + names[i];
    found.emplace(name, tables[i]);
    add_tables(tables[i].tables("layer"), name + "/", found);
    add_tables(tables[i].tables("shortcut"), name + "/shortcut/", found);
  }
}

}  // namespace ridgeline::testing
