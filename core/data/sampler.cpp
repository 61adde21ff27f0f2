#include "core/data/sampler.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/counted.h"
#include "core/error.h"
#include "core/random.h"

namespace filigree::data {

Sampler::Sampler(int64_t samples, int64_t batch_size, uint64_t seed)
    : samples_(samples), batch_size_(batch_size), seed_(seed) {
  if (samples < 1 || batch_size < 1)
    throw UsageError(fmt::format("cannot form a batch of {} from {}", batch_size, counted(samples, "sample")));
}

std::vector<int64_t> Sampler::batch(int64_t step) {
  FG_CHECK(step >= 0, "step {}", step);
  if (epoch(step) != drawn_epoch_) {
    drawn_epoch_ = epoch(step);
    order_ = random::permutation(random::stream(seed_, "data.order", drawn_epoch_), samples_);
  }
  const int64_t begin = step % batches_per_epoch() * batch_size_;
  const int64_t end = std::min(begin + batch_size_, samples_);
  return {order_.begin() + begin, order_.begin() + end};
}

std::vector<std::vector<int64_t>> share(const std::vector<int64_t>& samples, const std::vector<int64_t>& lengths,
                                        int rank, int ranks, int64_t micro_batches) {
  FG_CHECK(rank >= 0 && rank < ranks && micro_batches > 0, "rank {} of {}, {} micro-batches", rank, ranks,
           micro_batches);
  std::vector<int64_t> sorted = samples;
  auto length = [&](int64_t sample) { return lengths[static_cast<size_t>(sample)]; };
  std::sort(sorted.begin(), sorted.end(),
            [&](int64_t a, int64_t b) { return length(a) != length(b) ? length(a) > length(b) : a < b; });
  std::vector<std::vector<int64_t>> own(static_cast<size_t>(micro_batches));
  const int64_t slots = ranks * micro_batches;
  for (int64_t i = 0; i < static_cast<int64_t>(sorted.size()); ++i) {
    const int64_t round = i / slots, place = i % slots;
    const int64_t slot = round % 2 == 0 ? place : slots - 1 - place;
    if (slot % ranks == rank) own[static_cast<size_t>(slot / ranks)].push_back(sorted[static_cast<size_t>(i)]);
  }
  return own;
}

}  // namespace filigree::data
