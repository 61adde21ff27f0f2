#include "models/common/encoder_config.h"

#include <utility>

#include "models/common/config_reader.h"

namespace filigree::models {
namespace {

void read_sizes(const ConfigReader& in, EncoderConfig& config) {
  config.vocab_size = in.size("vocab_size", config.vocab_size);
  config.hidden = in.size("hidden_size", config.hidden);
  config.layers = in.size("num_hidden_layers", config.layers, ConfigReader::kMaxLayers);
  config.heads = in.size("num_attention_heads", config.heads);
  config.intermediate = in.size("intermediate_size", config.intermediate);
  config.max_positions = in.size("max_position_embeddings", config.max_positions);
  config.type_vocab = in.size("type_vocab_size", config.type_vocab);
  config.norm_eps = in.number("layer_norm_eps", config.norm_eps, 0, 1);
  config.initializer_range = in.number("initializer_range", config.initializer_range, 0, 10);
  if (config.hidden % config.heads != 0) {
    in.refuse("hidden_size {} is not a multiple of num_attention_heads {}", config.hidden, config.heads);
  }
  check_units(in, "num_hidden_layers", config.layers, "num_attention_heads", config.heads);
  check_units(in, "num_hidden_layers", config.layers, "intermediate_size", config.intermediate);
}

void read_dropout(const ConfigReader& in, EncoderConfig& config, const ModelOptions& options) {
  const auto read = [&](const char* key, double fallback) {
    return options.dropout.value_or(in.dropout(key, fallback));
  };
  config.hidden_dropout = read("hidden_dropout_prob", config.hidden_dropout);
  config.attention_dropout = read("attention_probs_dropout_prob", config.attention_dropout);
  config.head_dropout = options.dropout.value_or(in.dropout("classifier_dropout", config.hidden_dropout));
}

void check_supported(const ConfigReader& in, const ModelOptions& options) {
  const std::string positions = in.text("position_embedding_type", "absolute");
  if (positions != "absolute") in.refuse("position_embedding_type '{}' is not supported, only 'absolute'", positions);
  for (const char* key : {"is_decoder", "add_cross_attention"}) in.refuse_if_set(key, "only encoders are supported");
  refuse_unsupported(in);
  if (options.task == Task::causal_lm)
    in.refuse("model.task: causal_lm needs a decoder such as gpt2; an encoder supports masked_lm");
}

}  // namespace

EncoderConfig parse_encoder_config(const nlohmann::json& source, const std::string& file, const ModelOptions& options,
                                   EncoderConfig config) {
  const ConfigReader in(source, file);
  config.json = source;
  config.task = options.task;
  read_sizes(in, config);
  read_dropout(in, config, options);
  check_supported(in, options);
  config.activation = in.activation("hidden_act", "gelu");
  config.tied = in.flag("tie_word_embeddings", true);
  const Labels labels = read_labels(in, options, config.num_labels, config.json);
  config.num_labels = labels.count;
  config.head = labels.fit;
  if (const int64_t width = unpruned_width(in, config.intermediate, config.layers); width != config.intermediate)
    config.json["intermediate_size"] = config.intermediate = width;
  config.kept_heads = read_kept(in, "heads", config.layers, config.heads);
  config.kept_neurons = read_kept(in, "neurons", config.layers, config.intermediate);
  config.json.erase("filigree");
  return config;
}

}  // namespace filigree::models
