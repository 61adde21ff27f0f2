// Shape suffixes: T packed tokens, B samples, C hidden size, F neurons.
#include "models/gpt2/model.h"

#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cummax.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/maximum.h>
#include <fmt/format.h>

#include <utility>

#include "core/nn/key_value_cache.h"
#include "core/nn/ops/attention.h"

namespace filigree::models::gpt2 {

namespace ops = nn::ops;

namespace {

enum Site : uint64_t { kEmbeddings = 0 };
enum LayerSite : uint64_t { kAttention = 0, kAttentionOut = 1, kFfnOut = 2 };

int64_t count(const std::vector<int64_t>& kept) { return static_cast<int64_t>(kept.size()); }

}  // namespace

std::vector<nn::Linear*> Model::Layer::linears() { return {&query, &key, &value, &attention_out, &ffn_in, &ffn_out}; }

Model::Model(Config config) : config_(std::move(config)) {
  Builder build(parameters_);
  word_ = build.embedding("transformer.wte", config_.vocab_size, config_.hidden);
  position_ = build.embedding("transformer.wpe", config_.max_positions, config_.hidden);
  for (size_t i = 0; i < static_cast<size_t>(config_.layers); ++i) add_layer(i);
  last_norm_ = Norm(build, "transformer.ln_f", config_.hidden, config_.norm_eps);
  const auto head = [&]() -> nn::Linear {
    if (!is_over_tokens(config_.task)) return build.linear_without_bias("score", config_.num_labels, config_.hidden);
    if (!config_.tied) return build.linear_without_bias("lm_head", config_.vocab_size, config_.hidden);
    return {"lm_head", word_->weight(), nullptr};
  };
  head_ = std::make_unique<nn::Linear>(head());
}

void Model::pad_with_end_of_text() {
  if (config_.padding || !config_.end_of_text) return;
  config_.json["pad_token_id"] = *config_.end_of_text;
  config_.padding = config_.end_of_text;
}

void Model::add_layer(size_t index) {
  Builder build(parameters_);
  const std::string prefix = fmt::format("transformer.h.{}.", index);
  const int64_t c = config_.hidden, heads = count(config_.kept_heads[index]) * config_.head_size();
  const int64_t f = count(config_.kept_neurons[index]);
  const auto linear = [&](const char* name, int64_t out, int64_t in) { return build.linear(prefix + name, out, in); };
  const auto norm = [&](const char* name) { return Norm(build, prefix + name, c, config_.norm_eps); };
  // Braces fix the order of evaluation, which is the order of the table.
  // NOLINTNEXTLINE(modernize-make-unique): a layer cannot be moved
  layers_.push_back(std::unique_ptr<Layer>(new Layer{
      norm("ln_1"), linear("attn.query", heads, c), linear("attn.key", heads, c), linear("attn.value", heads, c),
      linear("attn.c_proj", c, heads), norm("ln_2"), linear("mlp.c_fc", f, c), linear("mlp.c_proj", c, f)}));
  Layer& layer = *layers_.back();
  add_units({static_cast<int64_t>(index), config_.heads, config_.head_size(), config_.inner, config_.kept_heads[index],
             config_.kept_neurons[index], layer.query, layer.key, layer.value, layer.attention_out, layer.ffn_in,
             layer.ffn_out},
            structures_);
}

std::vector<nn::Linear*> Model::linears() {
  std::vector<nn::Linear*> all;
  for (const auto& layer : layers_)
    for (nn::Linear* linear : layer->linears()) all.push_back(linear);
  all.push_back(head_.get());
  return all;
}

std::vector<std::string> Model::head_parameters() const {
  if (is_over_tokens(config_.task) && config_.tied) return {};
  return {head_->weight()->name};
}

const std::string& Model::family() const {
  static const std::string name = "gpt2";
  return name;
}

std::string Model::architecture() const {
  return is_over_tokens(config_.task) ? "GPT2LMHeadModel" : "GPT2ForSequenceClassification";
}

double Model::flops(int64_t n) const {
  const auto tokens = static_cast<double>(n);
  double total = (is_over_tokens(config_.task) ? tokens : 1) * macs(*head_);
  for (const auto& layer : layers_) {
    for (const nn::Linear* linear : layer->linears()) total += tokens * macs(*linear);
    // q k^T and P v over the keys that a token sees: 1 .. n.
    total += tokens * (tokens + 1) * static_cast<double>(layer->query.out_features());
  }
  return 2 * total;
}

nn::Output Model::forward(const data::Batch& batch, const nn::ForwardContext& context) {
  const ForwardPass pass(batch, context);
  at::Tensor x_TC = embed(pass);
  for (size_t i = 0; i < layers_.size(); ++i)
    x_TC = checkpointed(
        pass, layers_[i]->trains(), [this, i, pass](const at::Tensor& x) { return run_layer(i, x, pass); }, x_TC);
  if (context.cache)
    x_TC = x_TC.index_select(0, pass.last_tokens(x_TC.device()));  // the other tokens' successors are known
  if (is_over_tokens(config_.task)) {
    return models::lm_head_output(x_TC, pass, token_output,
                                  [this](const at::Tensor& x) { return head_->forward(last_norm_(x)); });
  }
  const at::Tensor last_BC = x_TC.index_select(0, classified_tokens(pass));
  return sequence_output(head_->forward(last_norm_(last_BC).to(at::kFloat)), pass, config_.task);
}

at::Tensor Model::classified_tokens(const ForwardPass& pass) const {
  const at::Tensor& ids = pass.batch.ids;
  at::Tensor last = pass.last_tokens(ids.device());
  if (!config_.padding || ids.numel() == 0) return last;
  const at::Tensor number = at::arange(ids.size(0), ids.options());
  const at::Tensor real = number.masked_fill(ids.eq(*config_.padding), -1);
  // At the end of a sample, the running maximum is the index of its last real token, or of an earlier sample's.
  const at::Tensor so_far = std::get<0>(real.cummax(0)).index_select(0, last);
  return at::maximum(so_far, pass.first_tokens(ids.device()));
}

at::Tensor Model::embed(const ForwardPass& pass) const {
  const at::ScalarType compute = pass.context.compute;
  const at::Tensor x_TC =
      at::add(word_->forward(pass.batch.ids, compute), position_->forward(pass.batch.positions, compute));
  return ops::dropout(x_TC, pass.dropout(kEmbeddings, config_.embedding_dropout));
}

at::Tensor Model::run_layer(size_t index, const at::Tensor& x_TC, const ForwardPass& pass) const {
  const Layer& layer = *layers_[index];
  const auto dropout = [&](LayerSite site, double p) { return pass.dropout(layer_site(index, site), p); };
  const at::Tensor in_TC = layer.attention_norm(x_TC);
  const at::Tensor q = layer.query.forward(in_TC), k = layer.key.forward(in_TC), v = layer.value.forward(in_TC);
  const ops::AttentionLayout layout{pass.batch.offsets, structures_[2 * index].held(), /*causal=*/true};
  const at::Tensor context_TC = pass.context.cache
                                    ? pass.context.cache->attend(index, q, k, v, layout)
                                    : ops::attention(q, k, v, layout, dropout(kAttention, config_.attention_dropout));
  const at::Tensor y_TC = at::add(
      x_TC, ops::dropout(layer.attention_out.forward(context_TC), dropout(kAttentionOut, config_.residual_dropout)));
  const at::Tensor h_TF = ops::activate(layer.ffn_in.forward(layer.ffn_norm(y_TC)), config_.activation);
  return at::add(y_TC, ops::dropout(layer.ffn_out.forward(h_TF), dropout(kFfnOut, config_.residual_dropout)));
}

}  // namespace filigree::models::gpt2
