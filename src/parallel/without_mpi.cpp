#include "parallel/ranks.hpp"

// A build without MPI.

namespace ridgeline::parallel {

Transport transport() { return {}; }

std::shared_ptr<const Ranks> start_ranks() { return one_rank(); }

}  // namespace ridgeline::parallel
