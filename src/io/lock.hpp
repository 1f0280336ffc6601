#pragma once

#include <string>

namespace ridgeline::io {

/// Locks a whole open file against other descriptors, without waiting. Returns false and sets errno
/// if another descriptor holds the lock (EAGAIN, EACCES) or the file system has no locks.
bool try_lock(int descriptor);

/// Returns whether `name`, which must not be a link, is a name of the open file.
bool is_named(int descriptor, const std::string& name);

/// Holds PATH.lock, so that no other run writes the file at `path` concurrently: on this machine,
/// and on others if the file system propagates locks (NFS, Lustre with -o flock). It is a kernel
/// lock, released whenever the process ends; the file names its holder.
class FileLock {
 public:
  /// Throws RequestError at once if another run holds the lock, with its host and process, and if
  /// PATH.lock cannot be created or is not a lock file. If the file system has no locks, sets
  /// `warning()`.
  explicit FileLock(const std::string& path);
  /// Releases the lock and removes PATH.lock.
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  const std::string& warning() const { return warning_; }

  /// Returns the name of the lock file, PATH.lock.
  static std::string name_of(const std::string& path);

 private:
  std::string name_;
  std::string warning_;
  int descriptor_ = -1;
};

/// Removes the file of the most recent lock of this process if it is still held; for a signal
/// handler that ends the process.
void remove_held_lock();

}  // namespace ridgeline::io
