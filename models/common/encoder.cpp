// Shape suffixes: T packed tokens, C hidden size, F neurons.
#include "models/common/encoder.h"

#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <fmt/format.h>

#include <utility>

#include "core/nn/ops/attention.h"

namespace filigree::models {

namespace ops = nn::ops;

namespace {

enum LayerSite : uint64_t { kAttention = 0, kAttentionOut = 1, kFfnOut = 2 };

int64_t count(const std::vector<int64_t>& kept) { return static_cast<int64_t>(kept.size()); }

}  // namespace

std::vector<nn::Linear*> Encoder::Layer::linears() { return {&query, &key, &value, &attention_out, &ffn_in, &ffn_out}; }

Encoder::Encoder(EncoderConfig config, const std::string& dense, const std::string& out, const TokenHeadNames& token)
    : config_(std::move(config)), transform_activation_(token.activation) {
  add_embeddings();
  for (size_t i = 0; i < static_cast<size_t>(config_.layers); ++i) add_layer(i);
  for (size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = *layers_[i];
    add_units({static_cast<int64_t>(i), config_.heads, config_.head_size(), config_.intermediate, config_.kept_heads[i],
               config_.kept_neurons[i], layer.query, layer.key, layer.value, layer.attention_out, layer.ffn_in,
               layer.ffn_out},
              structures_);
  }
  const int64_t c = config_.hidden;
  if (!is_over_tokens(config_.task)) {
    dense_ = std::make_unique<nn::Linear>(build().linear(dense, c, c));
    out_ = std::make_unique<nn::Linear>(build().linear(out, config_.num_labels, c));
    return;
  }
  transform_ = std::make_unique<nn::Linear>(build().linear(token.transform, c, c));
  transform_norm_ = Norm(build(), token.norm, c, config_.norm_eps);
  const nn::ParameterPtr table =
      config_.tied ? word_->weight() : build().parameter(token.decoder + ".weight", {config_.vocab_size, c});
  decoder_ = std::make_unique<nn::Linear>(token.decoder, table, build().parameter(token.bias, {config_.vocab_size}));
}

void Encoder::add_embeddings() {
  const std::string prefix = config_.prefix + "embeddings.";
  word_ = build().embedding(prefix + "word_embeddings", config_.vocab_size, config_.hidden);
  position_ = build().embedding(prefix + "position_embeddings", config_.max_positions, config_.hidden);
  token_type_ = build().embedding(prefix + "token_type_embeddings", config_.type_vocab, config_.hidden);
  embedding_norm_ = Norm(build(), prefix + "LayerNorm", config_.hidden, config_.norm_eps);
}

void Encoder::add_layer(size_t index) {
  const std::string prefix = fmt::format("{}encoder.layer.{}.", config_.prefix, index);
  const int64_t c = config_.hidden, heads = count(config_.kept_heads[index]) * config_.head_size();
  const int64_t f = count(config_.kept_neurons[index]);
  const auto linear = [&](const char* name, int64_t out, int64_t in) { return build().linear(prefix + name, out, in); };
  const auto norm = [&](const char* name) { return Norm(build(), prefix + name, c, config_.norm_eps); };
  // Braces fix the order of evaluation, which is the order of the table.
  // NOLINTNEXTLINE(modernize-make-unique): a layer cannot be moved
  layers_.push_back(std::unique_ptr<Layer>(
      new Layer{linear("attention.self.query", heads, c), linear("attention.self.key", heads, c),
                linear("attention.self.value", heads, c), linear("attention.output.dense", c, heads),
                norm("attention.output.LayerNorm"), linear("intermediate.dense", f, c), linear("output.dense", c, f),
                norm("output.LayerNorm")}));
}

std::vector<nn::Linear*> Encoder::head_linears() const {
  if (dense_) return {dense_.get(), out_.get()};
  return {transform_.get(), decoder_.get()};
}

std::vector<std::string> Encoder::head_parameters() const {
  std::vector<nn::ParameterPtr> head;
  if (dense_) {
    head = {dense_->weight(), dense_->bias(), out_->weight(), out_->bias()};
  } else {
    head = {transform_->weight(), transform_->bias(), transform_norm_.gain, transform_norm_.bias, decoder_->bias()};
    if (!config_.tied) head.push_back(decoder_->weight());
  }
  std::vector<std::string> names;
  for (const nn::ParameterPtr& parameter : head) names.push_back(parameter->name);
  return names;
}

nn::StateTensors Encoder::to_files(nn::StateTensors state) const {
  if (!decoder_ || config_.tied) return state;
  for (size_t i = 0, count = state.size(); i < count; ++i) {
    if (state[i].first != decoder_->bias()->name) continue;
    state.emplace_back(decoder_->name() + ".bias", state[i].second);
  }
  return state;
}

nn::Output Encoder::forward(const data::Batch& batch, const nn::ForwardContext& context) {
  const ForwardPass pass(batch, context);
  const at::Tensor x_TC = encode(pass);
  if (dense_) return sequence_output(classify(x_TC, pass), pass, config_.task);
  return models::lm_head_output(x_TC, pass, token_output, [this](const at::Tensor& x) {
    return decoder_->forward(transform_norm_(ops::activate(transform_->forward(x), transform_activation_)));
  });
}

std::vector<nn::Linear*> Encoder::linears() {
  std::vector<nn::Linear*> all;
  for (const auto& layer : layers_)
    for (nn::Linear* linear : layer->linears()) all.push_back(linear);
  for (nn::Linear* linear : head_linears()) all.push_back(linear);
  return all;
}

double Encoder::flops(int64_t n) const {
  const auto tokens = static_cast<double>(n);
  double total = 0;
  for (const nn::Linear* linear : head_linears()) total += (dense_ ? 1 : tokens) * macs(*linear);
  for (const auto& layer : layers_) {
    for (const nn::Linear* linear : layer->linears()) total += tokens * macs(*linear);
    total += 2 * tokens * tokens * static_cast<double>(layer->query.out_features());  // q k^T and P v
  }
  return 2 * total;
}

// The two sides of a pair (query/key/value -> attention output, FFN in -> FFN out) are sharded by columns and by rows,
// so that one all-reduce per pair is enough.
std::vector<nn::ShardRule> Encoder::encoder_shard_plan(const std::string& decoder) const {
  using nn::Shard;
  const std::string layer = config_.prefix + "encoder.layer.*.";
  return {{config_.prefix + "embeddings.word_embeddings", Shard::vocab},
          {layer + "attention.self.query", Shard::column},
          {layer + "attention.self.key", Shard::column},
          {layer + "attention.self.value", Shard::column},
          {layer + "attention.output.dense", Shard::row},
          {layer + "intermediate.dense", Shard::column},
          {layer + "output.dense", Shard::row},
          {decoder, Shard::vocab}};
}

at::Tensor Encoder::encode(const ForwardPass& pass) const {
  at::Tensor x_TC = embed(pass);
  for (size_t i = 0; i < layers_.size(); ++i)
    x_TC = checkpointed(
        pass, layers_[i]->trains(), [this, i, pass](const at::Tensor& x) { return run_layer(i, x, pass); }, x_TC);
  return x_TC;
}

/// As in RoBERTa: a sample's tokens count from position_offset on. A padding token inside a text is not counted and has
/// row position_offset - 1.
at::Tensor Encoder::counted_positions(const data::Batch& batch) const {
  const at::Tensor real = batch.ids.ne(config_.padding).to(at::kLong), count = real.cumsum(0);
  const at::Tensor first = at::arange(batch.ids.size(0), batch.ids.options()).sub(batch.positions);
  const at::Tensor before = count.sub(real).index_select(0, first);
  return count.sub(before).mul(real).add(config_.position_offset - 1);
}

at::Tensor Encoder::embed(const ForwardPass& pass) const {
  const at::ScalarType compute = pass.context.compute;
  const at::Tensor rows = config_.position_offset == 0 ? pass.batch.positions : counted_positions(pass.batch);
  at::Tensor x_TC =
      at::add(word_->forward(pass.batch.ids, compute), token_type_->forward(pass.batch.type_ids, compute));
  x_TC = embedding_norm_(at::add(x_TC, position_->forward(rows, compute)));
  return ops::dropout(x_TC, pass.dropout(kEmbeddings, config_.hidden_dropout));
}

at::Tensor Encoder::run_layer(size_t index, const at::Tensor& x_TC, const ForwardPass& pass) const {
  const Layer& layer = *layers_[index];
  const auto dropout = [&](LayerSite site, double p) { return pass.dropout(layer_site(index, site), p); };
  const at::Tensor context_TC = ops::attention(
      layer.query.forward(x_TC), layer.key.forward(x_TC), layer.value.forward(x_TC),
      {pass.batch.offsets, structures_[2 * index].held()}, dropout(kAttention, config_.attention_dropout));
  const at::Tensor y_TC = layer.attention_norm(layer.attention_out.forward(context_TC), x_TC,
                                               dropout(kAttentionOut, config_.hidden_dropout));
  const at::Tensor h_TF = ops::activate(layer.ffn_in.forward(y_TC), config_.activation);
  return layer.ffn_norm(layer.ffn_out.forward(h_TF), y_TC, dropout(kFfnOut, config_.hidden_dropout));
}

}  // namespace filigree::models
