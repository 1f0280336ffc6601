#include "network/schedule.hpp"

#include <algorithm>

#include "config/deck.hpp"

namespace ridgeline::network {

std::int64_t steps_per_epoch(const config::Deck& deck, std::size_t samples) {
  return (static_cast<std::int64_t>(samples) + deck.train.batch - 1) / deck.train.batch;
}

Schedule make_schedule(const config::Deck& deck, std::size_t samples) {
  Schedule schedule;
  const std::int64_t steps_an_epoch = steps_per_epoch(deck, samples);
  switch (deck.train.schedule.kind) {
    case config::ScheduleKind::constant:
      schedule.kind = Schedule::Kind::constant;
      break;
    case config::ScheduleKind::step:
      schedule.kind = Schedule::Kind::step;
      // A period longer than the run has the same effect as any longer one, whose steps might
      // overflow.
      schedule.drop_every = std::min(deck.train.schedule.every, deck.train.epochs + 1) *
                            std::max<std::int64_t>(1, steps_an_epoch);
      schedule.factor = deck.train.schedule.factor;
      break;
    case config::ScheduleKind::cosine:
      schedule.kind = Schedule::Kind::cosine;
      break;
  }
  schedule.learning_rate = deck.train.optimizer.learning_rate;
  schedule.final_rate = deck.train.schedule.final_rate;
  schedule.warmup_steps = deck.train.schedule.warmup_steps;
  schedule.total_steps = deck.train.epochs * steps_an_epoch;
  return schedule;
}

}  // namespace ridgeline::network
