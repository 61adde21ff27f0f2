// Shape suffixes: T packed tokens, B samples, C hidden size.
#include "models/bert/model.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tanh.h>

#include <utility>

namespace filigree::models::bert {

namespace ops = nn::ops;

Model::Model(EncoderConfig config) : Encoder(std::move(config)) {
  const int64_t c = config_.hidden;
  if (!nn::is_over_tokens(config_.task)) {
    pooler_ = std::make_unique<nn::Linear>(build().linear("bert.pooler.dense", c, c));
    classifier_ = std::make_unique<nn::Linear>(build().linear("classifier", config_.num_labels, c));
    return;
  }
  transform_ = std::make_unique<nn::Linear>(build().linear("cls.predictions.transform.dense", c, c));
  transform_norm_ = Norm(build(), "cls.predictions.transform.LayerNorm", c, config_.norm_eps);
  decoder_ = std::make_unique<nn::Linear>(tied_decoder("cls.predictions.decoder", "cls.predictions.bias"));
}

std::vector<nn::Linear*> Model::head_linears() const {
  if (pooler_) return {pooler_.get(), classifier_.get()};
  return {transform_.get(), decoder_.get()};
}

double Model::head_macs(double tokens) const {
  return pooler_ ? macs(*pooler_) + macs(*classifier_) : tokens * (macs(*transform_) + macs(*decoder_));
}

std::vector<std::string> Model::head_parameters() const {
  if (pooler_) return {"classifier.weight", "classifier.bias"};
  return {"cls.predictions.transform.dense.weight", "cls.predictions.transform.dense.bias",
          "cls.predictions.transform.LayerNorm.weight", "cls.predictions.transform.LayerNorm.bias",
          "cls.predictions.bias"};
}

const std::string& Model::family() const {
  static const std::string name = "bert";
  return name;
}

std::string Model::architecture() const {
  return nn::is_over_tokens(config_.task) ? "BertForMaskedLM" : "BertForSequenceClassification";
}

nn::Output Model::forward(const data::Batch& batch, const nn::ForwardContext& context) {
  const Pass pass(batch, context);
  const at::Tensor x_TC = encode(pass);
  if (pooler_) return sequence_output(classify(x_TC, pass), pass, config_.task);
  return models::token_output(x_TC, pass, token_output, [this](const at::Tensor& x) {
    return decoder_->forward(transform_norm_(ops::activate(transform_->forward(x), config_.activation)));
  });
}

at::Tensor Model::classify(const at::Tensor& x_TC, const Pass& pass) const {
  const at::Tensor first_B = pass.first_tokens(x_TC.device());
  const at::Tensor pooled_BC = at::tanh(pooler_->forward(x_TC.index_select(0, first_B))).to(at::kFloat);
  return classifier_->forward(ops::dropout(pooled_BC, pass.dropout(kPooled, config_.head_dropout).rows(first_B)));
}

}  // namespace filigree::models::bert
