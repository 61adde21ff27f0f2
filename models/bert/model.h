#pragma once
// BERT: embeddings, post-norm encoder, and one of three heads: pooler + classifier, pooler + one regression output,
// masked LM (transform and a decoder tied to the word embeddings). Parameter names are those of transformers, with
// "bert.".
//
// The model sees the shapes it is given and nothing else: weights may be pruned or cut, the heads of a layer are the
// ones that its StructureGroup lists.
#include <memory>
#include <string>
#include <vector>

#include "core/nn/model.h"
#include "core/nn/ops/dropout.h"
#include "models/bert/config.h"

namespace filigree::models::bert {

struct Norm {
  nn::ParameterPtr gain, bias;
};

struct Layer {
  nn::Linear query, key, value, attention_out;
  Norm attention_norm;
  nn::Linear ffn_in, ffn_out;
  Norm ffn_norm;
};

class Model final : public nn::Model {
 public:
  /// Parameters of config's shapes that take no memory: state_map puts values there.
  explicit Model(Config config);

  nn::Output forward(const data::Batch& batch, const nn::ForwardContext& context) override;

  nn::ParameterTable& parameters() override { return parameters_; }
  std::vector<nn::Linear*> linears() override;
  std::vector<nn::Embedding*> embeddings() override { return {word_.get()}; }
  std::vector<nn::StructureGroup>& structures() override { return structures_; }
  std::vector<nn::ShardRule> shard_plan() const override;
  std::vector<std::string> head_parameters() const override;

  nn::Task task() const override { return config_.task; }
  const std::string& family() const override;
  nlohmann::json config() const override { return config_.json; }
  int64_t hidden_size() const override { return config_.hidden; }
  int64_t num_labels() const override { return config_.num_labels; }
  int64_t max_positions() const override { return config_.max_positions; }
  int64_t vocab_size() const override { return config_.vocab_size; }
  double flops(int64_t n) const override;

 private:
  struct Pass;  // what the steps of one forward pass share

  nn::ParameterPtr zeros(const std::string& name, std::vector<int64_t> shape);
  nn::Linear linear(const std::string& name, int64_t out, int64_t in);
  Norm norm(const std::string& name);
  void add_embeddings();
  void add_layer(size_t index);
  void add_head();
  void list_structures();

  at::Tensor embed(const Pass& pass) const;
  at::Tensor encode(size_t index, const at::Tensor& x, const Pass& pass) const;
  at::Tensor apply(const Norm& norm, const at::Tensor& x) const;
  at::Tensor apply(const Norm& norm, const at::Tensor& x, const at::Tensor& residual,
                   const nn::ops::Dropout& dropout) const;
  nn::Output classify(const at::Tensor& x, const Pass& pass) const;
  nn::Output predict_tokens(const at::Tensor& x, const Pass& pass) const;

  Config config_;
  nn::ParameterTable parameters_;
  std::unique_ptr<nn::Embedding> word_, position_, token_type_;
  Norm embedding_norm_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::unique_ptr<nn::Linear> pooler_, classifier_;  // sequence tasks
  std::unique_ptr<nn::Linear> transform_, decoder_;  // masked LM
  Norm transform_norm_;
  std::vector<nn::StructureGroup> structures_;  // per layer: heads, neurons
};

}  // namespace filigree::models::bert
