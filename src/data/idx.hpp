#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ridgeline::data {

/// Images of an IDX file: [count, rows, columns] bytes.
struct IdxImages {
  std::size_t count = 0, rows = 0, columns = 0;
  std::vector<std::uint8_t> pixels;
};

/// Read the IDX format of MNIST (http://yann.lecun.com/exdb/mnist), gzipped or not. Throw
/// RequestError naming the file: wrong magic number, fewer or more bytes than the header declares,
/// a damaged gzip stream. Memory is allocated only if the file can contain the declared size.
IdxImages read_idx_images(const std::string& path);
std::vector<std::int32_t> read_idx_labels(const std::string& path);

}  // namespace ridgeline::data
