#include "core/run/steps.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/counted.h"
#include "core/error.h"
#include "core/recipe/key_error.h"
#include "core/recipe/range.h"
#include "dist/factory.h"

namespace filigree::train {
namespace {

/// Steps of a stage that trains; nullopt if they are not known.
std::optional<int64_t> known_steps(const recipe::StageConfig& stage, std::optional<int64_t> samples) {
  if (!stage.train || (stage.train->max_steps == 0 && !samples)) return std::nullopt;
  return stage_steps(*stage.train, samples.value_or(0));
}

std::string no_such_rewind(const recipe::Recipe& recipe, size_t stage, const recipe::StageConfig& target,
                           int64_t steps) {
  return recipe::at_key(recipe, recipe::key_of_stage(recipe, stage) + ".rewind.step",
                        fmt::format("is {}, but stage {} has {}", recipe.stages[stage].rewind->step, target.name,
                                    counted(steps, "step")));
}

/// What a method has to object to the number of steps of its stage, a line each.
std::vector<std::string> faults_of_method(const recipe::Recipe& recipe, size_t stage, const adapt::Registry& methods,
                                          int64_t steps) {
  const auto single = dist::make_single();
  std::vector<std::string> lines;
  try {
    methods.make(*recipe.stages[stage].method)->gradient_batches({0, steps, true, *single, *single});
  } catch (const recipe::KeyError& error) {
    for (const recipe::KeyFault& fault : error.faults())
      lines.push_back(
          recipe::at_key(recipe, recipe::key_of_stage(recipe, stage) + ".method." + fault.key, fault.message));
  }
  return lines;
}

}  // namespace

int64_t stage_steps(const recipe::TrainConfig& config, int64_t samples) {
  if (config.max_steps > 0) return config.max_steps;
  const int64_t per_epoch = (samples - 1) / config.batch_size + 1;
  const double steps = std::ceil(config.epochs * static_cast<double>(per_epoch));
  return static_cast<int64_t>(std::clamp(steps, 1.0, recipe::kMostSteps));
}

int64_t warmup_steps(const recipe::TrainConfig& config, int64_t total) {
  const double steps = config.warmup < 1 ? std::ceil(config.warmup * static_cast<double>(total)) : config.warmup;
  return static_cast<int64_t>(std::min(steps, recipe::kMostSteps));
}

std::vector<std::string> warmup_warnings(const recipe::Recipe& recipe, std::optional<int64_t> samples, int64_t first) {
  std::vector<std::string> lines;
  for (size_t i = static_cast<size_t>(first); i < recipe.stages.size(); ++i) {
    const auto& train = recipe.stages[i].train;
    const auto total = known_steps(recipe.stages[i], samples);
    if (!total || train->warmup == 0) continue;
    const int64_t warmup = warmup_steps(*train, *total);
    if (warmup >= *total)
      lines.push_back(recipe::at_key(
          recipe, recipe::key_of_stage(recipe, i) + ".train.warmup",
          fmt::format("the warm-up has {} and the stage {}: the learning rate never reaches its peak of {}; set a "
                      "shorter warm-up",
                      counted(warmup, "step"), *total, train->lr)));
  }
  return lines;
}

void check_steps(const recipe::Recipe& recipe, const adapt::Registry& methods, std::optional<int64_t> samples) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    const recipe::StageConfig& stage = recipe.stages[i];
    if (const auto own = known_steps(stage, samples); own && stage.method)
      std::ranges::move(faults_of_method(recipe, i, methods, *own), std::back_inserter(lines));
    if (!stage.rewind) continue;
    const auto target = std::ranges::find(recipe.stages, stage.rewind->stage, &recipe::StageConfig::name);
    if (target == recipe.stages.end()) continue;
    const auto steps = known_steps(*target, samples);
    if (steps && stage.rewind->step > *steps) lines.push_back(no_such_rewind(recipe, i, *target, *steps));
  }
  if (!lines.empty()) throw UsageError(fmt::format("{}", fmt::join(lines, "\n")));
}

int64_t round_step(const recipe::PruneConfig& config, int64_t round, int64_t total_steps) {
  return round * (total_steps * 3 / 4) / std::max<int64_t>(1, config.steps);
}

int64_t scoring_batch_size(const recipe::Recipe& recipe, int64_t stage) {
  constexpr int64_t kWithoutTraining = 32;
  const auto begin = recipe.stages.begin(), here = begin + stage + 1;
  if (const int64_t given = recipe.stages.at(static_cast<size_t>(stage)).prune->batch_size; given > 0) return given;
  const auto trains = [](const recipe::StageConfig& other) { return other.train.has_value(); };
  const auto before = std::find_if(std::make_reverse_iterator(here), recipe.stages.rend(), trains);
  if (before != recipe.stages.rend()) return before->train->batch_size;
  const auto after = std::find_if(here, recipe.stages.end(), trains);
  return after == recipe.stages.end() ? kWithoutTraining : after->train->batch_size;
}

}  // namespace filigree::train
