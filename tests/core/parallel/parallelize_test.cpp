// A model split over tensor-parallel ranks against the whole one: where its tensors are cut, what it computes, and how
// much it sends.
//
// labels: unit
#include "core/parallel/parallelize.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/nn/ops/loss.h"
#include "dist/factory.h"
#include "tests/support/compare.h"
#include "tests/support/toy_model.h"

namespace filigree::train {
namespace {

using test::drawn;
using test::max_difference;
using test::toy_batch;
using test::ToyModel;

constexpr int64_t kLayers = 2, kHidden = 12, kHeadSize = 3;

void train_all(nn::Model& model) {
  for (const nn::ParameterPtr& parameter : model.parameters())
    model.parameters().set_role(*parameter, nn::Role::trainable);
}

/// Megatron's cut: query, key, value and FFN-in by rows, with their biases; attention-out and FFN-out by columns; the
/// word embedding by rows; everything else is replicated.
int64_t cut_of(const std::string& name) {
  const bool weight = name.ends_with(".weight");
  if (name.find("word_embeddings") != std::string::npos) return 0;
  if (name.find("attention.self") != std::string::npos || name.find("intermediate") != std::string::npos) return 0;
  if (name.find("output.dense") != std::string::npos && weight) return 1;
  return nn::Placement::kReplicated;
}

TEST(ShardModel, PartsOfAllRanksAreTheWhole) {
  for (const int64_t ranks : {1, 2, 3, 4}) {
    ToyModel whole;
    std::vector<std::unique_ptr<ToyModel>> parts;
    for (int64_t rank = 0; rank < ranks; ++rank) {
      parts.push_back(std::make_unique<ToyModel>());
      shard_model(*parts.back(), rank, ranks);
    }
    for (const nn::ParameterPtr& parameter : whole.parameters()) {
      const int64_t dim = cut_of(parameter->name);
      std::vector<at::Tensor> values;
      int64_t next = 0;
      for (const auto& part : parts) {
        const nn::Parameter& own = part->parameters().at(parameter->name);
        EXPECT_EQ(own.placement.dim, dim) << parameter->name;
        EXPECT_EQ(own.logical_shape, parameter->logical_shape) << parameter->name;
        values.push_back(own.value());
        if (dim == nn::Placement::kReplicated) continue;
        EXPECT_EQ(own.placement.slice.begin, next) << parameter->name;
        EXPECT_EQ(own.placement.slice.size(), own.size(dim)) << parameter->name;
        next = own.placement.slice.end;
      }
      const at::Tensor joined = dim == nn::Placement::kReplicated ? values.back() : at::cat(values, dim);
      EXPECT_TRUE(at::equal(joined, parameter->value())) << parameter->name << " over " << ranks;
    }
  }
}

TEST(ShardModel, ARankHoldsWholeHeadsAsEvenlyAsPossible) {
  const std::vector<nn::Slice> heads{{0, 1}, {1, 2}, {2, 4}};  // 4 heads over 3 ranks
  for (int64_t rank = 0; rank < 3; ++rank) {
    ToyModel model;
    shard_model(model, rank, 3);
    const nn::Slice& own = heads[static_cast<size_t>(rank)];
    EXPECT_EQ(model.heads(1).share(), own);
    EXPECT_EQ(model.heads(1).left(), 4);
    const nn::Slice lines{own.begin * kHeadSize, own.end * kHeadSize};
    EXPECT_EQ(model.linear(1, ToyModel::key).weight()->placement, (nn::Placement{0, lines}));
    EXPECT_EQ(model.linear(1, ToyModel::key).bias()->placement, (nn::Placement{0, lines}));
    EXPECT_EQ(model.linear(1, ToyModel::attention_out).weight()->placement, (nn::Placement{1, lines}));
  }
}

class ContraryPlan final : public ToyModel {
 public:
  std::vector<nn::ShardRule> shard_plan() const override {
    return {{"bert.encoder.layer.*.attention.self.query", nn::Shard::row}};
  }
};

TEST(ShardModel, RefusesAPlanAgainstTheUnits) {
  ContraryPlan model;
  EXPECT_THROW(shard_model(model, 0, 2), InternalError) << "heads are rows of a query";
}

/// Each rank has the logits and the loss of the whole model, and the gradients of its own parts.
TEST(InstallTpHooks, LogitsAndGradientsAreThoseOfTheWholeModel) {
  for (const int ranks : {2, 3}) {
    dist::run_threads(ranks, [](dist::Communicator& tp) {
      ToyModel whole, part;
      shard_model(part, tp.rank(), tp.size());
      install_tp_hooks(part, tp);
      train_all(whole);
      train_all(part);
      const data::Batch batch = toy_batch({0, 1, 2, 3});
      const nn::Output expected = whole.forward(batch, {}), output = part.forward(batch, {});
      EXPECT_LE(max_difference(output.logits, expected.logits), 1e-4);
      expected.loss_sum.backward();
      output.loss_sum.backward();
      for (const nn::ParameterPtr& parameter : part.parameters()) {
        const at::Tensor grad =
            nn::local_shard(whole.parameters().at(parameter->name).value().grad(), parameter->placement);
        const double scale = std::max(1.0, test::largest_entry(grad));
        EXPECT_LE(max_difference(parameter->value().grad(), grad), 1e-4 * scale) << parameter->name;
      }
    });
  }
}

/// Two all-reduces of [T, C] per layer and direction; the word embedding has one more in the forward pass. Query, key
/// and value share the one of their input.
TEST(InstallTpHooks, ALayerSendsTwiceInEachDirection) {
  dist::run_threads(2, [](dist::Communicator& tp) {
    ToyModel model;
    shard_model(model, tp.rank(), tp.size());
    install_tp_hooks(model, tp);
    train_all(model);
    const data::Batch batch = toy_batch({0, 1, 2});
    const auto activation = static_cast<uint64_t>(batch.tokens() * kHidden * 4);
    for (uint64_t pass = 1; pass <= 2; ++pass) {
      model.forward(batch, {}).loss_sum.backward();
      EXPECT_EQ(tp.bytes_by_phase().at("forward"), pass * (2 * kLayers + 1) * activation);
      EXPECT_EQ(tp.bytes_by_phase().at("backward"), pass * 2 * kLayers * activation);
    }
  });
}

/// A toy with a decoder that shares the table of the word embedding.
class Decoder final : public ToyModel {
 public:
  Decoder() {
    const nn::ParameterPtr bias = parameters().add("decoder.bias", drawn(5, {vocab_size()}, 0.5));
    decoder = std::make_unique<nn::Linear>("decoder", embeddings()[0]->weight(), bias);
  }
  std::vector<nn::Linear*> linears() override {
    std::vector<nn::Linear*> all = ToyModel::linears();
    if (decoder) all.push_back(decoder.get());
    return all;
  }
  std::vector<nn::ShardRule> shard_plan() const override {
    std::vector<nn::ShardRule> plan = ToyModel::shard_plan();
    plan.push_back({"decoder", nn::Shard::vocab});
    return plan;
  }

  std::unique_ptr<nn::Linear> decoder;
};

TEST(InstallTpHooks, ATiedDecoderIsSplitOverTheVocabulary) {
  for (const int ranks : {2, 3}) {
    dist::run_threads(ranks, [](dist::Communicator& tp) {
      Decoder whole, part;
      shard_model(part, tp.rank(), tp.size());
      install_tp_hooks(part, tp);
      const nn::Slice rows = dist::even_part(20, tp.rank(), tp.size());
      EXPECT_EQ(part.decoder->weight()->placement, (nn::Placement{0, rows}));
      EXPECT_EQ(part.decoder->bias()->placement, (nn::Placement{0, rows}));
      train_all(whole);
      train_all(part);
      const at::Tensor labels = at::tensor(std::vector<int64_t>{19, nn::ops::kIgnoredLabel, 0, 7, 7}, at::kLong);
      const at::Tensor x = drawn(6, {5, kHidden}, 1).set_requires_grad(true), same_x = x.detach().clone();
      same_x.set_requires_grad(true);
      const at::Tensor logits = whole.decoder->forward(x), own = part.decoder->forward(same_x);
      EXPECT_LE(max_difference(part.token_output.gather(own), logits), 1e-5);
      const at::Tensor loss = nn::ops::cross_entropy(logits, labels, 0.1);
      const at::Tensor same = part.token_output.loss(own, labels, 0.1);
      EXPECT_NEAR(same.item<double>(), loss.item<double>(), 1e-5 * loss.item<double>());
      loss.backward();
      same.backward();
      EXPECT_LE(max_difference(same_x.grad(), x.grad()), 1e-5) << "the input's gradient is summed over the ranks";
      for (const bool bias : {false, true}) {
        const auto of = [&](Decoder& model) { return bias ? model.decoder->bias() : model.decoder->weight(); };
        const at::Tensor grad = nn::local_shard(of(whole)->value().grad(), of(part)->placement);
        EXPECT_LE(max_difference(of(part)->value().grad(), grad), 1e-5) << "bias: " << bias;
      }
    });
  }
}

}  // namespace
}  // namespace filigree::train
