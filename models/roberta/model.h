#pragma once
// RoBERTa: the encoder and one of three heads: a classifier of two linears over the first token (no pooler), the same
// with one output for regression, masked LM (transform with gelu and a decoder tied to the word embeddings).
#include "models/common/encoder.h"

namespace filigree::models::roberta {

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

  std::unique_ptr<nn::Linear> dense_, out_;          // sequence tasks
  std::unique_ptr<nn::Linear> transform_, decoder_;  // masked LM
  Norm transform_norm_;
};

}  // namespace filigree::models::roberta
