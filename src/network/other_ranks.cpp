#include "network/other_ranks.hpp"

#include "core/spaces.hpp"

namespace ridgeline::network {

// Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983.
template <class Space, class T>
void OtherRanks<Space, T>::combine(const Vector<Space, T>& means, const Vector<Space, T>& squares,
                                   double values) const {
  const std::size_t channels = means.size(), size = 2 * channels + 1;
  std::vector<double> own = read(means);
  const std::vector<double> own_squares = read(squares);
  own.insert(own.end(), own_squares.begin(), own_squares.end());
  own.push_back(values);
  const std::vector<double> all = gathered(own);
  std::vector<double> mean(channels), sum(channels);
  double count = 0;
  for (std::size_t begin = 0; begin < all.size(); begin += size) {
    const double more = all[begin + 2 * channels], before = count;
    if (more == 0) continue;  // a rank without samples has no moments
    count += more;
    for (std::size_t c = 0; c < channels; ++c) {
      const double deviation = all[begin + c] - mean[c];
      mean[c] += deviation * more / count;
      sum[c] += all[begin + channels + c] + deviation * deviation * before * more / count;
    }
  }
  write(mean, means);
  write(sum, squares);
}

template <class Space, class T>
void OtherRanks<Space, T>::sum(const Vector<Space, T>& sums) const {
  const std::vector<double> all = gathered(read(sums));
  std::vector<double> total(sums.size());
  for (std::size_t i = 0; i < all.size(); ++i) total[i % total.size()] += all[i];
  write(total, sums);
}

template <class Space, class T>
std::vector<double> OtherRanks<Space, T>::read(const Vector<Space, T>& values) const {
  std::vector<T> copy(values.size());
  Kokkos::deep_copy(instance_, host_view(copy.data(), copy.size()), values);
  instance_.fence();
  return {copy.begin(), copy.end()};
}

template <class Space, class T>
void OtherRanks<Space, T>::write(const std::vector<double>& values,
                                 const Vector<Space, T>& to) const {
  const std::vector<T> copy(values.begin(), values.end());
  Kokkos::deep_copy(instance_, to, host_view(copy.data(), copy.size()));
  instance_.fence();
}

template <class Space, class T>
std::vector<double> OtherRanks<Space, T>::gathered(const std::vector<double>& own) const {
  std::vector<double> all(own.size() * static_cast<std::size_t>(ranks_->size()));
  ranks_->gather(own.data(), own.size(), all.data());
  return all;
}

#define RIDGELINE_OTHER_RANKS(Space, T) template class OtherRanks<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_OTHER_RANKS)

}  // namespace ridgeline::network
