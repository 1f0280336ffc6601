#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ridgeline::parallel {

/// A sum over all ranks that may still be in progress. Its values must not be touched before
/// wait().
class PendingSum {
 public:
  virtual ~PendingSum() = default;
  /// Lets the sum proceed, without waiting; MPI communicates only inside such calls.
  virtual void progress() = 0;
  /// Returns once the values are complete.
  virtual void wait() = 0;
};

/// The ranks of a run: processes that compute one result together. Every function is collective:
/// all ranks call it, in the same order. Only the thread that started the ranks may call them.
/// Throws RunError if communication fails.
class Ranks {
 public:
  virtual ~Ranks() = default;

  virtual int rank() const = 0;  ///< of this process, from 0
  virtual int size() const = 0;
  /// Returns this process's number among those on the same node, from 0, which is that of its
  /// device.
  virtual int local_rank() const = 0;
  bool is_first() const { return rank() == 0; }

  /// Replaces the bytes by those of rank `from`.
  virtual void broadcast(void* bytes, std::size_t size, int from) const = 0;
  /// Returns every rank's text, on every rank.
  virtual std::vector<std::string> gather(const std::string& text) const = 0;

  /// Writes every rank's `count` values to `all` [size(), count], on every rank.
  virtual void gather(const double* own, std::size_t count, double* all) const = 0;

  // In place, element by element.
  virtual void sum(double* values, std::size_t count) const = 0;
  /// Begins a sum; several may be in progress.
  virtual std::unique_ptr<PendingSum> begin_sum(float* values, std::size_t count) const = 0;
  virtual std::unique_ptr<PendingSum> begin_sum(double* values, std::size_t count) const = 0;
  virtual std::unique_ptr<PendingSum> begin_sum(std::int64_t* values, std::size_t count) const = 0;

  /// Has the launcher end the processes of all other ranks, and exit with this status.
  virtual void end_others(int status) const = 0;
};

/// What the ranks communicate through.
struct Transport {
  std::string library;                 ///< "Open MPI 4.1.4"; empty: built without MPI
  std::string threads;                 ///< "funneled"; empty: MPI is not running
  bool takes_device_pointers = false;  ///< pointers to a device's memory; known while MPI runs
};
Transport transport();

/// Returns the ranks of this process: those that an MPI launcher (mpirun, srun) started, or one.
/// Must be called once, before any thread is started. Throws RunError.
std::shared_ptr<const Ranks> start_ranks();

/// Returns a communicator of one rank, whose operations do nothing.
std::shared_ptr<const Ranks> one_rank();

/// The part of `count` consecutive elements that a rank has: [begin, end). Parts differ by at most
/// one element; the first ranks have the larger ones.
struct Share {
  std::size_t begin = 0, end = 0;
  std::size_t size() const { return end - begin; }
};
Share share_of(std::size_t count, int rank, int ranks);
/// Returns the size of the largest part.
std::size_t largest_share(std::size_t count, int ranks);

}  // namespace ridgeline::parallel
