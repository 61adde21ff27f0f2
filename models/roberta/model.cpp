// Shape suffixes: T packed tokens, B samples, C hidden size.
#include "models/roberta/model.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tanh.h>

namespace filigree::models::roberta {

namespace ops = nn::ops;

Model::Model(const EncoderConfig& config)
    : Encoder(config, "classifier.dense", "classifier.out_proj",
              {"lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", "lm_head.bias", ops::Activation::gelu}) {}

const std::string& Model::family() const {
  static const std::string name = "roberta";
  return name;
}

std::string Model::architecture() const {
  return is_over_tokens(config_.task) ? "RobertaForMaskedLM" : "RobertaForSequenceClassification";
}

at::Tensor Model::classify(const at::Tensor& x_TC, const ForwardPass& pass) const {
  const at::Tensor first_B = pass.first_tokens(x_TC.device());
  const auto drop = [&](const at::Tensor& x, Site site) {
    return ops::dropout(x, pass.dropout(site, config_.head_dropout).rows(first_B));
  };
  const at::Tensor x_BC = drop(x_TC.index_select(0, first_B).to(at::kFloat), kHeadInput);
  return out_->forward(drop(at::tanh(dense_->forward(x_BC)), kPooled));
}

}  // namespace filigree::models::roberta
