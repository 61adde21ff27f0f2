#pragma once
// config.json of a GPT-2, checked: what this family does not support (cross attention, attention scores scaled by layer
// index, masked LM) is a DataError that names the file and the key. n_inner null means 4 n_embd. hidden_size,
// num_hidden_layers, num_attention_heads and max_position_embeddings are aliases of n_embd, n_layer, n_head and
// n_positions, and win over them, as in transformers. For a model that was pruned and exported in its reduced shape, it
// lists the remaining units (models/common/config_reader.h).
#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/nn/model.h"
#include "core/nn/ops/activation.h"
#include "models/common/head.h"
#include "models/registry.h"

namespace filigree::models::gpt2 {

struct Config {
  int64_t vocab_size = 50257;
  int64_t hidden = 768;
  int64_t layers = 12;
  int64_t heads = 12;
  int64_t inner = 3072;
  int64_t max_positions = 1024;
  double norm_eps = 1e-5;
  double initializer_range = 0.02;
  double embedding_dropout = 0.1, attention_dropout = 0.1, residual_dropout = 0.1;
  nn::ops::Activation activation = nn::ops::Activation::gelu_tanh;
  Task task = Task::causal_lm;
  int64_t num_labels = 2;
  HeadFit head;                                    ///< of the files, to the requested labels
  bool tied = true;                                ///< the language-modeling head shares the word embeddings
  std::optional<int64_t> padding;                  ///< a text is classified by its last token that is not this one
  std::optional<int64_t> end_of_text;              ///< eos_token_id (the first of a list), if it is in the vocabulary
  std::vector<std::vector<int64_t>> kept_heads;    ///< per layer, ascending original indices
  std::vector<std::vector<int64_t>> kept_neurons;  ///< per layer

  nlohmann::json json;  ///< as read, with the labels of the options, without "filigree"

  int64_t head_size() const { return hidden / heads; }
};

const KeyNames& key_names();

/// `file` is for messages.
Config parse_config(const nlohmann::json& json, const std::string& file, const ModelOptions& options);

}  // namespace filigree::models::gpt2
