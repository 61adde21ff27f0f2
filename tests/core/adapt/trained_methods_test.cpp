// Methods in the trainer: it measures the norm for clipping after DPS has masked the gradients and before Child-Tuning does,
// and a penalty is counted once, whatever the number of ranks.
//
// labels: unit
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/adapt/methods/child_tuning.h"
#include "core/adapt/methods/dps.h"
#include "core/adapt/methods/masks/gates.h"
#include "core/adapt/methods/masks/movement.h"
#include "core/adapt/methods/masks/smp.h"
#include "core/checkpoint/store.h"
#include "core/train/trainer.h"
#include "dist/factory.h"
#include "tests/core/checkpoint/temp_dir.h"
#include "tests/core/train/toy_session.h"

namespace filigree::adapt {
namespace {

/// Norms of the mean gradient around the hooks of a step.
struct Norms {
  double summed = 0, after_backward = 0, before_update = 0;
};

/// A method that measures what its hooks do to the gradients.
class Measured final : public Method {
 public:
  explicit Measured(std::unique_ptr<Method> method) : method_(std::move(method)) {}
  void attach(nn::Model& model, const AttachContext& context) override { method_->attach(model, context); }
  int64_t gradient_batches(const Step& step) const override { return method_->gradient_batches(step); }
  void read_gradients(nn::Model& model, const Step& step, const nn::GradientBatches& batches) override {
    method_->read_gradients(model, step, batches);
  }
  void before_step(nn::Model& model, const Step& step) override { method_->before_step(model, step); }
  void after_backward(nn::Model& model, const Step& step) override {
    norms.push_back({.summed = norm(model, step)});
    method_->after_backward(model, step);
    norms.back().after_backward = norm(model, step);
  }
  void before_update(nn::Model& model, const Step& step) override {
    method_->before_update(model, step);
    norms.back().before_update = norm(model, step);
  }
  std::vector<nn::EntryMask> moving(nn::Model& model, const Step& step) const override {
    return method_->moving(model, step);
  }
  void refresh(nn::Model& model, const Step& step) override { method_->refresh(model, step); }
  std::string name() const override { return method_->name(); }

  std::vector<Norms> norms;

 private:
  static double norm(nn::Model& model, const Step& step) {
    double sum = 0;
    for (const nn::ParameterPtr& parameter : model.parameters().with_role(nn::Role::trainable))
      sum += parameter->value().grad().to(at::kDouble).square().sum().item<double>();
    return std::sqrt(sum) / step.losses;
  }
  std::unique_ptr<Method> method_;
};

struct Clipped {
  std::vector<Norms> norms;
  std::vector<double> reported;  ///< the norm by which the trainer clips
};

train::Session session_of(dist::Communicator& world, const std::string& dir) {
  constexpr int64_t kSamples = 10, kSteps = 4;
  train::Session session = test::toy_session(world, dir, kSamples);
  recipe::StageConfig stage;
  stage.name = "adapt";
  stage.train = recipe::TrainConfig{};
  stage.train->max_steps = kSteps;
  stage.train->batch_size = kSamples;
  stage.train->max_grad_norm = 0.1;
  session.recipe.stages = {stage};
  if (world.rank() == 0) session.store = std::make_unique<checkpoint::CheckpointStore>(session.run_dir, 3);
  session.log = std::make_unique<train::RunLog>(session.run_dir, world.rank() == 0);
  session.stop = std::make_unique<train::StopSignal>();
  return session;
}

/// Four steps; the result of rank 0.
Clipped train(const recipe::MethodConfig& config, int ranks = 1) {
  const test::TempDir dir;
  Clipped run;
  dist::run_threads(ranks, [&](dist::Communicator& world) {
    train::Session session = session_of(world, dir.path());
    auto method = std::make_unique<Measured>(builtin_methods().make(config));
    const Measured& measured = *method;
    method->attach(*session.model, {.seed = 3, .ranks = world, .tp = session.mesh->tp()});
    session.method = std::move(method);
    train::Trainer trainer(session, session.recipe.stages[0]);
    trainer.on_step = [&](const train::StepReport& report, double) {
      if (world.rank() == 0) run.reported.push_back(report.grad_norm);
    };
    trainer.train();
    if (world.rank() == 0) run.norms = measured.norms;
  });
  return run;
}

/// Periods of one step: the second and the fourth select.
TEST(ClipOrder, DpsMasksBeforeTheNorm) {
  const auto options = std::make_shared<DpsOptions>();
  options->update_ratio = 0.25;
  const Clipped run = train({"dps", options});
  ASSERT_EQ(run.norms.size(), 4U);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(run.reported[i], run.norms[i].after_backward, 1e-6 * run.norms[i].after_backward) << i;
    EXPECT_EQ(run.norms[i].after_backward < 0.9999 * run.norms[i].summed, i % 2 == 1) << i;
  }
}

TEST(ClipOrder, ChildTuningMasksAfterTheNorm) {
  const auto options = std::make_shared<ChildTuningOptions>();
  options->variant = ChildVariant::f;
  const Clipped run = train({"child_tuning", options});
  ASSERT_EQ(run.norms.size(), 4U);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(run.reported[i], run.norms[i].summed, 1e-6 * run.norms[i].summed) << i;
    EXPECT_GT(run.norms[i].before_update, 0) << i << ": it is called";
    EXPECT_GT(std::abs(run.norms[i].before_update - run.norms[i].summed), 1e-3 * run.norms[i].summed) << i;
  }
}

/// Each of 1, 2 and 3 data-parallel ranks has a share of the batch; the penalty is most of the gradient.
TEST(Penalties, AreCountedOnceOnAnyNumberOfRanks) {
  const auto smp = std::make_shared<SmpOptions>();
  smp->penalty = 4e4;
  const auto soft = std::make_shared<SoftMovementOptions>();
  soft->penalty = 4e4;
  const auto gates = std::make_shared<GatesOptions>();
  gates->penalty = 100;
  for (const recipe::MethodConfig& config :
       {recipe::MethodConfig{"smp", smp}, recipe::MethodConfig{"soft_movement", soft},
        recipe::MethodConfig{"gates", gates}}) {
    const Clipped one = train(config);
    ASSERT_EQ(one.norms.size(), 4U);
    EXPECT_GT(one.norms[3].after_backward, 3 * one.norms[3].summed) << config.name;
    for (const int ranks : {2, 3}) {
      const Clipped more = train(config, ranks);
      for (size_t i = 0; i < 4; ++i)
        EXPECT_NEAR(more.reported[i], one.reported[i], 1e-4 * one.reported[i])
            << config.name << ", step " << i << " on " << ranks << " ranks";
    }
  }
}

}  // namespace
}  // namespace filigree::adapt
