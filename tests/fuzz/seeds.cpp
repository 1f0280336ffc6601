#include <filesystem>
#include <fstream>
#include <iostream>

#include "support/readers.hpp"

// Prints the names of all readers, one per line, and copies each reader's seeds to FOLDER/READER.

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  if (argc != 2) {
    std::cerr << "usage: fuzz_seeds FOLDER\n";
    return 2;
  }
  for (const ridgeline::testing::Reader& reader : ridgeline::testing::readers()) {
    const fs::path folder = fs::path(argv[1]) / reader.name;
    fs::create_directories(folder);
    for (const std::string& file : reader.seed_files()) {
      fs::copy_file(file, folder / fs::path(file).filename(), fs::copy_options::overwrite_existing);
    }
    std::cout << reader.name << "\n";
  }
}
