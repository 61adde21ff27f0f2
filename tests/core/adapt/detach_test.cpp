// What a method adds goes when another method follows: the table and the linears are as they were, so that a later stage may
// mask them or attach the method again.
//
// labels: unit
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "core/adapt/method.h"
#include "core/adapt/methods/child_tuning.h"
#include "core/adapt/methods/dps.h"
#include "core/adapt/methods/mixout.h"
#include "core/prune/unstructured.h"
#include "dist/factory.h"
#include "tests/support/toy_model.h"

namespace filigree::adapt {
namespace {

using test::ToyModel;

std::set<std::string> names_of(nn::Model& model) {
  std::set<std::string> names;
  for (const auto& parameter : model.parameters()) names.insert(parameter->name);
  return names;
}

recipe::MethodConfig config_of(const std::string& name) {
  if (name == "dps_mix") {
    auto options = std::make_shared<DpsOptions>();
    options->variant = DpsVariant::mix;
    return {"dps", options};
  }
  if (name == "child_tuning_d") {
    auto options = std::make_shared<ChildTuningOptions>();
    options->variant = ChildVariant::d;
    return {"child_tuning", options};
  }
  return {name, nullptr};
}

class Detach : public testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Method> attach() {
    auto method = builtin_methods().make(config_of(GetParam()));
    method->attach(model_, {5, *single_, *single_});
    return method;
  }

  std::unique_ptr<dist::Communicator> single_ = dist::make_single();
  ToyModel model_;
};

TEST_P(Detach, LeavesNothingOfTheMethod) {
  const std::set<std::string> before = names_of(model_);
  const auto method = attach();
  EXPECT_NE(names_of(model_), before);
  method->detach(model_);
  EXPECT_EQ(names_of(model_), before);
  for (nn::Linear* linear : model_.linears()) {
    EXPECT_EQ(linear->transform(), nullptr) << linear->name();
    prune::put_mask(model_, *linear, at::ones(linear->weight()->sizes(), at::kByte));
  }
}

TEST_P(Detach, TheMethodMayBeAttachedAgain) {
  attach()->detach(model_);
  EXPECT_NO_THROW(attach());
}

INSTANTIATE_TEST_SUITE_P(Methods, Detach,
                         testing::Values("mixout", "dps", "dps_mix", "child_tuning", "child_tuning_d"));

}  // namespace
}  // namespace filigree::adapt
