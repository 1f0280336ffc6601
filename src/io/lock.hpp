#pragma once

#include <string>

namespace ridgeline::io {

/// Locks an open file as a whole against other descriptors, without waiting; false, with errno set,
/// if another holds it (EAGAIN, EACCES) or the file system has no locks.
bool try_lock(int descriptor);

/// Returns whether `name`, itself no link, is a name of the open file.
bool is_named(int descriptor, const std::string& name);

/// Holds PATH.lock, so that no other run writes the file at `path` meanwhile: on this machine, and
/// on others where the file system's locks reach them (NFS, Lustre with -o flock). The lock is the
/// kernel's and ends with the process, however it ends; the file names its holder.
class FileLock {
 public:
  /// Throws RequestError at once if another run holds the lock, with its host and process, and if
  /// PATH.lock cannot be made or is no file of a lock. If the file system has no locks, `warning()`
  /// says so.
  explicit FileLock(const std::string& path);
  /// Releases the lock and removes PATH.lock.
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  const std::string& warning() const { return warning_; }

  /// Returns the name of the lock's file, PATH.lock.
  static std::string name_of(const std::string& path);

 private:
  std::string name_;
  std::string warning_;
  int descriptor_ = -1;
};

/// Removes the file of the lock that this process took last, if it holds it still: for a signal
/// handler that ends the process.
void remove_held_lock();

}  // namespace ridgeline::io
