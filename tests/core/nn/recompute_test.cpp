// Recomputation against the same part without it: value, gradients, what is kept in memory, and when the part runs.
//
// labels: unit
#include "core/nn/recompute.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/nn/linear.h"
#include "core/nn/ops/dropout.h"
#include "tests/support/compare.h"

namespace filigree::nn {
namespace {

using test::randn;
using Part = std::function<at::Tensor(const at::Tensor&)>;

constexpr int64_t kTokens = 6, kWidth = 5;

/// x + dropout(W2 tanh(W1 dropout(x))): two linears that are trained, two dropout sites, a residual. It notes the
/// storage of each activation inside.
class Block {
 public:
  Block() {
    for (const char* name : {"a", "b"}) {
      const ParameterPtr weight = table_.add(std::string(name) + ".weight", randn(name, {kWidth, kWidth}));
      const ParameterPtr bias = table_.add(std::string(name) + ".bias", randn(std::string(name) + "b", {kWidth}));
      for (const ParameterPtr& parameter : {weight, bias}) table_.set_role(*parameter, Role::trainable);
      linears_.push_back(std::make_unique<Linear>(name, weight, bias));
    }
    data::Batch batch;
    batch.samples = {3, 8};
    batch.offsets = {0, 4, kTokens};
    batch.ids = at::zeros({kTokens}, at::kLong);
    keys_ = ops::token_keys(batch, 1, 2);
  }

  at::Tensor operator()(const at::Tensor& x) {
    ++runs;
    builds_graph.push_back(at::GradMode::is_enabled());
    const at::Tensor masked = noted(ops::dropout(x, {keys_, 1, 0.4}));
    const at::Tensor hidden = noted(at::tanh(noted(linears_[0]->forward(masked))));
    return at::add(x, ops::dropout(noted(linears_[1]->forward(hidden)), {keys_, 2, 0.4}));
  }

  std::vector<at::Tensor> gradients() const {
    std::vector<at::Tensor> all;
    for (const ParameterPtr& parameter : table_) all.push_back(parameter->value().grad());
    return all;
  }
  int64_t kept() const {
    return std::count_if(inside_.begin(), inside_.end(), [](const auto& storage) { return !storage.expired(); });
  }

  int runs = 0;
  std::vector<bool> builds_graph;

 private:
  at::Tensor noted(const at::Tensor& activation) {
    inside_.push_back(activation.storage().getWeakStorageImpl());
    return activation;
  }

  ParameterTable table_;
  std::vector<std::unique_ptr<Linear>> linears_;
  at::Tensor keys_;
  std::vector<c10::weak_intrusive_ptr<c10::StorageImpl>> inside_;
};

at::Tensor run(Block& block, const at::Tensor& x, bool again) {
  const Part part = [&block](const at::Tensor& input) { return block(input); };
  return again ? recompute(part, x) : part(x);
}

at::Tensor input(bool requires_grad) { return randn("x", {kTokens, kWidth}).set_requires_grad(requires_grad); }
void backward(const at::Tensor& y) { at::sum(at::mul(y, randn("g", {kTokens, kWidth}))).backward(); }

TEST(Recompute, ValueAndGradientsAreThoseWithoutIt) {
  for (const bool x_has_gradient : {true, false}) {
    Block plain, saving;
    const at::Tensor x = input(x_has_gradient), same_x = input(x_has_gradient);
    const at::Tensor y = run(plain, x, false), same_y = run(saving, same_x, true);
    EXPECT_TRUE(at::equal(same_y, y));
    backward(y);
    backward(same_y);
    ASSERT_EQ(saving.gradients().size(), 4U);
    for (size_t i = 0; i < 4; ++i) {
      ASSERT_TRUE(saving.gradients()[i].defined()) << "x has a gradient: " << x_has_gradient;
      EXPECT_TRUE(at::equal(saving.gradients()[i], plain.gradients()[i])) << i;
      EXPECT_GT(test::largest_entry(plain.gradients()[i]), 0) << i;
    }
    ASSERT_EQ(same_x.grad().defined(), x_has_gradient);
    EXPECT_TRUE(!x_has_gradient || at::equal(same_x.grad(), x.grad()));
  }
}

TEST(Recompute, GradientsOfTwoPassesAddUp) {
  Block plain, saving;
  for (int pass = 0; pass < 2; ++pass) {
    backward(run(plain, input(true), false));
    backward(run(saving, input(true), true));
  }
  for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(at::equal(saving.gradients()[i], plain.gradients()[i])) << i;
}

TEST(Recompute, PartRunsAgainInTheBackwardPass) {
  Block block;
  const at::Tensor y = run(block, input(true), true);
  EXPECT_EQ(block.builds_graph, std::vector<bool>{false}) << "the forward pass saves nothing for a gradient";
  backward(y);
  EXPECT_EQ(block.builds_graph, (std::vector<bool>{false, true}));
  EXPECT_EQ(block.runs, 2);
}

TEST(Recompute, ActivationsInsideAreNotKept) {
  Block plain, saving;
  const at::Tensor y = run(plain, input(true), false), same_y = run(saving, input(true), true);
  EXPECT_GT(plain.kept(), 0) << "the control keeps its activations";
  EXPECT_EQ(saving.kept(), 0);
  backward(same_y);
  EXPECT_EQ(saving.kept(), 0) << "nothing of the second run is left either";
}

TEST(Recompute, PartLivesAsLongAsTheGraph) {
  std::weak_ptr<int> alive;
  at::Tensor y;
  {
    const auto token = std::make_shared<int>(1);
    alive = token;
    y = recompute([token](const at::Tensor& x) { return at::mul(x, 2 * *token); }, input(true));
  }
  EXPECT_FALSE(alive.expired());
  y = at::Tensor();
  EXPECT_TRUE(alive.expired());
}

}  // namespace
}  // namespace filigree::nn
