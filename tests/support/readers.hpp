#pragma once

#include <string>
#include <vector>

namespace ridgeline::testing {

/// A reader of files from elsewhere, for the mutation tests and the fuzz targets.
struct Reader {
  const char* name;
  std::vector<const char*> seeds;  ///< files in the source tree; a name may be "*" or "*.toml"
  /// Reads a file as a run does and returns the digest of what a run would get from it. Throws
  /// RequestError.
  std::string (*read)(const std::string& file);
  /// How files begin of which a checksum covers all of the content; empty where there is none.
  std::string seal = {};

  /// Whether a file of this content must say what one of the seeds says if it is accepted.
  bool is_sealed(const std::string& content) const {
    return !seal.empty() && content.compare(0, seal.size(), seal) == 0;
  }
  /// The paths of all seeds, sorted.
  std::vector<std::string> seed_files() const;
};

const std::vector<Reader>& readers();
/// Throws std::out_of_range for a name that no reader has.
const Reader& reader_of(const std::string& name);

/// Reads and returns the digest; empty where the file is refused. Throws std::logic_error for any
/// refusal other than a RequestError of one line.
std::string digest_or_refusal(const Reader& reader, const std::string& file);

}  // namespace ridgeline::testing
