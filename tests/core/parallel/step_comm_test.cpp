// The bytes that step_comm counts from the roles of the parameters are those that a pass of the model sends; the bytes of
// full fine-tuning do not depend on what is trained.
//
// labels: unit
#include "core/parallel/step_comm.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/parallel/parallelize.h"
#include "dist/factory.h"
#include "tests/support/toy_model.h"

namespace filigree::train {
namespace {

using test::toy_batch;
using test::ToyModel;

using Train = std::function<void(ToyModel&)>;

void train(ToyModel& model, const std::function<bool(const std::string&)>& wanted) {
  for (const nn::ParameterPtr& parameter : model.parameters())
    if (wanted(parameter->name)) model.parameters().set_role(*parameter, nn::Role::trainable);
}

void adapt(ToyModel& model, size_t layer) {
  nn::Linear& value = model.linear(layer, ToyModel::value);
  value.set_adapter(std::make_shared<test::DenseAdapter>(model, value, 3));
}

const std::map<std::string, Train>& methods() {
  static const std::map<std::string, Train> all = {
      {"full", [](ToyModel& model) { train(model, [](const std::string&) { return true; }); }},
      {"biases", [](ToyModel& model) { train(model, [](const std::string& name) { return name.ends_with("bias"); }); }},
      {"head", [](ToyModel& model) { train(model, [](const auto& name) { return name.starts_with("classifier"); }); }},
      {"last FFN", [](ToyModel& model) {
         train(model, [](const auto& name) { return name.find("layer.1.output.dense.weight") != std::string::npos; });
       }}};
  return all;
}

/// The activations that a pass over a batch sums over the tensor-parallel ranks.
CommBytes measured(const Train& roles, const data::Batch& batch, dist::Communicator& tp) {
  ToyModel model;
  shard_model(model, tp.rank(), tp.size());
  install_tp_hooks(model, tp);
  roles(model);
  model.forward(batch, {}).loss_sum.backward();
  CommBytes sent;
  for (const auto& [phase, bytes] : tp.bytes_by_phase())
    if (bytes > 0) sent["tp." + phase] = bytes;
  return sent;
}

CommBytes counted(const Train& roles, const data::Batch& batch, const dist::Communicator& tp) {
  ToyModel model;
  shard_model(model, tp.rank(), tp.size());
  roles(model);
  CommBytes comm = step_comm(model, {1, tp.size()}, {static_cast<double>(batch.tokens())});
  comm.erase("tp.other");
  comm.erase("world.other");
  return comm;
}

TEST(StepComm, ActivationsAreThoseOfAPass) {
  const data::Batch batch = toy_batch({1, 2, 3});
  for (const auto& [name, roles] : methods()) {
    dist::run_threads(2, [&, &method = name, &set_roles = roles](dist::Communicator& tp) {
      EXPECT_EQ(counted(set_roles, batch, tp), measured(set_roles, batch, tp)) << method << ", rank " << tp.rank();
    });
  }
}

/// Layer 0 has nothing to compute again if training begins in layer 1.
TEST(StepComm, ActivationCheckpointingSumsTheLayersThatRunAgain) {
  const auto forward = [](bool recompute) {
    ToyModel model;
    shard_model(model, 0, 2);
    adapt(model, 1);
    return step_comm(model, {1, 2}, {10, 0, recompute}).at("tp.forward");
  };
  constexpr uint64_t kSum = uint64_t{10} * 12 * 4;
  EXPECT_EQ(forward(false), 5 * kSum) << "the embedding and two per layer";
  EXPECT_EQ(forward(true), 7 * kSum);
}

TEST(StepComm, FullIsWhatFullSends) {
  constexpr CommLayout kMeshes[] = {{1, 1}, {2, 1}, {1, 2}, {2, 2}, {3, 2, 2, 2}};
  for (const CommLayout& mesh : kMeshes) {
    for (const bool recompute : {false, true}) {
      const auto count = [&](const Train& roles, const auto& comm_of) {
        ToyModel model;
        if (mesh.tensor > 1) shard_model(model, 0, mesh.tensor);
        roles(model);
        return comm_of(model, mesh, StepWork{10, 0, recompute});
      };
      const CommBytes full = count(methods().at("full"), step_comm);
      for (const auto& [name, roles] : methods()) EXPECT_EQ(count(roles, full_step_comm), full) << name;
      const auto with_updates = [](ToyModel& model) { adapt(model, 0), adapt(model, 1); };
      EXPECT_EQ(count(with_updates, full_step_comm), full) << "an update is not part of the base model";
      EXPECT_EQ(full.empty(), mesh.data * mesh.tensor == 1);
    }
  }
}

TEST(StepComm, FullSumsARanksShareOfAllBaseWeights) {
  ToyModel whole, part;
  shard_model(part, 0, 2);
  const auto elements = [](ToyModel& model) { return static_cast<uint64_t>(count_elements(model).total_here); };
  EXPECT_EQ(full_step_comm(whole, {2, 1, 4, 2}, {10}),
            (CommBytes{{"dp.gradients", 2 * elements(whole)}, {"world.other", kCounterBytes}}));
  EXPECT_EQ(full_step_comm(part, {2, 2}, {10}).at("dp.gradients"), 4 * elements(part));
}

}  // namespace
}  // namespace filigree::train
