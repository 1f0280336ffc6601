#pragma once

#include <string>
#include <vector>

namespace ridgeline::testing {

/// A reader of external files, for the mutation tests and the fuzz targets.
struct Reader {
  const char* name;
  std::vector<const char*> seeds;  ///< files in the source tree; a name may be "*" or "*.toml"
  /// Reads a file as a run does and returns the digest of the values read. Throws
  /// RequestError.
  std::string (*read)(const std::string& file);
  /// The first bytes of files with a checksum over all of the content; empty if there are none.
  std::string seal = {};

  /// Returns whether a file of this content, if it is accepted, must have the content of one of the
  /// seeds.
  bool is_sealed(const std::string& content) const {
    return !seal.empty() && content.compare(0, seal.size(), seal) == 0;
  }
  /// Returns the paths of all seeds, sorted.
  std::vector<std::string> seed_files() const;
};

const std::vector<Reader>& readers();
/// Throws std::out_of_range for a name that no reader has.
const Reader& reader_of(const std::string& name);

/// Reads and returns the digest; empty if the file is rejected. Throws std::logic_error for any
/// error other than a RequestError of one line.
std::string digest_or_refusal(const Reader& reader, const std::string& file);

}  // namespace ridgeline::testing
