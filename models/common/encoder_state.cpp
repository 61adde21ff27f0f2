#include "models/common/encoder_state.h"

#include <algorithm>
#include <utility>

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

/// As transformers initialises: gains 1, biases 0, the rest normal, the padding token's embedding 0.
Initial initial(const nn::Parameter& parameter, const EncoderConfig& config) {
  const bool gain = parameter.name.ends_with("LayerNorm.weight") || parameter.name.ends_with("layer_norm.weight");
  if (parameter.logical_shape.size() == 1) return {.constant = gain ? 1.0 : 0.0};
  const bool words = parameter.name.ends_with("word_embeddings.weight");
  return {.deviation = config.initializer_range, .zero_row = words ? config.padding : -1};
}

}  // namespace

StateMap encoder_state_map(const EncoderConfig& config, EncoderNames names) {
  StateMap map;
  map.stored = [prefix = config.prefix](const std::string& name) { return Stored{aliases(name, prefix)}; };
  map.may_be_fresh = [fresh = std::move(names.fresh)](const std::string& name) {
    return std::any_of(fresh.begin(), fresh.end(), [&](const std::string& start) { return name.starts_with(start); });
  };
  map.carries_nothing = [nothing = std::move(names.nothing)](const std::string& name) {
    return name.ends_with("embeddings.position_ids") || name.ends_with("embeddings.token_type_ids") ||
           std::find(nothing.begin(), nothing.end(), name) != nothing.end();
  };
  map.initial = [config](const nn::Parameter& parameter) { return initial(parameter, config); };
  return map;
}

}  // namespace filigree::models
