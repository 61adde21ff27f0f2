#pragma once
// A small transformer with the names of a BERT: word embedding and LayerNorm, layers of attention and FFN with
// residuals, the mean over a sample, a classifier. Its weights are drawn from a stream. It has what adapting, pruning,
// sharding and training need of a model: names, shapes, structure groups, a shard plan and a forward pass.
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/nn/adapter.h"
#include "core/nn/model.h"
#include "core/nn/ops/attention.h"
#include "core/nn/ops/norm.h"
#include "core/random.h"

namespace filigree::test {

inline at::Tensor drawn(uint64_t stream, const std::vector<int64_t>& shape, double scale) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  auto* value = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i)
    value[i] = static_cast<float>(scale * random::normal(stream, static_cast<uint64_t>(i)));
  return tensor;
}

struct ToySizes {
  int64_t layers = 2, heads = 4, head_size = 3, ffn = 10, labels = 3, vocab = 20;
  int64_t hidden() const { return heads * head_size; }
};

class ToyModel : public nn::Model {
 public:
  explicit ToyModel(ToySizes sizes = {}, uint64_t seed = 1) : sizes_(sizes), seed_(seed) {
    const int64_t c = sizes.hidden();
    embedding_ = std::make_unique<nn::Embedding>(
        parameters_.add("bert.embeddings.word_embeddings.weight", drawn(stream("embedding"), {sizes.vocab, c}, 1.0)));
    gain_ = parameters_.add("bert.embeddings.LayerNorm.weight", at::ones({c}, at::kFloat));
    shift_ = parameters_.add("bert.embeddings.LayerNorm.bias", at::zeros({c}, at::kFloat));
    for (int64_t i = 0; i < sizes.layers; ++i) add_layer(i);
    classifier_ = make("classifier", sizes.labels, c);
    for (size_t i = 0; i < layers_.size(); ++i) add_structures(i);
  }

  nn::Output forward(const data::Batch& batch, const nn::ForwardContext& context) override {
    at::Tensor x =
        nn::ops::layer_norm(embedding_->forward(batch.ids, context.compute), gain_->value(), shift_->value(), 1e-12);
    for (size_t i = 0; i < layers_.size(); ++i) x = encode(i, x, batch.offsets);
    std::vector<at::Tensor> means;
    for (size_t b = 0; b + 1 < batch.offsets.size(); ++b)
      means.push_back(x.narrow(0, batch.offsets[b], batch.offsets[b + 1] - batch.offsets[b]).mean(0));
    nn::Output out;
    out.logits = classifier_->forward(at::stack(means)).to(at::kFloat);
    if (!batch.labels.defined()) return out;
    out.loss_sum = at::log_softmax(out.logits, 1).gather(1, batch.labels.unsqueeze(1)).sum().neg();
    out.count = batch.size();
    return out;
  }

  nn::ParameterTable& parameters() override { return parameters_; }
  std::vector<nn::Linear*> linears() override {
    std::vector<nn::Linear*> all;
    for (const auto& layer : layers_)
      for (const auto& linear : layer) all.push_back(linear.get());
    all.push_back(classifier_.get());
    return all;
  }
  std::vector<nn::Embedding*> embeddings() override { return {embedding_.get()}; }
  std::vector<nn::StructureGroup>& structures() override { return structures_; }
  std::vector<nn::ShardRule> shard_plan() const override {
    return {{"bert.embeddings.word_embeddings", nn::Shard::vocab},
            {"bert.encoder.layer.*.attention.self.*", nn::Shard::column},
            {"bert.encoder.layer.*.attention.output.dense", nn::Shard::row},
            {"bert.encoder.layer.*.intermediate.dense", nn::Shard::column},
            {"bert.encoder.layer.*.output.dense", nn::Shard::row}};
  }
  std::vector<std::string> head_parameters() const override { return {"classifier.weight", "classifier.bias"}; }
  Task task() const override { return Task::sequence_classification; }
  const std::string& family() const override { return family_; }
  std::string architecture() const override { return "Toy"; }
  nlohmann::json config() const override { return {{"model_type", "toy"}, {"intermediate_size", sizes_.ffn}}; }
  int64_t hidden_size() const override { return sizes_.hidden(); }
  int64_t num_labels() const override { return sizes_.labels; }
  int64_t max_positions() const override { return 64; }
  int64_t vocab_size() const override { return sizes_.vocab; }
  double flops(int64_t n) const override {
    double macs = static_cast<double>(classifier_->weight()->value().numel());
    for (const auto& layer : layers_) {
      for (const auto& linear : layer) macs += static_cast<double>(n * linear->weight()->value().numel());
      macs += static_cast<double>(2 * n * n * layer[0]->out_features());
    }
    return 2 * macs;
  }

  enum Member { query, key, value, attention_out, ffn_in, ffn_out };
  nn::Linear& linear(size_t layer, Member member) { return *layers_[layer][member]; }
  nn::Linear& linear(const std::string& name) {
    for (nn::Linear* linear : linears())
      if (linear->name() == name) return *linear;
    throw std::logic_error("no linear " + name);
  }
  nn::StructureGroup& heads(size_t layer) { return structures_[2 * layer]; }
  nn::StructureGroup& neurons(size_t layer) { return structures_[2 * layer + 1]; }

 private:
  uint64_t stream(const std::string& name) const { return random::stream(seed_, "toy", random::hash(name)); }

  std::unique_ptr<nn::Linear> make(const std::string& name, int64_t out, int64_t in) {
    nn::ParameterPtr weight = parameters_.add(name + ".weight", drawn(stream(name), {out, in}, 0.4));
    return std::make_unique<nn::Linear>(name, weight,
                                        parameters_.add(name + ".bias", drawn(stream(name + "b"), {out}, 0.3)));
  }

  void add_layer(int64_t i) {
    const std::string prefix = fmt::format("bert.encoder.layer.{}.", i);
    const int64_t c = sizes_.hidden();
    std::vector<std::unique_ptr<nn::Linear>> layer;
    for (const char* part : {"query", "key", "value"}) layer.push_back(make(prefix + "attention.self." + part, c, c));
    layer.push_back(make(prefix + "attention.output.dense", c, c));
    layer.push_back(make(prefix + "intermediate.dense", sizes_.ffn, c));
    layer.push_back(make(prefix + "output.dense", c, sizes_.ffn));
    layers_.push_back(std::move(layer));
  }

  void add_structures(size_t i) {
    const auto first = [](int64_t n) {
      std::vector<int64_t> all(static_cast<size_t>(n));
      std::iota(all.begin(), all.end(), int64_t{0});
      return all;
    };
    const auto layer = static_cast<int64_t>(i);
    auto& l = layers_[i];
    structures_.push_back({nn::StructureKind::head,
                           layer,
                           sizes_.heads,
                           sizes_.head_size,
                           first(sizes_.heads),
                           {{l[query].get(), 0, "query"},
                            {l[key].get(), 0, "key"},
                            {l[value].get(), 0, "value"},
                            {l[attention_out].get(), 1, "attention_out"}}});
    structures_.push_back({nn::StructureKind::neuron,
                           layer,
                           sizes_.ffn,
                           1,
                           first(sizes_.ffn),
                           {{l[ffn_in].get(), 0, "ffn_in"}, {l[ffn_out].get(), 1, "ffn_out"}}});
  }

  at::Tensor encode(size_t i, const at::Tensor& x, const std::vector<int64_t>& offsets) const {
    const auto& l = layers_[i];
    const at::Tensor context = nn::ops::attention(l[query]->forward(x), l[key]->forward(x), l[value]->forward(x),
                                                  {offsets, structures_[2 * i].held()}, {});
    const at::Tensor y = x.add(l[attention_out]->forward(context));
    return y.add(l[ffn_out]->forward(at::gelu(l[ffn_in]->forward(y))));
  }

  ToySizes sizes_;
  uint64_t seed_;
  std::string family_ = "toy";
  nn::ParameterTable parameters_;
  std::unique_ptr<nn::Embedding> embedding_;
  nn::ParameterPtr gain_, shift_;
  std::vector<std::vector<std::unique_ptr<nn::Linear>>> layers_;
  std::unique_ptr<nn::Linear> classifier_;
  std::vector<nn::StructureGroup> structures_;
};

/// Samples of 2 to 6 tokens with labels; a sample is the same in every batch that contains it.
inline data::Batch toy_batch(const std::vector<int64_t>& samples, ToySizes sizes = {}) {
  std::vector<int64_t> ids, positions, labels;
  data::Batch batch;
  batch.offsets = {0};
  for (const int64_t sample : samples) {
    const uint64_t stream = random::stream(7, "toy sample", sample);
    const auto length = static_cast<int64_t>(2 + random::bits(stream, 0) % 5);
    for (int64_t i = 0; i < length; ++i) {
      ids.push_back(static_cast<int64_t>(random::bits(stream, static_cast<uint64_t>(i + 2)) %
                                         static_cast<uint64_t>(sizes.vocab)));
      positions.push_back(i);
    }
    labels.push_back(static_cast<int64_t>(random::bits(stream, 1) % static_cast<uint64_t>(sizes.labels)));
    batch.samples.push_back(sample);
    batch.offsets.push_back(static_cast<int64_t>(ids.size()));
  }
  batch.ids = at::tensor(ids, at::kLong);
  batch.positions = at::tensor(positions, at::kLong);
  batch.type_ids = batch.ids.mul(0);
  batch.labels = at::tensor(labels, at::kLong);
  return batch;
}

inline at::Tensor logits(nn::Model& model, const data::Batch& batch) {
  const at::NoGradGuard no_grad;
  return model.forward(batch, {}).logits.clone();
}

/// A dense update that is one trainable matrix: enough of an adapter for the scores, and easy to check.
class DenseAdapter final : public nn::Adapter {
 public:
  DenseAdapter(nn::Model& model, nn::Linear& linear, uint64_t seed, double scale = 0.2) {
    const at::Tensor values = drawn(random::stream(seed, linear.name()), linear.weight()->value().sizes().vec(), scale);
    delta_ = model.parameters().add(linear.name() + ".dense", values, nn::Role::trainable);
  }
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) const override {
    return y.add(x.matmul(delta_->value().t().to(x.scalar_type())));
  }
  at::Tensor dense() const override { return delta_->value(); }
  at::Tensor delta() const override { return delta_->value().detach().clone(); }
  std::vector<nn::ParameterPtr> parameters() const override { return {delta_}; }
  std::vector<nn::Reslice> reslice(int64_t dim, const nn::AxisChange& change) override {
    return {nn::reslice(delta_, dim, change)};
  }
  std::string kind() const override { return "dense"; }

 private:
  nn::ParameterPtr delta_;
};

}  // namespace filigree::test
