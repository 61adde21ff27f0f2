#include "core/forecast/workload.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/data/dataset.h"
#include "core/data/sampler.h"
#include "core/error.h"
#include "core/random.h"
#include "core/run/steps.h"
#include "core/train/trainer.h"

namespace filigree::train {
namespace {

/// Share of the tokens that language modeling predicts.
double predicted_share(const data::Dataset& set) {
  if (!set.targets.empty())
    return static_cast<double>(std::ranges::count(set.targets, 1)) / static_cast<double>(set.tokens());
  if (set.model_task != Task::masked_lm || set.ids.empty()) return 0;
  const auto& special = set.masking.special_ids;
  const auto plain = std::count_if(set.ids.begin(), set.ids.end(),
                                   [&](int32_t id) { return !std::binary_search(special.begin(), special.end(), id); });
  return set.masking.probability * static_cast<double>(plain) / static_cast<double>(set.ids.size());
}

double tokens_of(const std::vector<int64_t>& samples, const std::vector<int64_t>& lengths) {
  return std::accumulate(samples.begin(), samples.end(), 0.0, [&](double sum, int64_t sample) {
    return sum + static_cast<double>(lengths[static_cast<size_t>(sample)]);
  });
}

/// The micro-batch with the most tokens among the shares of one batch.
MicroBatch largest_share(const std::vector<int64_t>& batch, const std::vector<int64_t>& lengths, int64_t data,
                         int64_t accumulate) {
  MicroBatch most;
  for (int64_t rank = 0; rank < data; ++rank) {
    for (const auto& samples :
         data::share(batch, lengths, static_cast<int>(rank), static_cast<int>(data), accumulate)) {
      const double tokens = tokens_of(samples, lengths);
      if (tokens > most.tokens) most = {static_cast<double>(samples.size()), tokens, 0};
    }
  }
  return most;
}

/// What rank 0 processes of a batch, in all its micro-batches.
MicroBatch share_of_rank_zero(const std::vector<int64_t>& batch, const std::vector<int64_t>& lengths, int64_t data,
                              int64_t accumulate) {
  MicroBatch own;
  if (data == 1) return {static_cast<double>(batch.size()), tokens_of(batch, lengths), 0};
  for (const auto& samples : data::share(batch, lengths, 0, static_cast<int>(data), accumulate)) {
    own.samples += static_cast<double>(samples.size());
    own.tokens += tokens_of(samples, lengths);
  }
  return own;
}

Workload from_lengths(const recipe::Recipe& recipe, size_t stage, int64_t data, const std::vector<int64_t>& lengths) {
  const recipe::TrainConfig& train = *recipe.stages[stage].train;
  const auto samples = static_cast<int64_t>(lengths.size());
  data::Sampler sampler(samples, train.batch_size, random::stream(static_cast<uint64_t>(recipe.seed), "order", stage));
  // The batches of a long stage are like those of its first epochs.
  constexpr int64_t kSamplesSeen = 20'000'000;
  const int64_t seen = std::max(sampler.batches_per_epoch(), kSamplesSeen / std::min(train.batch_size, kSamplesSeen));
  const int64_t steps = std::min(stage_steps(train, samples), seen);
  MicroBatch own;
  double most = -1;
  std::vector<int64_t> longest;
  for (int64_t step = 0; step < steps; ++step) {
    std::vector<int64_t> batch = sampler.batch(step);
    const double tokens = tokens_of(batch, lengths);
    const MicroBatch here = share_of_rank_zero(batch, lengths, data, train.gradient_accumulation);
    own.samples += here.samples;
    own.tokens += here.tokens;
    if (tokens > most) most = tokens, longest = std::move(batch);
  }
  const auto count = static_cast<double>(steps);
  return {{own.samples / count, own.tokens / count, 0},
          largest_share(longest, lengths, data, train.gradient_accumulation)};
}

Workload from_max_length(const recipe::Recipe& recipe, const recipe::TrainConfig& train, int64_t data) {
  const auto length = static_cast<double>(recipe.data.max_length);
  const double mean = static_cast<double>(train.batch_size) / static_cast<double>(data);
  const double most = std::ceil(mean / static_cast<double>(train.gradient_accumulation));
  return {{mean, mean * length, 0}, {most, most * length, 0}};
}

}  // namespace

std::optional<TrainingSet> read_training_set(const recipe::Recipe& recipe, const data::FormatRegistry& formats) {
  try {
    const auto task = data::resolve_task(recipe.data, recipe.model.task, formats);
    const auto tokenizer = data::load_tokenizer(recipe.model.path);
    const auto set = data::load_dataset(recipe.data, task, "train", *tokenizer, recipe.seed);
    return TrainingSet{set.lengths(), predicted_share(set), set.label_names};
  } catch (const DataError&) {
    return std::nullopt;
  }
}

Workload workload(const recipe::Recipe& recipe, size_t stage, int64_t data, const std::optional<TrainingSet>& set) {
  Workload work = set ? from_lengths(recipe, stage, data, set->lengths)
                      : from_max_length(recipe, *recipe.stages[stage].train, data);
  const Task task = recipe.model.task;
  if (!is_over_tokens(task)) return work;
  const double share = set ? set->predicted : task == Task::causal_lm ? 1.0 : recipe.data.mask_probability;
  work.mean.predicted = share * work.mean.tokens;
  // Predicted tokens are drawn at random: two standard deviations above the mean occur within a few dozen steps.
  const double mean = share * work.fullest.tokens;
  work.fullest.predicted = std::ceil(mean + 2 * std::sqrt(mean * (1 - share)));
  return work;
}

}  // namespace filigree::train
