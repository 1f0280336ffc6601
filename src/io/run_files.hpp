#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace ridgeline::io {

/// The files that a run reads and writes; prevents overwriting of files that it needs. Outputs are
/// compared with inputs and with each other by device and inode, following links, before any work.
class RunFiles {
 public:
  /// Adds a file that the run reads; `what` describes it, "data.path" or "--init". Throws as
  /// output() does if it is already an output.
  void input(const std::string& what, const std::string& path);

  /// Adds a file that the run writes. Throws RequestError "PATH: WHAT would overwrite data.path;
  /// ADVICE" if it is an input or another output, and as output_target() does. `permitted` is an
  /// input that it may replace: the checkpoint that a run resumes.
  void output(const std::string& what, const std::string& path, const std::string& advice,
              const std::string& permitted = {});

  /// Adds files created during the run in the folder of `path`, named by its stem, `-`, a number
  /// and its extension. Throws as output() does.
  void numbered_outputs(const std::string& what, const std::string& path, const std::string& advice,
                        const std::string& permitted = {});

  /// Removes temporary files of write_file_atomically() that killed runs left beside `path`: those
  /// of `path`, its previous_name() and its numbered files. Keeps inputs and locked files, which a
  /// process is still writing.
  void remove_stale_partials(const std::string& path) const;

 private:
  struct File {
    std::string what, path, advice, permitted;
    bool is_numbered = false;
    // Of the file if it exists, with an empty name; else of its folder, with the name of the file.
    dev_t device = 0;
    ino_t inode = 0;
    std::string name;
    // Of its folder, with its name in it.
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

/// Returns the number in `name` if it is that of a numbered file of `path`, STEM-NUMBER.EXTENSION;
/// else -1.
long number_of(const std::string& name, const std::string& path);

/// Returns the path of file `number`: STEM-NUMBER.EXTENSION beside `path`.
std::string numbered_path(const std::string& path, long number);

}  // namespace ridgeline::io
