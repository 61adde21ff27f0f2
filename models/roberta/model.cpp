// Shape suffixes: T packed tokens, B samples, C hidden size.
#include "models/roberta/model.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tanh.h>

#include <utility>

namespace filigree::models::roberta {

namespace ops = nn::ops;

Model::Model(EncoderConfig config) : Encoder(std::move(config)) {
  const int64_t c = config_.hidden;
  if (!nn::is_over_tokens(config_.task)) {
    dense_ = std::make_unique<nn::Linear>(build().linear("classifier.dense", c, c));
    out_ = std::make_unique<nn::Linear>(build().linear("classifier.out_proj", config_.num_labels, c));
    return;
  }
  transform_ = std::make_unique<nn::Linear>(build().linear("lm_head.dense", c, c));
  transform_norm_ = Norm(build(), "lm_head.layer_norm", c, config_.norm_eps);
  decoder_ = std::make_unique<nn::Linear>(tied_decoder("lm_head.decoder", "lm_head.bias"));
}

std::vector<nn::Linear*> Model::head_linears() const {
  if (dense_) return {dense_.get(), out_.get()};
  return {transform_.get(), decoder_.get()};
}

double Model::head_macs(double tokens) const {
  return dense_ ? macs(*dense_) + macs(*out_) : tokens * (macs(*transform_) + macs(*decoder_));
}

std::vector<std::string> Model::head_parameters() const {
  if (dense_)
    return {"classifier.dense.weight", "classifier.dense.bias", "classifier.out_proj.weight",
            "classifier.out_proj.bias"};
  return {"lm_head.dense.weight", "lm_head.dense.bias", "lm_head.layer_norm.weight", "lm_head.layer_norm.bias",
          "lm_head.bias"};
}

const std::string& Model::family() const {
  static const std::string name = "roberta";
  return name;
}

std::string Model::architecture() const {
  return nn::is_over_tokens(config_.task) ? "RobertaForMaskedLM" : "RobertaForSequenceClassification";
}

nn::Output Model::forward(const data::Batch& batch, const nn::ForwardContext& context) {
  const Pass pass(batch, context);
  const at::Tensor x_TC = encode(pass);
  if (dense_) return sequence_output(classify(x_TC, pass), pass, config_.task);
  return models::token_output(x_TC, pass, token_output, [this](const at::Tensor& x) {
    return decoder_->forward(transform_norm_(ops::activate(transform_->forward(x), ops::Activation::gelu)));
  });
}

at::Tensor Model::classify(const at::Tensor& x_TC, const Pass& pass) const {
  const at::Tensor first_B = pass.first_tokens(x_TC.device());
  const auto drop = [&](const at::Tensor& x, Site site) {
    return ops::dropout(x, pass.dropout(site, config_.head_dropout).rows(first_B));
  };
  const at::Tensor x_BC = drop(x_TC.index_select(0, first_B).to(at::kFloat), kHeadInput);
  return out_->forward(drop(at::tanh(dense_->forward(x_BC)), kPooled));
}

}  // namespace filigree::models::roberta
