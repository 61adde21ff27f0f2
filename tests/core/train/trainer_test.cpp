// A training step against AdamW on the mean gradient, written out: clipping, counters, schedule, and the same step on
// any number of ranks and micro-batches.
//
// labels: unit
#include "core/train/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/checkpoint/store.h"
#include "core/error.h"
#include "core/log/records.h"
#include "core/run/state/saved_state.h"
#include "core/train/evaluate.h"
#include "dist/factory.h"
#include "tests/core/checkpoint/temp_dir.h"
#include "tests/core/train/toy_session.h"
#include "tests/support/compare.h"

namespace filigree::train {
namespace {

using test::max_difference;
using test::ToyModel;
using test::TrainAll;

constexpr int64_t kSamples = 10;

/// One step over all samples. A large eps: with a small one, the first step of AdamW hardly depends on the gradient's
/// scale, and so not on the clipping.
recipe::TrainConfig one_step() {
  recipe::TrainConfig config;
  config.max_steps = 1;
  config.batch_size = kSamples;
  config.lr = 0.05;
  config.eps = 0.01;
  config.weight_decay = 0.1;
  config.schedule = recipe::LrSchedule::constant;
  config.max_grad_norm = 0.1;
  return config;
}

using Values = std::map<std::string, at::Tensor>;
Values values_of(nn::Model& model) {
  Values values;
  for (const nn::ParameterPtr& parameter : model.parameters())
    values[parameter->name] = parameter->value().detach().to(at::kDouble, /*non_blocking=*/false, /*copy=*/true);
  return values;
}

void prepare(Session& session, const recipe::TrainConfig& config) {
  recipe::StageConfig stage;
  stage.name = "adapt";
  stage.train = config;
  session.recipe.stages = {stage};
  session.method = std::make_unique<TrainAll>();
  TrainAll::train(*session.model);
  if (session.is_rank_zero()) session.store = std::make_unique<checkpoint::CheckpointStore>(session.run_dir, 3);
  session.log = std::make_unique<RunLog>(session.run_dir, session.is_rank_zero());
  session.stop = std::make_unique<StopSignal>();
}

struct Trained {
  Values values;
  std::vector<StepReport> reports;
};

/// The result of rank 0; the others must have the same reports.
Trained train(int ranks, const recipe::TrainConfig& config) {
  const test::TempDir dir;
  std::vector<Trained> results(static_cast<size_t>(ranks));
  dist::run_threads(ranks, [&](dist::Communicator& world) {
    Session session = test::toy_session(world, dir.path(), kSamples);
    prepare(session, config);
    Trained& result = results[static_cast<size_t>(world.rank())];
    Trainer trainer(session, session.recipe.stages[0]);
    trainer.on_step = [&](const StepReport& report, double) { result.reports.push_back(report); };
    EXPECT_EQ(trainer.train(), Outcome::finished);
    EXPECT_EQ(session.state.global_step, config.max_steps);
    result.values = values_of(*session.model);
  });
  for (const Trained& other : results) {
    EXPECT_EQ(other.reports.size(), results[0].reports.size());
    for (size_t i = 0; i < other.reports.size(); ++i) EXPECT_EQ(other.reports[i].loss, results[0].reports[i].loss);
    for (const auto& [name, value] : other.values) EXPECT_TRUE(value.equal(results[0].values.at(name))) << name;
  }
  return results[0];
}

/// The step, written out: g = gradient of the mean loss, times min(1, limit / (norm + 1e-6)). In the first step of
/// AdamW the corrected moments are g and g^2:  p <- p (1 - lr wd) - lr g / (|g| + eps); only matrices decay.
struct Reference {
  double loss = 0, norm = 0;
  Values values;

  explicit Reference(const recipe::TrainConfig& config) {
    ToyModel model;
    TrainAll::train(model);
    const at::Tensor sum = model.forward(test::toy_batch(test::all_samples(kSamples)), {}).loss_sum;
    sum.backward();
    loss = sum.item<double>() / kSamples;
    Values gradients;
    for (const nn::ParameterPtr& parameter : model.parameters()) {
      gradients[parameter->name] = parameter->value().grad().to(at::kDouble).div(kSamples);
      norm += gradients[parameter->name].square().sum().item<double>();
    }
    norm = std::sqrt(norm);
    const double limit = config.max_grad_norm, clip = limit > 0 ? std::min(1.0, limit / (norm + 1e-6)) : 1.0;
    values = values_of(model);
    for (auto& [name, value] : values) {
      const at::Tensor g = gradients[name].mul(clip);
      if (value.dim() >= 2) value.mul_(1 - config.lr * config.weight_decay);
      value.sub_(g.div(g.abs().add(config.eps)).mul(config.lr));
    }
  }
};

TEST(TrainerStep, IsAdamWOnTheClippedMeanGradient) {
  for (const double limit : {0.1, 0.0, 1e6}) {
    recipe::TrainConfig config = one_step();
    config.max_grad_norm = limit;
    const Reference expected(config);
    ASSERT_GT(expected.norm, 0.2) << "the limit of 0.1 must have an effect";
    const Trained trained = train(1, config);
    for (const auto& [name, value] : trained.values)
      EXPECT_LE(max_difference(value, expected.values.at(name)), 1e-4) << name << ", limit " << limit;
    ASSERT_EQ(trained.reports.size(), 1U);
    EXPECT_NEAR(trained.reports[0].loss, expected.loss, 1e-5 * expected.loss);
    EXPECT_NEAR(trained.reports[0].grad_norm, expected.norm, 1e-4 * expected.norm) << "before clipping";
    EXPECT_EQ(trained.reports[0].lr, 0.05);
  }
}

/// The batches of 4, 4 and 2 samples are divided over ranks and micro-batches, some of which get none.
TEST(TrainerStep, DoesNotDependOnRanksAndMicroBatches) {
  recipe::TrainConfig config = one_step();
  config.max_steps = 3;
  config.batch_size = 4;
  config.eps = 0.1;  // damps differences of rounding in small gradients
  const Trained alone = train(1, config);
  ASSERT_EQ(alone.reports.size(), 3U);
  const std::vector<int64_t> samples{4, 4, 2};
  int64_t tokens = 0;
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(alone.reports[i].samples, samples[i]);
    EXPECT_EQ(alone.reports[i].num_targets, samples[i]) << "one loss per sample";
    tokens += alone.reports[i].tokens;
  }
  EXPECT_EQ(tokens, test::toy_dataset(kSamples).tokens()) << "an epoch has every token once";
  for (const auto& [ranks, micro_batches] : {std::pair{1, 3}, {2, 1}, {3, 2}, {4, 1}}) {
    config.gradient_accumulation = micro_batches;
    const Trained trained = train(ranks, config);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(trained.reports[i].loss, alone.reports[i].loss, 1e-4) << ranks << " x " << micro_batches;
      EXPECT_NEAR(trained.reports[i].grad_norm, alone.reports[i].grad_norm, 1e-3 * alone.reports[i].grad_norm);
      EXPECT_EQ(trained.reports[i].samples, alone.reports[i].samples);
      EXPECT_EQ(trained.reports[i].num_targets, alone.reports[i].num_targets);
      EXPECT_EQ(trained.reports[i].tokens, alone.reports[i].tokens);
    }
    for (const auto& [name, value] : trained.values)
      EXPECT_LE(max_difference(value, alone.values.at(name)), 1e-4) << name << ", " << ranks << " x " << micro_batches;
  }
}

std::vector<double> rates(double warmup) {
  recipe::TrainConfig config = one_step();
  config.max_steps = 4;
  config.schedule = recipe::LrSchedule::linear;
  config.lr = 0.0625;  // a power of two: the factors are exact
  config.warmup = warmup;
  std::vector<double> all;
  for (const StepReport& report : train(1, config).reports) all.push_back(report.lr / config.lr);
  return all;
}

/// A warm-up below 1 is a fraction of the steps, rounded up; else it is a number of steps.
TEST(TrainerStep, FollowsTheScheduleAfterItsWarmUp) {
  EXPECT_EQ(rates(0), (std::vector<double>{1, 0.75, 0.5, 0.25}));
  EXPECT_EQ(rates(0.5), (std::vector<double>{0, 0.5, 1, 0.5}));
  EXPECT_EQ(rates(0.3), rates(2)) << "0.3 of 4 steps are 2";
}

TEST(TrainerStep, CallsTheHooksOfItsMethodInOrder) {
  const test::TempDir dir;
  dist::run_threads(1, [&](dist::Communicator& world) {
    Session session = test::toy_session(world, dir.path(), kSamples);
    recipe::TrainConfig config = one_step();
    config.max_steps = 2;
    prepare(session, config);
    Trainer(session, session.recipe.stages[0]).train();
    EXPECT_EQ(dynamic_cast<TrainAll&>(*session.method).calls,
              (std::vector<std::string>{"before 0 of 2", "after 0 of 2", "2 batches 1 of 2", "before 1 of 2",
                                        "after 1 of 2"}));
    EXPECT_EQ(session.state.touched.size(), session.model->parameters().size()) << "all of them were trained";
  });
}

/// The error comes before the update, names the step and the places of the samples, and is a record of the run.
TEST(TrainerStep, RefusesALossThatIsNotFinite) {
  const test::TempDir dir;
  dist::run_threads(2, [&](dist::Communicator& world) {
    Session session = test::toy_session(world, dir.path(), kSamples);
    prepare(session, one_step());
    session.train_data.files = {"a.tsv", "b.tsv"};
    session.train_data.file.clear();
    session.train_data.lines.clear();
    for (int64_t i = 0; i < kSamples; ++i) {
      session.train_data.file.push_back(i < 8 ? 0 : 1);
      session.train_data.lines.push_back(2 + i);
    }
    session.model->parameters().at("classifier.bias").value().detach()[0] = std::numeric_limits<float>::quiet_NaN();
    Trainer trainer(session, session.recipe.stages[0]);
    const Values before = values_of(*session.model);
    try {
      trainer.train();
      ADD_FAILURE() << "a loss of NaN";
    } catch (const DataError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find("stage adapt: the loss became"), std::string::npos) << message;
      EXPECT_NE(message.find("nan at step 1 "), std::string::npos) << message;
      EXPECT_NE(message.find(": a.tsv:2, 3, 4, 5, 6, 7, 8, 9, b.tsv:10, 11. Lower"), std::string::npos) << message;
    }
    if (world.rank() == 0) {
      const auto records = read_records(dir / "metrics.jsonl").records;
      ASSERT_EQ(records.size(), 1u);
      const auto& record = std::get<TrainRecord>(records[0]);
      EXPECT_EQ(record.not_finite, "loss");
      EXPECT_EQ(record.step, 1);
      EXPECT_FALSE(record.loss || record.lr);
    }
    for (const auto& [name, value] : values_of(*session.model))
      EXPECT_TRUE(name == "classifier.bias" || value.equal(before.at(name))) << name;
  });
}

/// Samples with token 19 have no finite loss; those of the training set do not have it.
void make_token_19_infinite(Session& session) {
  std::ranges::replace(session.train_data.ids, 19, 18);
  session.model->parameters().at("bert.embeddings.word_embeddings.weight").value().detach()[19] =
      std::numeric_limits<float>::infinity();
}

/// A dev sample that the model cannot compute does not cost the training: the last step is in a checkpoint, and the
/// resumed stage begins with the evaluation. A model that diverged is not kept.
TEST(TrainerEvaluation, AFailureKeepsTheTrainingAndIsRepeated) {
  const test::TempDir dir;
  dist::run_threads(2, [&](dist::Communicator& world) {
    Session session = test::toy_session(world, dir.path(), kSamples);
    prepare(session, one_step());
    make_token_19_infinite(session);
    data::Dataset dev = session.train_data;
    session.eval_data = {dev};
    session.eval_data[0].ids[0] = 19;
    EXPECT_THROW(Trainer(session, session.recipe.stages[0]).train(), DataError);
    EXPECT_TRUE(session.state.evaluation_due);
    EXPECT_TRUE(run_state_from(to_json(session.state), "x").evaluation_due);
    if (world.rank() == 0) {
      const auto newest = session.store->newest_whole();
      ASSERT_TRUE(newest.has_value());
      const auto records = read_records(dir / "metrics.jsonl").records;
      const auto& failed = std::get<EvalRecord>(records.back());
      EXPECT_EQ(failed.split, session.eval_data[0].split);
      EXPECT_TRUE(failed.values.empty()) << "its loss is null";
      EXPECT_EQ(saved_state(checkpoint::load(*newest)).metrics_lines, session.log->lines() - 1)
          << "a run that resumes there cuts the line of the failed evaluation off";
    }
    const int64_t lines = session.log->lines();
    session.eval_data[0] = dev;
    Trainer again(session, session.recipe.stages[0]);
    again.on_step = [](const StepReport&, double) { ADD_FAILURE() << "the step was done"; };
    EXPECT_EQ(again.train(), Outcome::finished);
    EXPECT_FALSE(session.state.evaluation_due);
    EXPECT_TRUE(session.state.best.has_value());
    if (world.rank() == 0) {
      EXPECT_EQ(session.log->lines(), lines + 1) << "the evaluation";
    }
  });
}

TEST(TrainerEvaluation, ADivergedModelIsNotKept) {
  const test::TempDir dir;
  dist::run_threads(1, [&](dist::Communicator& world) {
    Session session = test::toy_session(world, dir.path(), kSamples);
    prepare(session, one_step());
    make_token_19_infinite(session);
    session.eval_data = {session.train_data};
    std::ranges::fill(session.eval_data[0].ids, 19);
    try {
      Trainer(session, session.recipe.stages[0]).train();
      ADD_FAILURE() << "an infinite loss";
    } catch (const DivergedError& error) {
      const std::string message = error.what();
      EXPECT_NE(
          message.find("stage adapt: the loss on 'dev' is not finite in any of 10 samples (the first: toy.tsv:2)"),
          std::string::npos)
          << message;
      EXPECT_NE(
          message.find("after step 1 (the last checkpoint is untouched). Samples of that step's batch: toy.tsv:2, 3, "
                       "4, 5, 6, 7, 8, 9, 10, 11. Lower"),
          std::string::npos)
          << message;
    }
    EXPECT_FALSE(session.state.evaluation_due);
    EXPECT_FALSE(session.store->newest_whole().has_value());
  });
}

}  // namespace
}  // namespace filigree::train
