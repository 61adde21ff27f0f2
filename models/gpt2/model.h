#pragma once
// GPT-2: embeddings of words and positions, pre-norm causal layers, a final norm, and one of three heads: language
// modeling (tied to the word embeddings or with its own weight), classification, or regression. The last two use each
// sample's last token that is not padding, or its first token if all are padding.
//
// The files fuse query, key and value into c_attn; here they are three linears ("...attn.query", "...attn.key",
// "...attn.value"), so that updates, sharding and pruning see heads as in other families (state_map.h).
#include <memory>
#include <string>
#include <vector>

#include "models/common/parts.h"
#include "models/gpt2/config.h"

namespace filigree::models::gpt2 {

class Model final : public nn::Model {
 public:
  explicit Model(Config config);

  /// For a new classifier: if config.json names no padding token, uses the end of text, and writes it to config().
  /// transformers needs a padding token to find where each text of a batch ends.
  void pad_with_end_of_text();

  nn::Output forward(const data::Batch& batch, const nn::ForwardContext& context) override;

  nn::ParameterTable& parameters() override { return parameters_; }
  std::vector<nn::Linear*> linears() override;
  std::vector<nn::Embedding*> embeddings() override { return {word_.get()}; }
  std::vector<nn::StructureGroup>& structures() override { return structures_; }
  std::vector<nn::ShardRule> shard_plan() const override;
  std::vector<std::string> head_parameters() const override;
  nn::FileLinear file_linear(const std::string& name) const override;
  nn::StateTensors to_files(nn::StateTensors state) const override;

  Task task() const override { return config_.task; }
  const std::string& family() const override;
  std::string architecture() const override;
  std::string ffn_width_key() const override { return "n_inner"; }
  std::string heads_key() const override { return "n_head"; }
  nlohmann::json config() const override { return config_.json; }
  int64_t hidden_size() const override { return config_.hidden; }
  int64_t num_labels() const override { return config_.num_labels; }
  int64_t max_positions() const override { return config_.max_positions; }
  int64_t vocab_size() const override { return config_.vocab_size; }
  double flops(int64_t n) const override;

 private:
  struct Layer {
    Norm attention_norm;
    nn::Linear query, key, value, attention_out;
    Norm ffn_norm;
    nn::Linear ffn_in, ffn_out;
    std::vector<nn::Linear*> linears();
    bool trains() { return models::trains(linears(), {&attention_norm, &ffn_norm}); }
  };

  void add_layer(size_t index);
  at::Tensor embed(const ForwardPass& pass) const;
  at::Tensor run_layer(size_t index, const at::Tensor& x, const ForwardPass& pass) const;
  /// Index of the token that each sample is classified by.
  at::Tensor classified_tokens(const ForwardPass& pass) const;

  Config config_;
  nn::ParameterTable parameters_;
  std::unique_ptr<nn::Embedding> word_, position_;
  std::vector<std::unique_ptr<Layer>> layers_;
  Norm last_norm_;
  std::unique_ptr<nn::Linear> head_;            // over the vocabulary, or "score"
  std::vector<nn::StructureGroup> structures_;  // per layer: heads, neurons
};

}  // namespace filigree::models::gpt2
