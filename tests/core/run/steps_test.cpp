// labels: unit
#include "core/run/steps.h"

#include <gtest/gtest.h>

#include "core/adapt/methods/dsee.h"
#include "core/error.h"

namespace filigree::train {
namespace {

recipe::StageConfig training(int64_t batch_size) {
  recipe::StageConfig stage;
  stage.train.emplace().batch_size = batch_size;
  return stage;
}

recipe::StageConfig pruning(int64_t batch_size = 0) {
  recipe::StageConfig stage;
  stage.prune.emplace().batch_size = batch_size;
  return stage;
}

int64_t batch_size_of(std::vector<recipe::StageConfig> stages, int64_t stage) {
  recipe::Recipe recipe;
  recipe.stages = std::move(stages);
  return scoring_batch_size(recipe, stage);
}

std::vector<std::string> warnings_of(double warmup, int64_t max_steps, double epochs, std::optional<int64_t> samples) {
  recipe::Recipe recipe;
  recipe::StageConfig stage = training(4);
  stage.name = "adapt";
  stage.train->warmup = warmup;
  stage.train->max_steps = max_steps;
  stage.train->epochs = epochs;
  recipe.stages = {stage};
  return warmup_warnings(recipe, samples);
}

TEST(Warmup, AsLongAsItsStageIsAWarning) {
  EXPECT_EQ(warnings_of(5, 5, 0, {}),
            std::vector<std::string>{"stages.adapt.train.warmup: the warm-up has 5 steps and the stage 5: the learning "
                                     "rate never reaches its peak of 0.001; set a shorter warm-up"});
  EXPECT_EQ(warnings_of(100, 5, 0, {}).size(), 1u);
  EXPECT_EQ(warnings_of(4, 5, 0, {}).size(), 0u) << "the fifth step has the peak";
  EXPECT_EQ(warnings_of(0.9, 5, 0, {}).size(), 1u) << "rounded up to 5";
  EXPECT_EQ(warnings_of(0.1, 5, 0, {}).size(), 0u);
  EXPECT_EQ(warnings_of(0, 1, 0, {}).size(), 0u);
}

TEST(Warmup, OfEpochsNeedsTheTrainingSet) {
  EXPECT_EQ(warnings_of(20, 0, 2, {}).size(), 0u);
  EXPECT_EQ(warnings_of(20, 0, 2, 40).size(), 1u) << "2 epochs of 10 steps";
  EXPECT_EQ(warnings_of(19, 0, 2, 40).size(), 0u);
}

TEST(Warmup, StagesThatAreDoneAreLeftOut) {
  recipe::Recipe recipe;
  recipe.stages = {training(4), training(4)};
  for (auto& stage : recipe.stages) stage.train->max_steps = stage.train->warmup = 3;
  EXPECT_EQ(warmup_warnings(recipe, {}).size(), 2u);
  EXPECT_EQ(warmup_warnings(recipe, {}, 1).size(), 1u);
  EXPECT_EQ(warmup_warnings(recipe, {}, 2).size(), 0u);
}

/// What is wrong with a dsee that chooses its positions after `warmup` steps; "": nothing.
std::string fault_of(int64_t warmup, int64_t max_steps, double epochs, std::optional<int64_t> samples,
                     adapt::SupportKind support = adapt::SupportKind::gradient) {
  recipe::Recipe recipe;
  recipe::StageConfig stage = training(4);
  stage.name = "adapt";
  stage.train->max_steps = max_steps;
  stage.train->epochs = epochs;
  auto options = std::make_shared<adapt::DseeOptions>();
  options->support = support;
  options->support_warmup = warmup;
  stage.method = {"dsee", options};
  recipe.stages = {stage};
  try {
    check_steps(recipe, adapt::builtin_methods(), samples);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(SupportWarmup, AsLongAsItsStageIsAnError) {
  EXPECT_EQ(
      fault_of(5, 5, 0, {}),
      "stages.adapt.method.support_warmup: is 5, but the stage has 5 steps, so that the positions of S2 are never "
      "chosen; set it to at most 4");
  EXPECT_NE(fault_of(60, 5, 0, {}), "");
  EXPECT_EQ(fault_of(4, 5, 0, {}), "") << "chosen before the fifth step";
  EXPECT_EQ(fault_of(5, 5, 0, {}, adapt::SupportKind::random), "");
}

TEST(SupportWarmup, OfEpochsNeedsTheTrainingSet) {
  EXPECT_EQ(fault_of(20, 0, 2, {}), "");
  EXPECT_NE(fault_of(20, 0, 2, 40), "") << "2 epochs of 10 steps";
  EXPECT_EQ(fault_of(19, 0, 2, 40), "");
}

TEST(ScoringBatchSize, IsTheAdaptedStagesUnlessItIsGiven) {
  EXPECT_EQ(batch_size_of({training(8), pruning(), training(16)}, 1), 8);
  EXPECT_EQ(batch_size_of({training(8), training(12), pruning(), training(16)}, 2), 12);
  EXPECT_EQ(batch_size_of({training(8), pruning(5), training(16)}, 1), 5);
}

TEST(ScoringBatchSize, IsThatOfTheStageItself) {
  recipe::StageConfig gradual = pruning();
  gradual.train = training(24).train;
  EXPECT_EQ(batch_size_of({training(8), gradual, training(16)}, 1), 24);
}

TEST(ScoringBatchSize, IsThatOfTheNextStageBeforeAnyTraining) {
  EXPECT_EQ(batch_size_of({pruning(), training(16), training(8)}, 0), 16);
  EXPECT_EQ(batch_size_of({pruning()}, 0), 32);
}

TEST(StageSteps, AreEpochsOfTheTrainingSetOrGiven) {
  recipe::TrainConfig config;
  config.batch_size = 8;
  config.epochs = 2;
  EXPECT_EQ(stage_steps(config, 17), 6);
  config.epochs = 0.01;
  EXPECT_EQ(stage_steps(config, 17), 1) << "at least one";
  config.epochs = 0;
  config.max_steps = 4;
  EXPECT_EQ(stage_steps(config, 17), 4);
}

TEST(RoundStep, SpreadsTheRoundsOverThreeQuarters) {
  recipe::PruneConfig config;
  config.steps = 3;
  EXPECT_EQ(round_step(config, 0, 40), 0);
  EXPECT_EQ(round_step(config, 1, 40), 10);
  EXPECT_EQ(round_step(config, 2, 40), 20);
}

}  // namespace
}  // namespace filigree::train
