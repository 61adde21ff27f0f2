#pragma once
// The encoder of BERT and RoBERTa: embeddings of words, positions and token types, and post-norm layers. A family adds
// its heads (models/<family>/model.h). Parameter names are those of transformers, with the family's prefix.
//
// The model depends only on the shapes of its weights, which may be pruned or sharded. The heads of a layer are the
// ones that its StructureGroup lists.
#include <memory>
#include <string>
#include <vector>

#include "models/common/encoder_config.h"
#include "models/common/parts.h"

namespace filigree::models {

/// Masked LM: a transform with its norm, and a decoder, which is tied to the word embeddings or has its own weight.
struct TokenHeadNames {
  std::string transform, norm, decoder, bias;
  nn::ops::Activation activation;
};

class Encoder : public nn::Model {
 public:
  nn::Output forward(const data::Batch& batch, const nn::ForwardContext& context) final;
  std::vector<std::string> head_parameters() const override;
  /// An untied decoder has its bias under two names, both of which transformers reads.
  nn::StateTensors to_files(nn::StateTensors state) const override;
  nn::ParameterTable& parameters() override { return parameters_; }
  std::vector<nn::Linear*> linears() override;
  std::vector<nn::Embedding*> embeddings() override { return {word_.get()}; }
  std::vector<nn::StructureGroup>& structures() override { return structures_; }

  Task task() const override { return config_.task; }
  nlohmann::json config() const override { return config_.json; }
  int64_t hidden_size() const override { return config_.hidden; }
  int64_t num_labels() const override { return config_.num_labels; }
  int64_t max_positions() const override { return config_.max_positions - config_.position_offset; }
  int64_t vocab_size() const override { return config_.vocab_size; }
  int64_t type_vocab_size() const override { return config_.type_vocab; }
  double flops(int64_t n) const override;

 protected:
  /// Dropout sites of the whole model, below kFirstLayerSite.
  enum Site : uint64_t { kEmbeddings = 0, kPooled = 1, kHeadInput = 2 };

  /// dense, out: names of the two linears of a sequence task's head.
  Encoder(EncoderConfig config, const std::string& dense, const std::string& out, const TokenHeadNames& token);

  /// x: [T, C], the last layer's output; result: fp32 [B, labels].
  virtual at::Tensor classify(const at::Tensor& x, const ForwardPass& pass) const = 0;
  /// The shard rules of the embeddings and the encoder; `decoder`: the name of the masked-LM decoder.
  std::vector<nn::ShardRule> encoder_shard_plan(const std::string& decoder) const;

  const EncoderConfig config_;
  std::unique_ptr<nn::Linear> dense_, out_;  // sequence tasks

 private:
  std::vector<nn::Linear*> head_linears() const;  ///< in order of depth
  at::Tensor encode(const ForwardPass& pass) const;
  Builder build() { return Builder(parameters_); }

  struct Layer {
    nn::Linear query, key, value, attention_out;
    Norm attention_norm;
    nn::Linear ffn_in, ffn_out;
    Norm ffn_norm;
    std::vector<nn::Linear*> linears();
    bool trains() { return models::trains(linears(), {&attention_norm, &ffn_norm}); }
  };

  void add_embeddings();
  void add_layer(size_t index);
  at::Tensor counted_positions(const data::Batch& batch) const;
  at::Tensor embed(const ForwardPass& pass) const;
  at::Tensor run_layer(size_t index, const at::Tensor& x, const ForwardPass& pass) const;

  nn::ParameterTable parameters_;
  std::unique_ptr<nn::Embedding> word_, position_, token_type_;
  Norm embedding_norm_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<nn::StructureGroup> structures_;       // per layer: heads, neurons
  std::unique_ptr<nn::Linear> transform_, decoder_;  // masked LM
  Norm transform_norm_;
  nn::ops::Activation transform_activation_;
};

}  // namespace filigree::models
