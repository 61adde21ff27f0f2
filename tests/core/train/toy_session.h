#pragma once
// A session of the toy model and its samples over the given ranks, without recipe file, tokenizer and model directory.
// Its log, its lock and what a test writes for it lie in `run_dir`.
#include <memory>
#include <string>

#include "core/run/session.h"
#include "dist/communicator.h"
#include "tests/support/toy_dataset.h"
#include "tests/support/toy_model.h"

namespace filigree::test {

/// A method that trains all parameters; it only notes when its hooks are called.
class TrainAll final : public adapt::Method {
 public:
  void attach(nn::Model& model, const adapt::AttachContext&) override { train(model); }
  void before_step(nn::Model&, const adapt::Step& at) override { note("before", at); }
  void after_backward(nn::Model&, const adapt::Step& at) override { note("after", at); }
  int64_t gradient_batches(const adapt::Step& at) const override { return at.step == 1 ? 2 : 0; }
  void read_gradients(nn::Model&, const adapt::Step& at, const nn::GradientBatches& data) override {
    note(fmt::format("{} batches", data.batches), at);
  }
  std::string name() const override { return "all"; }

  static void train(nn::Model& model) {
    for (const nn::ParameterPtr& parameter : model.parameters())
      model.parameters().set_role(*parameter, nn::Role::trainable);
  }

  std::vector<std::string> calls;

 private:
  void note(const std::string& hook, const adapt::Step& at) {
    calls.push_back(fmt::format("{} {} of {}", hook, at.step, at.steps));
  }
};

/// All ranks are data-parallel. Collective.
inline train::Session toy_session(dist::Communicator& ranks, const std::string& run_dir, int64_t samples) {
  train::Session session;
  session.mesh = std::make_shared<dist::Mesh>(ranks.split(0, ranks.rank(), "world"), 1);
  session.model = std::make_unique<ToyModel>();
  session.train_data = toy_dataset(samples);
  session.run_dir = run_dir;
  return session;
}

}  // namespace filigree::test
