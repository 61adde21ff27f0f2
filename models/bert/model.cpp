// Shape suffixes: T packed tokens, B samples, C hidden size, F neurons, N labels or vocabulary.
#include "models/bert/model.h"

#include <ATen/ops/add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/ne.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "core/error.h"
#include "core/nn/ops/attention.h"
#include "core/nn/ops/loss.h"
#include "core/nn/ops/norm.h"

namespace filigree::models::bert {

namespace ops = nn::ops;

namespace {

// Numbers of the dropout places: kSitesPerLayer for each layer, after those of the whole model.
enum Site : uint64_t { kEmbeddings = 0, kPooled = 1, kFirstLayer = 16 };
enum LayerSite : uint64_t { kAttention = 0, kAttentionOut = 1, kFfnOut = 2, kSitesPerLayer = 16 };

int64_t count(const std::vector<int64_t>& kept) { return static_cast<int64_t>(kept.size()); }

}  // namespace

struct Model::Pass {
  const data::Batch& batch;
  const nn::ForwardContext& context;
  at::Tensor keys;  ///< of the tokens, for dropout; undefined in evaluation

  ops::Dropout dropout(uint64_t site, double p) const { return {keys, site, p}; }
  ops::Dropout dropout(size_t layer, LayerSite site, double p) const {
    return {keys, kFirstLayer + layer * kSitesPerLayer + site, p};
  }
};

// ---- construction
// -------------------------------------------------------------------------------------------------------

Model::Model(Config config) : config_(std::move(config)) {
  add_embeddings();
  for (size_t i = 0; i < static_cast<size_t>(config_.layers); ++i) add_layer(i);
  add_head();
  list_structures();
}

nn::ParameterPtr Model::zeros(const std::string& name, std::vector<int64_t> shape) {
  return parameters_.add(name, at::zeros({}, at::TensorOptions(at::kFloat)).expand(shape));
}

nn::Linear Model::linear(const std::string& name, int64_t out, int64_t in) {
  nn::ParameterPtr weight = zeros(name + ".weight", {out, in});
  return nn::Linear(name, weight, zeros(name + ".bias", {out}));
}

Norm Model::norm(const std::string& name) {
  nn::ParameterPtr gain = zeros(name + ".weight", {config_.hidden});
  return {gain, zeros(name + ".bias", {config_.hidden})};
}

void Model::add_embeddings() {
  const std::string prefix = "bert.embeddings.";
  const auto table = [&](const char* name, int64_t rows) {
    return std::make_unique<nn::Embedding>(zeros(prefix + name + ".weight", {rows, config_.hidden}));
  };
  word_ = table("word_embeddings", config_.vocab_size);
  position_ = table("position_embeddings", config_.max_positions);
  token_type_ = table("token_type_embeddings", config_.type_vocab);
  embedding_norm_ = norm(prefix + "LayerNorm");
}

void Model::add_layer(size_t index) {
  const std::string prefix = fmt::format("bert.encoder.layer.{}.", index);
  const int64_t c = config_.hidden, heads = count(config_.kept_heads[index]) * config_.head_size();
  const int64_t f = count(config_.kept_neurons[index]);
  // Braces keep the order, which is the table's order.
  layers_.push_back(std::unique_ptr<Layer>(
      new Layer{linear(prefix + "attention.self.query", heads, c), linear(prefix + "attention.self.key", heads, c),
                linear(prefix + "attention.self.value", heads, c), linear(prefix + "attention.output.dense", c, heads),
                norm(prefix + "attention.output.LayerNorm"), linear(prefix + "intermediate.dense", f, c),
                linear(prefix + "output.dense", c, f), norm(prefix + "output.LayerNorm")}));
}

void Model::add_head() {
  const int64_t c = config_.hidden;
  if (config_.task != nn::Task::masked_lm) {
    pooler_ = std::make_unique<nn::Linear>(linear("bert.pooler.dense", c, c));
    classifier_ = std::make_unique<nn::Linear>(linear("classifier", config_.num_labels, c));
    return;
  }
  transform_ = std::make_unique<nn::Linear>(linear("cls.predictions.transform.dense", c, c));
  transform_norm_ = norm("cls.predictions.transform.LayerNorm");
  decoder_ = std::make_unique<nn::Linear>("cls.predictions.decoder", word_->weight(),
                                          zeros("cls.predictions.bias", {config_.vocab_size}));
}

void Model::list_structures() {
  for (size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = *layers_[i];
    const auto number = static_cast<int64_t>(i);
    structures_.push_back({nn::StructureKind::head,
                           number,
                           config_.heads,
                           config_.head_size(),
                           config_.kept_heads[i],
                           {{&layer.query, 0, "query"},
                            {&layer.key, 0, "key"},
                            {&layer.value, 0, "value"},
                            {&layer.attention_out, 1, "attention_out"}}});
    structures_.push_back({nn::StructureKind::neuron,
                           number,
                           config_.intermediate,
                           1,
                           config_.kept_neurons[i],
                           {{&layer.ffn_in, 0, "ffn_in"}, {&layer.ffn_out, 1, "ffn_out"}}});
  }
}

std::vector<nn::Linear*> Model::linears() {
  std::vector<nn::Linear*> all;
  for (const auto& layer : layers_) {
    for (nn::Linear* linear :
         {&layer->query, &layer->key, &layer->value, &layer->attention_out, &layer->ffn_in, &layer->ffn_out}) {
      all.push_back(linear);
    }
  }
  for (const auto& linear : {pooler_.get(), classifier_.get(), transform_.get(), decoder_.get()}) {
    if (linear != nullptr) all.push_back(linear);
  }
  return all;
}

std::vector<std::string> Model::head_parameters() const {
  if (config_.task != nn::Task::masked_lm) return {"classifier.weight", "classifier.bias"};
  return {"cls.predictions.transform.dense.weight", "cls.predictions.transform.dense.bias",
          "cls.predictions.transform.LayerNorm.weight", "cls.predictions.transform.LayerNorm.bias",
          "cls.predictions.bias"};
}

const std::string& Model::family() const {
  static const std::string name = "bert";
  return name;
}

double Model::flops(int64_t n) const {
  const auto tokens = static_cast<double>(n);
  const auto macs = [](const nn::Linear& linear) {
    return static_cast<double>(linear.in_features()) * static_cast<double>(linear.out_features());
  };
  double total = 0;
  for (const auto& layer : layers_) {
    for (const nn::Linear* linear :
         {&layer->query, &layer->key, &layer->value, &layer->attention_out, &layer->ffn_in, &layer->ffn_out}) {
      total += tokens * macs(*linear);
    }
    total += 2 * tokens * tokens * static_cast<double>(layer->query.out_features());  // q k^T and P v
  }
  if (pooler_) total += macs(*pooler_) + macs(*classifier_);
  if (transform_) total += tokens * (macs(*transform_) + macs(*decoder_));
  return 2 * total;
}

// ---- forward
// ------------------------------------------------------------------------------------------------------------

nn::Output Model::forward(const data::Batch& batch, const nn::ForwardContext& context) {
  const Pass pass{batch, context, context.training ? ops::token_keys(batch, context.seed, context.step) : at::Tensor()};
  at::Tensor x_TC = embed(pass);
  for (size_t i = 0; i < layers_.size(); ++i) x_TC = encode(i, x_TC, pass);
  return config_.task == nn::Task::masked_lm ? predict_tokens(x_TC, pass) : classify(x_TC, pass);
}

at::Tensor Model::embed(const Pass& pass) const {
  const at::ScalarType compute = pass.context.compute;
  at::Tensor x_TC =
      at::add(word_->forward(pass.batch.ids, compute), token_type_->forward(pass.batch.type_ids, compute));
  x_TC = apply(embedding_norm_, at::add(x_TC, position_->forward(pass.batch.positions, compute)));
  return ops::dropout(x_TC, pass.dropout(kEmbeddings, config_.hidden_dropout));
}

at::Tensor Model::encode(size_t index, const at::Tensor& x_TC, const Pass& pass) const {
  const Layer& layer = *layers_[index];
  const std::vector<int64_t> heads = structures_[2 * index].held();
  const at::Tensor context_TC =
      ops::attention(layer.query.forward(x_TC), layer.key.forward(x_TC), layer.value.forward(x_TC), pass.batch.offsets,
                     heads, pass.dropout(index, kAttention, config_.attention_dropout));
  const at::Tensor y_TC = apply(layer.attention_norm, layer.attention_out.forward(context_TC), x_TC,
                                pass.dropout(index, kAttentionOut, config_.hidden_dropout));
  const at::Tensor h_TF = ops::activate(layer.ffn_in.forward(y_TC), config_.activation);
  return apply(layer.ffn_norm, layer.ffn_out.forward(h_TF), y_TC, pass.dropout(index, kFfnOut, config_.hidden_dropout));
}

at::Tensor Model::apply(const Norm& norm, const at::Tensor& x) const {
  return ops::layer_norm(x, norm.gain->value, norm.bias->value, config_.norm_eps);
}

at::Tensor Model::apply(const Norm& norm, const at::Tensor& x, const at::Tensor& residual,
                        const ops::Dropout& dropout) const {
  return ops::residual_layer_norm(x, residual, norm.gain->value, norm.bias->value, config_.norm_eps, dropout);
}

nn::Output Model::classify(const at::Tensor& x_TC, const Pass& pass) const {
  const std::vector<int64_t>& offsets = pass.batch.offsets;
  const at::Tensor first =
      at::tensor(at::ArrayRef<int64_t>(offsets.data(), offsets.size() - 1), at::kLong).to(x_TC.device());
  at::Tensor pooled_BC = at::tanh(pooler_->forward(x_TC.index_select(0, first))).to(at::kFloat);
  pooled_BC = ops::dropout(pooled_BC, pass.dropout(kPooled, config_.head_dropout).rows(first));
  nn::Output out;
  out.logits = classifier_->forward(pooled_BC);
  if (!pass.batch.labels.defined()) return out;
  const ops::LossSum loss = config_.task == nn::Task::regression ? ops::squared_error(out.logits, pass.batch.labels)
                                                                 : ops::cross_entropy(out.logits, pass.batch.labels);
  out.loss_sum = loss.sum;
  out.count = loss.count;
  return out;
}

nn::Output Model::predict_tokens(const at::Tensor& x_TC, const Pass& pass) const {
  at::Tensor input = x_TC, labels = pass.batch.labels;
  if (pass.context.training && labels.defined()) {  // the vocabulary is wide: only tokens with a loss
    const at::Tensor predicted = at::ne(labels, ops::kIgnoredLabel).nonzero().squeeze(1);
    input = input.index_select(0, predicted);
    labels = labels.index_select(0, predicted);
  }
  const at::Tensor h = apply(transform_norm_, ops::activate(transform_->forward(input), config_.activation));
  nn::Output out;
  const at::Tensor logits = decoder_->forward(h).to(at::kFloat);
  if (!labels.defined()) {
    out.logits = token_output.whole(logits);
    return out;
  }
  out.logits = logits;
  const ops::LossSum loss = token_output.loss(logits, labels);
  out.loss_sum = loss.sum;
  out.count = loss.count;
  return out;
}

}  // namespace filigree::models::bert
