// labels: unit
#include "core/run/steps.h"

#include <gtest/gtest.h>

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
