#pragma once
// BERT: the encoder and one of three heads: pooler + classifier, pooler + one regression output, masked LM. The pooler
// belongs to the backbone.
#include "models/common/encoder.h"

namespace filigree::models::bert {

class Model final : public Encoder {
 public:
  explicit Model(const EncoderConfig& config);

  std::vector<nn::ShardRule> shard_plan() const override;
  std::vector<std::string> head_parameters() const override;
  const std::string& family() const override;
  std::string architecture() const override;

 protected:
  at::Tensor classify(const at::Tensor& x, const ForwardPass& pass) const override;
};

}  // namespace filigree::models::bert
