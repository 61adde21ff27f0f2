// The loss of distillation against its formula, and logits of the teacher that cannot be used.
//
// labels: unit
#include "core/train/distill.h"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/files/hash.h"
#include "core/safetensors/safetensors.h"
#include "dist/factory.h"
#include "tests/core/checkpoint/temp_dir.h"
#include "tests/core/train/toy_session.h"
#include "tests/support/compare.h"

namespace filigree::train {
namespace {

using test::max_difference;
using test::randn;

constexpr int64_t kSamples = 6, kLabels = 3;
constexpr double kTaskLoss = 7;
const std::vector<int64_t> kBatch{4, 0, 5};  // the samples of the batch

/// Toy models of other tasks.
class Regression final : public test::ToyModel {
 public:
  Regression() : ToyModel({.labels = 1}) {}
  Task task() const override { return Task::regression; }
};
class LanguageModel final : public test::ToyModel {
 public:
  Task task() const override { return Task::causal_lm; }
};

/// A session whose state names the file with the teacher's logits, which rank 0 writes.
Session session_with(dist::Communicator& world, const std::string& run_dir, const at::Tensor& teacher) {
  Session session = test::toy_session(world, run_dir, kSamples);
  session.recipe.stages.resize(1);
  session.recipe.stages[0].name = "prune";
  session.state.teacher = Teacher{0, "teacher.safetensors", ""};
  if (world.rank() == 0) {
    const std::string path = teacher_file(run_dir, *session.state.teacher);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    checkpoint::write_safetensors(path, {{"logits", teacher}});
    session.state.teacher->xxh3 = files::hash_file(path).xxh3;
  }
  return session;
}

recipe::DistillConfig config_of(double weight, double temperature) {
  recipe::DistillConfig config;
  config.weight = weight;
  config.temperature = temperature;
  return config;
}

struct Loss {
  double value = 0;
  at::Tensor gradient;  ///< of the student's logits
};

Loss loss_of(const Distiller& distiller, const at::Tensor& logits) {
  nn::Output output;
  output.logits = logits.clone().set_requires_grad(true);
  output.loss_sum = at::full({}, kTaskLoss, at::kFloat);
  data::Batch batch;
  batch.samples = kBatch;
  const at::Tensor loss = distiller.loss_sum(output, batch);
  if (loss.requires_grad()) loss.backward();
  return {loss.item<double>(), output.logits.grad()};
}

std::vector<double> softmax(const at::Tensor& logits, double temperature) {
  std::vector<double> p;
  double sum = 0;
  for (int64_t c = 0; c < logits.numel(); ++c) sum += std::exp(logits[c].item<double>() / temperature);
  for (int64_t c = 0; c < logits.numel(); ++c) p.push_back(std::exp(logits[c].item<double>() / temperature) / sum);
  return p;
}

/// (1 - w) task + w T^2 sum_b sum_c p log(p / q), p = softmax(teacher / T), q = softmax(student / T).
/// Its gradient by the student's logits is w T (q - p).
Loss written_out(const at::Tensor& teacher, const at::Tensor& student, double w, double t) {
  Loss loss{(1 - w) * kTaskLoss, at::zeros({student.size(0), kLabels}, at::kDouble)};
  for (int64_t b = 0; b < student.size(0); ++b) {
    const auto p = softmax(teacher[kBatch[static_cast<size_t>(b)]], t), q = softmax(student[b], t);
    for (size_t c = 0; c < p.size(); ++c) {
      loss.value += w * t * t * p[c] * std::log(p[c] / q[c]);
      loss.gradient[b][static_cast<int64_t>(c)].fill_(w * t * (q[c] - p[c]));
    }
  }
  return loss;
}

TEST(Distiller, LossIsTheFormulaWithItsWeightAndTemperature) {
  const test::TempDir dir;
  const auto world = dist::make_single();
  const at::Tensor teacher = randn("teacher", {kSamples, kLabels}), student = randn("student", {3, kLabels});
  Session session = session_with(*world, dir.path(), teacher);
  for (const auto& [weight, temperature] : {std::pair{0.5, 2.0}, {1.0, 1.0}, {0.3, 4.0}, {0.0, 2.0}}) {
    const Distiller distiller(session, config_of(weight, temperature));
    const Loss loss = loss_of(distiller, student), expected = written_out(teacher, student, weight, temperature);
    EXPECT_NEAR(loss.value, expected.value, 1e-4) << weight << ", " << temperature;
    EXPECT_LE(max_difference(loss.gradient, expected.gradient), 1e-5) << weight << ", " << temperature;
  }
}

TEST(Distiller, AStudentLikeTheTeacherHasOnlyTheTasksLoss) {
  const test::TempDir dir;
  const auto world = dist::make_single();
  const at::Tensor teacher = randn("teacher", {kSamples, kLabels});
  Session session = session_with(*world, dir.path(), teacher);
  const at::Tensor same = at::zeros({3, kLabels}, at::kFloat);
  for (size_t b = 0; b < kBatch.size(); ++b) same[static_cast<int64_t>(b)].copy_(teacher[kBatch[b]]);
  const Loss loss = loss_of(Distiller(session, config_of(0.25, 2)), same);
  EXPECT_NEAR(loss.value, 0.75 * kTaskLoss, 1e-6);
  EXPECT_LE(test::largest_entry(loss.gradient), 1e-6);
}

/// (1 - w) task + w sum_b (teacher - student)^2; the temperature has no effect.
TEST(Distiller, RegressionLearnsFromSquaredErrors) {
  const test::TempDir dir;
  const auto world = dist::make_single();
  const at::Tensor teacher = randn("teacher", {kSamples, 1}), student = randn("student", {3, 1});
  Session session = session_with(*world, dir.path(), teacher);
  session.model = std::make_unique<Regression>();
  double expected = 0.4 * kTaskLoss;
  const at::Tensor gradient = at::zeros({3, 1}, at::kDouble);
  for (int64_t b = 0; b < 3; ++b) {
    const double error = student[b][0].item<double>() - teacher[kBatch[static_cast<size_t>(b)]][0].item<double>();
    expected += 0.6 * error * error;
    gradient[b][0].fill_(0.6 * 2 * error);
  }
  for (const double temperature : {1.0, 3.0}) {
    const Loss loss = loss_of(Distiller(session, config_of(0.6, temperature)), student);
    EXPECT_NEAR(loss.value, expected, 1e-4);
    EXPECT_LE(max_difference(loss.gradient, gradient), 1e-5);
  }
}

/// Only rank 0 sees the file; the others receive its logits.
TEST(Distiller, RankZeroReadsForAllRanks) {
  const test::TempDir dir;
  const at::Tensor teacher = randn("teacher", {kSamples, kLabels}), student = randn("student", {3, kLabels});
  dist::run_threads(3, [&](dist::Communicator& world) {
    Session session = session_with(world, world.rank() == 0 ? dir.path() : "/nonexistent", teacher);
    const Loss loss = loss_of(Distiller(session, config_of(0.5, 2)), student);
    EXPECT_NEAR(loss.value, written_out(teacher, student, 0.5, 2).value, 1e-4) << world.rank();
  });
}

TEST(Distiller, RefusesLogitsThatDoNotFit) {
  const test::TempDir dir;
  const auto world = dist::make_single();
  const auto refusal = [](Session& session) -> std::string {
    try {
      const Distiller distiller(session, {});
    } catch (const DataError& error) {
      return error.what();
    }
    return "no DataError";
  };
  const auto expect = [&](Session& session, const std::string& part) {
    const std::string message = refusal(session);
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_NE(message.find("--resume"), std::string::npos) << "no remedy: " << message;
  };
  Session narrow = session_with(*world, dir.path(), at::zeros({kSamples, 2}, at::kFloat));
  expect(narrow, "have shape 6x2");
  Session doubles = session_with(*world, dir.path(), at::zeros({kSamples, kLabels}, at::kDouble));
  expect(doubles, "Double");
  Session damaged = session_with(*world, dir.path(), at::zeros({kSamples, kLabels}, at::kFloat));
  const std::string path = teacher_file(dir.path(), *damaged.state.teacher);
  std::ofstream(path, std::ios::binary | std::ios::app) << "x";
  expect(damaged, "damaged");
  std::filesystem::remove(path);
  expect(damaged, "are missing");
  damaged.state.teacher.reset();
  expect(damaged, "names no logits");
}

TEST(Distiller, RefusesLanguageModels) {
  const test::TempDir dir;
  const auto world = dist::make_single();
  Session session = session_with(*world, dir.path(), at::zeros({kSamples, kLabels}, at::kFloat));
  session.model = std::make_unique<LanguageModel>();
  EXPECT_THROW(Distiller(session, config_of(0.5, 2)), UsageError);
}

}  // namespace
}  // namespace filigree::train
