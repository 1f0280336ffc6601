#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace ridgeline::io {

/// The files that one run reads and writes, so that none is overwritten that it needs: outputs are
/// compared with inputs and with each other by device and inode, whatever paths and links lead to
/// them, before any work.
class RunFiles {
 public:
  /// A file that the run reads, and what it is, "data.path" or "--init". An input that an output is
  /// already is refused as output() does.
  void input(const std::string& what, const std::string& path);

  /// A file that the run writes. Throws RequestError "PATH: WHAT would overwrite data.path; ADVICE"
  /// if it is an input or another output, and as output_target(). `permitted` is an input that it
  /// may replace: the checkpoint that a run resumes.
  void output(const std::string& what, const std::string& path, const std::string& advice,
              const std::string& permitted = {});

  /// Files that appear during the run in the folder of `path`, its stem followed by `-`, a number
  /// and its extension; errors as output().
  void numbered_outputs(const std::string& what, const std::string& path, const std::string& advice,
                        const std::string& permitted = {});

  /// Removes temporary files of write_file_atomically() that killed runs left beside `path`: its
  /// own and those of its previous_name() and its numbered files. Inputs stay, and what a process
  /// still writes, which is locked.
  void remove_stale_partials(const std::string& path) const;

 private:
  struct File {
    std::string what, path, advice, permitted;
    bool is_numbered = false;
    // Of the file if it exists, with an empty name; else of its folder, with its name.
    dev_t device = 0;
    ino_t inode = 0;
    std::string name;
    // Of its folder, and its name in it.
    dev_t folder_device = 0;
    ino_t folder_inode = 0;
    std::string folder_name;
  };

  static File identified(const std::string& what, const std::string& path);
  static bool same(const File& output, const File& other);
  static void refuse(const File& output, const File& other);
  void add_output(File file);

  std::vector<File> inputs_, outputs_;
};

/// Whether `name` is that of a file that a run of `path` numbers: STEM-NUMBER.EXTENSION; its number
/// if so, else -1.
long number_of(const std::string& name, const std::string& path);

/// Returns the path of file `number`: STEM-NUMBER.EXTENSION beside `path`.
std::string numbered_path(const std::string& path, long number);

}  // namespace ridgeline::io
