#include "io/run_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "core/error.hpp"
#include "io/file.hpp"
#include "io/lock.hpp"

namespace ridgeline::io {
namespace {

/// Splits "a/model.h5" into "a/", "model" and ".h5".
struct Parts {
  std::string folder, stem, extension;
};
Parts parts_of(const std::string& path) {
  const std::size_t name = path.find_last_of('/') + 1;
  std::size_t dot = path.find_last_of('.');
  if (dot == std::string::npos || dot <= name) dot = path.size();
  return {path.substr(0, name), path.substr(name, dot - name), path.substr(dot)};
}

}  // namespace

long number_of(const std::string& name, const std::string& path) {
  const Parts parts = parts_of(path);
  const std::string begin = parts.stem + "-";
  if (name.size() <= begin.size() + parts.extension.size() ||
      name.compare(0, begin.size(), begin) != 0 ||
      name.compare(name.size() - parts.extension.size(), std::string::npos, parts.extension) != 0) {
    return -1;
  }
  const std::string digits =
      name.substr(begin.size(), name.size() - begin.size() - parts.extension.size());
  // Must match the format of numbered_path(), so that each number has one name.
  if (digits.size() > 18 || digits.find_first_not_of("0123456789") != std::string::npos ||
      (digits.size() > 1 && digits[0] == '0')) {
    return -1;
  }
  return std::strtol(digits.c_str(), nullptr, 10);
}

std::string numbered_path(const std::string& path, long number) {
  const Parts parts = parts_of(path);
  return parts.folder + parts.stem + "-" + std::to_string(number) + parts.extension;
}

RunFiles::File RunFiles::identified(const std::string& what, const std::string& path) {
  check_path(path);
  File file;
  file.what = what;
  file.path = path;
  struct stat status;
  if (::stat(path.c_str(), &status) == 0) {
    file.device = status.st_dev;
    file.inode = status.st_ino;
  }
  // Resolves links, dots and repeated slashes, also if folders do not exist yet.
  namespace fs = std::filesystem;
  std::error_code error;
  std::string target = fs::weakly_canonical(fs::absolute(path, error), error).string();
  if (error || target.empty()) target = path;
  const std::size_t slash = target.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "." : target.substr(0, slash + 1);
  file.folder_name = target.substr(slash + 1);
  if (::stat(folder.c_str(), &status) == 0) {
    file.folder_device = status.st_dev;
    file.folder_inode = status.st_ino;
  } else {
    file.folder_name = target;  // a folder that does not exist yet
  }
  if (file.inode == 0) file.name = file.folder_name;
  return file;
}

bool RunFiles::same(const File& output, const File& other) {
  const bool same_folder =
      output.folder_device == other.folder_device && output.folder_inode == other.folder_inode;
  if (output.is_numbered) {
    return same_folder && number_of(other.folder_name, output.folder_name) >= 0;
  }
  if (output.inode != 0 || other.inode != 0) {
    return output.device == other.device && output.inode == other.inode;
  }
  return same_folder && output.name == other.name;
}

void RunFiles::refuse(const File& output, const File& other) {
  throw RequestError(output.path + ": " + output.what + " would overwrite " + other.what +
                     (other.path == output.path ? "" : " (" + other.path + ")") + "; " +
                     output.advice);
}

void RunFiles::input(const std::string& what, const std::string& path) {
  const File file = identified(what, path);
  for (const File& output : outputs_) {
    if (same(output, file) && output.permitted != what) refuse(output, file);
  }
  inputs_.push_back(file);
}

void RunFiles::output(const std::string& what, const std::string& path, const std::string& advice,
                      const std::string& permitted) {
  output_target(path);  // throws for a folder, a special file or a dangling link
  File file = identified(what, path);
  file.advice = advice;
  file.permitted = permitted;
  add_output(std::move(file));
}

void RunFiles::numbered_outputs(const std::string& what, const std::string& path,
                                const std::string& advice, const std::string& permitted) {
  File file = identified(what, path);
  file.advice = advice;
  file.permitted = permitted;
  file.is_numbered = true;
  add_output(std::move(file));
}

void RunFiles::add_output(File file) {
  for (const File& input : inputs_) {
    if (same(file, input) && file.permitted != input.what) refuse(file, input);
  }
  for (const File& output : outputs_) {
    if (same(file, output) || (output.is_numbered && same(output, file))) refuse(file, output);
  }
  outputs_.push_back(std::move(file));
}

void RunFiles::remove_stale_partials(const std::string& path) const {
  const Parts parts = parts_of(path);
  const std::string folder = parts.folder.empty() ? "." : parts.folder;
  const std::string name = parts.stem + parts.extension;
  DIR* const listing = ::opendir(folder.c_str());
  if (listing == nullptr) return;
  while (const dirent* entry = ::readdir(listing)) {
    const std::string owner = target_of_partial(entry->d_name);
    const bool is_ours =
        owner == name || owner == previous_name(name) || number_of(owner, name) >= 0;
    if (owner.empty() || !is_ours) continue;
    const std::string partial = folder + "/" + entry->d_name;
    const int file = ::open(partial.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) continue;
    struct stat status;
    const bool is_input = ::fstat(file, &status) != 0 ||
                          std::any_of(inputs_.begin(), inputs_.end(), [&](const File& input) {
                            return input.device == status.st_dev && input.inode == status.st_ino;
                          });
    // A process that is still writing it holds the lock.
    if (!is_input && try_lock(file) && is_named(file, partial)) ::unlink(partial.c_str());
    ::close(file);
  }
  ::closedir(listing);
}

}  // namespace ridgeline::io
