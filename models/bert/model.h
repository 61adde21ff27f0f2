#pragma once
// BERT: the encoder and one of three heads: pooler + classifier, pooler + one regression output, masked LM (transform
// and a decoder tied to the word embeddings).
#include "models/common/encoder.h"

namespace filigree::models::bert {

class Model final : public Encoder {
 public:
  explicit Model(EncoderConfig config);

  nn::Output forward(const data::Batch& batch, const nn::ForwardContext& context) override;
  std::vector<nn::ShardRule> shard_plan() const override;
  std::vector<std::string> head_parameters() const override;
  const std::string& family() const override;
  std::string architecture() const override;

 protected:
  std::vector<nn::Linear*> head_linears() const override;
  double head_macs(double tokens) const override;

 private:
  at::Tensor classify(const at::Tensor& x, const Pass& pass) const;

  std::unique_ptr<nn::Linear> pooler_, classifier_;  // sequence tasks
  std::unique_ptr<nn::Linear> transform_, decoder_;  // masked LM
  Norm transform_norm_;
};

}  // namespace filigree::models::bert
