// Shape suffixes: T packed tokens, B samples, C hidden size.
#include "models/bert/model.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tanh.h>

namespace filigree::models::bert {

namespace ops = nn::ops;

Model::Model(const EncoderConfig& config)
    : Encoder(config, "bert.pooler.dense", "classifier",
              {"cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.decoder",
               "cls.predictions.bias", config.activation}) {}

std::vector<std::string> Model::head_parameters() const {
  if (!dense_) return Encoder::head_parameters();
  return {out_->weight()->name, out_->bias()->name};
}

const std::string& Model::family() const {
  static const std::string name = "bert";
  return name;
}

std::string Model::architecture() const {
  return is_over_tokens(config_.task) ? "BertForMaskedLM" : "BertForSequenceClassification";
}

at::Tensor Model::classify(const at::Tensor& x_TC, const ForwardPass& pass) const {
  const at::Tensor first_B = pass.first_tokens(x_TC.device());
  const at::Tensor pooled_BC = at::tanh(dense_->forward(x_TC.index_select(0, first_B))).to(at::kFloat);
  return out_->forward(ops::dropout(pooled_BC, pass.dropout(kPooled, config_.head_dropout).rows(first_B)));
}

}  // namespace filigree::models::bert
