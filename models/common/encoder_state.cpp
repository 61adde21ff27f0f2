#include "models/common/encoder_state.h"

#include <algorithm>
#include <utility>

#include "models/common/weights_check.h"

namespace filigree::models {
namespace {

std::vector<std::string> aliases(const std::string& name, const std::string& prefix) {
  std::vector<std::string> names{name};
  if (name.starts_with(prefix)) names.push_back(name.substr(prefix.size()));
  const size_t plain = names.size();
  for (size_t i = 0; i < plain; ++i) {
    const size_t at = names[i].rfind("LayerNorm.");
    if (at == std::string::npos) continue;
    const std::string stem = names[i].substr(0, at + std::string_view("LayerNorm.").size());
    names.push_back(stem + (names[i].ends_with(".weight") ? "gamma" : "beta"));
  }
  return names;
}

std::string words_name(const EncoderConfig& config) { return config.prefix + "embeddings.word_embeddings.weight"; }

CheckpointEntry stored(const std::string& name, const EncoderConfig& config, const EncoderNames& names) {
  CheckpointEntry stored{aliases(name, config.prefix)};
  // If a file has both, transformers uses the decoder's bias.
  if (name == names.decoder_bias) stored.names.insert(stored.names.begin(), names.decoder + ".bias");
  if (config.tied && name == words_name(config)) stored.names.push_back(names.decoder + ".weight");
  return stored;
}

/// Initialization as in transformers: gains 1, biases 0, the rest normal, the padding token's embedding 0.
InitSpec initial(const nn::Parameter& parameter, const EncoderConfig& config) {
  const bool gain = parameter.name.ends_with("LayerNorm.weight") || parameter.name.ends_with("layer_norm.weight");
  if (parameter.logical_shape.size() == 1) return {.constant = gain ? 1.0 : 0.0};
  const bool words = parameter.name.ends_with("word_embeddings.weight");
  return {.std_dev = config.initializer_range, .zero_row = words ? config.padding : -1};
}

}  // namespace

void consult_weights(const Weights& weights, const EncoderNames& names, const std::string& file, EncoderConfig& config,
                     LoadReport& report) {
  check_layers(ConfigReader(config.json, file), weights, "num_hidden_layers", config.layers, "encoder.layer.");
  if (!is_over_tokens(config.task)) return;
  config.tied =
      is_tied(config.tied, weights, {aliases(words_name(config), config.prefix), {names.decoder + ".weight"}}, report);
  if (config.tied) return;
  config.json["tie_word_embeddings"] = false;
  if (weights && weights->contains(names.decoder_bias) && !weights->contains(names.decoder + ".bias"))
    report.notes.push_back(fmt::format(
        "the decoder's bias is '{}', as in transformers 4; transformers 5 would start from zeros", names.decoder_bias));
}

StateDictAdapter encoder_state_map(const EncoderConfig& config, EncoderNames names) {
  StateDictAdapter map;
  map.head = config.head;
  map.stored = [config, names](const std::string& name) { return stored(name, config, names); };
  map.may_be_missing = [may_be_missing = names.may_be_missing](const std::string& name) {
    return std::any_of(may_be_missing.begin(), may_be_missing.end(),
                       [&](const std::string& start) { return name.starts_with(start); });
  };
  map.is_redundant = [config, names = std::move(names)](const std::string& name) {
    const bool copy = name == names.decoder + ".bias" || (config.tied && name == names.decoder + ".weight") ||
                      (is_over_tokens(config.task) && name == names.decoder_bias);
    return copy || name.ends_with("embeddings.position_ids") || name.ends_with("embeddings.token_type_ids") ||
           std::find(names.nothing.begin(), names.nothing.end(), name) != names.nothing.end();
  };
  map.initial = [config](const nn::Parameter& parameter) { return initial(parameter, config); };
  return map;
}

}  // namespace filigree::models
