#pragma once
// config.json of an encoder such as BERT and RoBERTa; the families read it (models/<family>/config.h). For a model that
// was pruned and exported in its reduced shape, it lists the remaining units (config_reader.h); the sizes stay the
// original ones.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "core/nn/model.h"
#include "core/nn/ops/activation.h"
#include "models/common/head.h"
#include "models/registry.h"

namespace filigree::models {

struct EncoderConfig {
  std::string prefix = "bert.";  ///< of the names of the backbone's parameters
  int64_t vocab_size = 30522;
  int64_t hidden = 768;
  int64_t layers = 12;
  int64_t heads = 12;
  int64_t intermediate = 3072;
  int64_t max_positions = 512;  ///< rows of the position table
  int64_t position_offset = 0;  ///< row of a sample's first token; above 0: padding tokens are not counted (RoBERTa)
  int64_t type_vocab = 2;
  double norm_eps = 1e-12;
  double initializer_range = 0.02;
  double hidden_dropout = 0.1;
  double attention_dropout = 0.1;
  double head_dropout = 0.1;  ///< before the classifier
  nn::ops::Activation activation = nn::ops::Activation::gelu;
  Task task = Task::sequence_classification;
  int64_t num_labels = 2;
  HeadFit head;                                    ///< of the files, to the requested labels
  bool tied = true;                                ///< the masked-LM decoder shares the word embeddings
  int64_t padding = 0;                             ///< row of the word embeddings that is initialized to 0
  std::vector<std::vector<int64_t>> kept_heads;    ///< per layer, ascending original indices
  std::vector<std::vector<int64_t>> kept_neurons;  ///< per layer

  nlohmann::json json;  ///< as read, with the labels of the options, without "filigree"

  int64_t head_size() const { return hidden / heads; }
};

/// Reads what differs from `defaults`. Throws a DataError that names the file and the key for what these families do
/// not support: relative positions, a decoder, an unknown activation, a number of heads that does not divide the hidden
/// size, a task for decoders, sizes out of range.
EncoderConfig parse_encoder_config(const nlohmann::json& json, const std::string& file, const ModelOptions& options,
                                   EncoderConfig defaults);

}  // namespace filigree::models
