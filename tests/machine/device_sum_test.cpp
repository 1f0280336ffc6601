#include "machine/device_sum.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "support/matrices.hpp"
#include "support/runtime.hpp"

namespace ridgeline::machine::detail {
namespace {

class DeviceSumOnSpaces : public testing::Computing {};

struct AddNumbers {
  const std::uint32_t* numbers;
  KOKKOS_FUNCTION void operator()(std::size_t i, std::uint64_t& sum) const { sum += numbers[i]; }
};

template <class Space, int Team>
void expect_sums(const Space& instance) {
  for (const std::size_t size : {1, 3, 4, 5, 1000, 4099}) {
    std::vector<std::uint32_t> numbers(size);
    std::uint64_t expected = 0;
    for (std::size_t i = 0; i < size; ++i) {
      numbers[i] = static_cast<std::uint32_t>(2654435761u * (i + 1));
      expected += numbers[i];
    }
    const auto values = testing::on_space(instance, numbers);
    for (const int teams : {1, 2, 7}) {
      // There are as many parts as teams, so that no unwritten part is added.
      const auto parts = allocate<std::uint64_t>(instance, "test/parts", std::size_t(teams), 99);
      using Shared = SharedSum<AddNumbers, std::uint64_t>;
      DeviceSum<Space, Shared, std::uint64_t, Team>::launch(
          instance, "test/sum", teams, Shared{{values.data()}, size, std::size_t(teams * Team)},
          parts.data());
      EXPECT_EQ(sum_of_parts(instance, parts), expected) << size << " by " << teams;
    }
  }
}

TEST_F(DeviceSumOnSpaces, IsThatOfAllElements) {
#if defined(KOKKOS_ENABLE_OPENMP)
  expect_sums<Kokkos::OpenMP, 4>(Kokkos::OpenMP());
#endif
#if defined(KOKKOS_ENABLE_CUDA)
  expect_sums<Kokkos::Cuda, kSumTeam>(Kokkos::Cuda());
#endif
  expect_sums<Kokkos::Serial, 1>(Kokkos::Serial());
}

TEST_F(DeviceSumOnSpaces, HasATeamWhateverTheSize) {
  const Kokkos::Serial instance;  // runs one thread
  EXPECT_EQ(sum_teams(instance, 0), 1);
  EXPECT_EQ(sum_teams(instance, 100000), 1);
}

}  // namespace
}  // namespace ridgeline::machine::detail
