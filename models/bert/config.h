#pragma once
// config.json of a BERT, checked. Anything this family cannot do (relative positions, a decoder, an unknown activation,
// heads that do not divide the hidden size) is a DataError that names the file and the key.
//
// A model that was pruned and exported in its small shape carries
//   "filigree": {"heads": [[original numbers of the heads kept] per layer],
//                "neurons": [how many, or which, FFN neurons are kept, per layer]}
// while num_attention_heads and intermediate_size keep their original values.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/nn/model.h"
#include "core/nn/ops/activation.h"
#include "models/registry.h"

namespace filigree::models::bert {

struct Config {
  int64_t vocab_size = 30522;
  int64_t hidden = 768;
  int64_t layers = 12;
  int64_t heads = 12;
  int64_t intermediate = 3072;
  int64_t max_positions = 512;
  int64_t type_vocab = 2;
  double norm_eps = 1e-12;
  double initializer_range = 0.02;
  double hidden_dropout = 0.1;
  double attention_dropout = 0.1;
  double head_dropout = 0.1;  ///< before the classifier
  nn::ops::Activation activation = nn::ops::Activation::gelu;
  nn::Task task = nn::Task::sequence_classification;
  int64_t num_labels = 2;
  std::vector<std::vector<int64_t>> kept_heads;    ///< per layer, ascending original numbers
  std::vector<std::vector<int64_t>> kept_neurons;  ///< per layer

  nlohmann::json json;  ///< as read, with labels and dropout as the options set them, without "filigree"

  int64_t head_size() const { return hidden / heads; }
};

/// `file` is for messages.
Config parse_config(const nlohmann::json& json, const std::string& file, const ModelOptions& options);

}  // namespace filigree::models::bert
