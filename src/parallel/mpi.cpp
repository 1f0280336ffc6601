#include <fmt/format.h>
// The C interface alone.
#define OMPI_SKIP_MPICXX
#define MPICH_SKIP_MPICXX
#include <mpi.h>
#if __has_include(<mpi-ext.h>) && defined(OPEN_MPI)
#include <mpi-ext.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "parallel/ranks.hpp"

namespace ridgeline::parallel {
namespace {

// MPI counts elements in an int.
constexpr std::size_t kMostElements = std::numeric_limits<int>::max();

void check(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw RunError(fmt::format("MPI: cannot {}: {}", what, std::string(text, length)));
}

template <class T>
MPI_Datatype type_of();
template <>
MPI_Datatype type_of<float>() {
  return MPI_FLOAT;
}
template <>
MPI_Datatype type_of<double>() {
  return MPI_DOUBLE;
}
template <>
MPI_Datatype type_of<std::int64_t>() {
  return MPI_INT64_T;
}

// Calls `use(offset, count)` for parts that MPI can count.
template <class Use>
void in_parts(std::size_t size, const Use& use) {
  for (std::size_t begin = 0; begin < size; begin += kMostElements) {
    use(begin, static_cast<int>(std::min(kMostElements, size - begin)));
  }
}

class MpiSum : public PendingSum {
 public:
  template <class T>
  MpiSum(MPI_Comm communicator, T* values, std::size_t count) {
    in_parts(count, [&](std::size_t begin, int part) {
      requests_.push_back(MPI_REQUEST_NULL);
      check(MPI_Iallreduce(MPI_IN_PLACE, values + begin, part, type_of<T>(), MPI_SUM, communicator,
                           &requests_.back()),
            "begin a sum");
    });
  }
  ~MpiSum() override {
    // After an exception; MPI writes to the values until it is complete.
    MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE);
  }
  void progress() override {
    int done = 0;
    check(MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &done,
                      MPI_STATUSES_IGNORE),
          "continue a sum");
  }
  void wait() override {
    check(MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE),
          "complete a sum");
  }

 private:
  std::vector<MPI_Request> requests_;
};

class MpiRanks : public Ranks {
 public:
  MpiRanks() {
    // A communicator of our own, whose errors are returned.
    check(MPI_Comm_dup(MPI_COMM_WORLD, &communicator_), "start");
    check(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN), "start");
    check(MPI_Comm_rank(communicator_, &rank_), "start");
    check(MPI_Comm_size(communicator_, &size_), "start");
    MPI_Comm node = MPI_COMM_NULL;
    check(MPI_Comm_split_type(communicator_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node),
          "find the ranks of this node");
    check(MPI_Comm_rank(node, &local_rank_), "find the ranks of this node");
    check(MPI_Comm_free(&node), "find the ranks of this node");
  }
  ~MpiRanks() override {
    MPI_Comm_free(&communicator_);
    MPI_Finalize();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_rank() const override { return local_rank_; }
  void broadcast(void* bytes, std::size_t size, int from) const override {
    in_parts(size, [&](std::size_t begin, int part) {
      check(MPI_Bcast(static_cast<char*>(bytes) + begin, part, MPI_BYTE, from, communicator_),
            "broadcast");
    });
  }
  std::vector<std::string> gather(const std::string& text) const override {
    const auto ranks = static_cast<std::size_t>(size_);
    if (text.size() > kMostElements / ranks)
      throw RunError("MPI: cannot gather: texts are too long");
    int own = static_cast<int>(text.size());
    std::vector<int> sizes(ranks), begins(ranks);
    check(MPI_Allgather(&own, 1, MPI_INT, sizes.data(), 1, MPI_INT, communicator_), "gather");
    int all = 0;
    for (std::size_t i = 0; i < ranks; ++i) {
      begins[i] = all;
      all += sizes[i];
    }
    std::string joined(static_cast<std::size_t>(all), '\0');
    check(MPI_Allgatherv(text.data(), own, MPI_CHAR, joined.data(), sizes.data(), begins.data(),
                         MPI_CHAR, communicator_),
          "gather");
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < ranks; ++i) {
      texts.push_back(
          joined.substr(static_cast<std::size_t>(begins[i]), static_cast<std::size_t>(sizes[i])));
    }
    return texts;
  }
  void gather(const double* own, std::size_t count, double* all) const override {
    if (count > kMostElements) throw RunError("MPI: cannot gather: there are too many values");
    const int part = static_cast<int>(count);
    check(MPI_Allgather(own, part, MPI_DOUBLE, all, part, MPI_DOUBLE, communicator_), "gather");
  }
  void sum(double* values, std::size_t count) const override { sum_now(values, count); }
  std::unique_ptr<PendingSum> begin_sum(float* values, std::size_t count) const override {
    return std::make_unique<MpiSum>(communicator_, values, count);
  }
  std::unique_ptr<PendingSum> begin_sum(double* values, std::size_t count) const override {
    return std::make_unique<MpiSum>(communicator_, values, count);
  }
  std::unique_ptr<PendingSum> begin_sum(std::int64_t* values, std::size_t count) const override {
    return std::make_unique<MpiSum>(communicator_, values, count);
  }
  void end_others(int status) const override { MPI_Abort(communicator_, status); }

 private:
  template <class T>
  void sum_now(T* values, std::size_t count) const {
    in_parts(count, [&](std::size_t begin, int part) {
      check(MPI_Allreduce(MPI_IN_PLACE, values + begin, part, type_of<T>(), MPI_SUM, communicator_),
            "sum over all ranks");
    });
  }

  MPI_Comm communicator_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1, local_rank_ = 0;
};

// Returns whether a launcher started this process as one of its ranks. Without one MPI is not
// started, which would take longer than a short run.
bool has_launcher() {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"}) {
    if (std::getenv(variable) != nullptr) return true;
  }
  return false;
}

std::string library_name() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  std::string name(text, static_cast<std::size_t>(length));
  name = name.substr(0, name.find_first_of(",\n"));
  if (name.rfind("Open MPI v", 0) == 0) name = "Open MPI " + name.substr(10);
  return name;
}

}  // namespace

Transport transport() {
  Transport transport;
  transport.library = library_name();
  int running = 0;
  MPI_Initialized(&running);
  if (running == 0) return transport;
  int level = MPI_THREAD_SINGLE;
  MPI_Query_thread(&level);
  transport.threads = level == MPI_THREAD_MULTIPLE     ? "multiple"
                      : level == MPI_THREAD_SERIALIZED ? "serialized"
                      : level == MPI_THREAD_FUNNELED   ? "funneled"
                                                       : "single";
#if defined(MPIX_CUDA_AWARE_SUPPORT)
  transport.takes_device_pointers = MPIX_Query_cuda_support() == 1;
#endif
  return transport;
}

std::shared_ptr<const Ranks> start_ranks() {
  if (!has_launcher()) return one_rank();
  int level = MPI_THREAD_SINGLE;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level), "start");
  if (level < MPI_THREAD_FUNNELED) {
    throw RunError(
        "MPI: this library does not support programs with threads (MPI_THREAD_FUNNELED)");
  }
  auto ranks = std::make_shared<const MpiRanks>();
  return ranks;
}

}  // namespace ridgeline::parallel
