#pragma once
// RoBERTa: the encoder and one of three heads: a classifier of two linears over the first token (no pooler), the same
// with one output for regression, masked LM.
#include "models/common/encoder.h"

namespace filigree::models::roberta {

class Model final : public Encoder {
 public:
  explicit Model(const EncoderConfig& config);

  std::vector<nn::ShardRule> shard_plan() const override;
  const std::string& family() const override;
  std::string architecture() const override;

 protected:
  at::Tensor classify(const at::Tensor& x, const ForwardPass& pass) const override;
};

}  // namespace filigree::models::roberta
