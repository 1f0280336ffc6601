#include "parallel/ranks.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "parallel/agreement.hpp"
#include "support/ranks.hpp"

namespace ridgeline::parallel {
namespace {

TEST(Ranks, ShareABatchInOrderWithoutGaps) {
  for (const std::size_t count : {0, 1, 2, 3, 10, 127, 128}) {
    for (int ranks = 1; ranks <= 9; ++ranks) {
      std::size_t end = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Share share = share_of(count, rank, ranks);
        EXPECT_EQ(share.begin, end);
        end = share.end;
        EXPECT_LE(share.size(), largest_share(count, ranks));
        EXPECT_GE(share.size() + 1, largest_share(count, ranks));
      }
      EXPECT_EQ(end, count);
    }
  }
}

TEST(Ranks, OneAloneHasEverything) {
  const std::shared_ptr<const Ranks> ranks = one_rank();
  EXPECT_TRUE(ranks->is_first());
  EXPECT_EQ(ranks->size(), 1);
  EXPECT_EQ(ranks->gather("text"), std::vector<std::string>{"text"});
  double values[] = {1, 2};
  ranks->sum(values, 2);
  ranks->broadcast(values, sizeof(values), 0);
  ranks->begin_sum(values, 2)->wait();
  double all[2] = {};
  ranks->gather(values, 2, all);
  EXPECT_EQ(all[0], 1);
  EXPECT_EQ(all[1], 2);
}

// Ranks of which this process is the first, and whose others have these texts.
class Others : public testing::FirstRank {
 public:
  explicit Others(std::vector<std::string> texts)
      : FirstRank(1 + static_cast<int>(texts.size())), texts_(std::move(texts)) {}
  std::vector<std::string> gather(const std::string& text) const override {
    std::vector<std::string> all = {text};
    all.insert(all.end(), texts_.begin(), texts_.end());
    return all;
  }

 private:
  const std::vector<std::string> texts_;
};

TEST(Ranks, ThatDifferAreAnError) {
  EXPECT_NO_THROW(require_agreement(Others({"a", "a"}), {{"deck", "a"}}));
  try {
    require_agreement(Others({"a", "b"}), {{"deck", "a"}});
    FAIL();
  } catch (const RequestError& error) {
    EXPECT_STREQ(error.what(), "rank 2 has another deck than rank 0");
  }
}

}  // namespace
}  // namespace ridgeline::parallel
