#include "models/gpt2/state_map.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "core/error.h"
#include "models/common/config_file.h"
#include "models/common/fill.h"
#include "models/common/weights_check.h"
#include "models/gpt2/config.h"
#include "models/gpt2/model.h"

namespace filigree::models::gpt2 {
namespace {

constexpr std::string_view kPrefix = "transformer.";
constexpr const char* kWords = "transformer.wte.weight";
constexpr const char* kDecoder = "lm_head.weight";
constexpr const char* kFused[] = {".attn.query.", ".attn.key.", ".attn.value."};
constexpr int64_t kParts = 3;

/// For a name of query, key or value: its index among the three, and the name of c_attn.
struct Fused {
  int64_t part = 0;
  std::string name;
};
std::optional<Fused> fused(const std::string& name) {
  for (int64_t part = 0; part < kParts; ++part) {
    const std::string_view word = kFused[part];
    const size_t at = name.find(word);
    if (at != std::string::npos)
      return Fused{part, name.substr(0, at) + ".attn.c_attn." + name.substr(at + word.size())};
  }
  return std::nullopt;
}

/// Weights of the layers' linears, which are stored transposed: Conv1D in transformers.
bool transposed(const std::string& name) {
  return name.ends_with(".weight") &&
         (name.find(".attn.") != std::string::npos || name.find(".mlp.") != std::string::npos);
}

CheckpointEntry stored(const std::string& name) {
  CheckpointEntry stored;
  const auto part = fused(name);
  stored.names = {part ? part->name : name};
  if (stored.names[0].starts_with(kPrefix)) stored.names.push_back(stored.names[0].substr(kPrefix.size()));
  stored.transposed = transposed(name);
  if (part) stored.part = part->part, stored.parts = kParts;
  return stored;
}

/// As in transformers, matrices that add to the residual stream have deviation initializer_range / sqrt(2 n_layer).
InitSpec initial(const nn::Parameter& parameter, const Config& config) {
  const std::string& name = parameter.name;
  if (parameter.logical_shape.size() == 1) {
    const bool gain = name.ends_with(".weight");  // biases are the only other vectors
    return {.constant = gain ? 1.0 : 0.0};
  }
  const double terms = name.ends_with(".c_proj.weight") ? 2 * static_cast<double>(config.layers) : 1;
  return {.std_dev = config.initializer_range / std::sqrt(terms)};
}

bool is_redundant(const std::string& name, bool tied) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") || (tied && name == kDecoder);
}

/// The state map of a model with this configuration.
StateDictAdapter state_map(const Config& config) {
  StateDictAdapter map;
  map.head = config.head;
  map.stored = [tied = config.tied](const std::string& name) {
    CheckpointEntry place = stored(name);
    if (tied && name == kWords) place.names.emplace_back(kDecoder);
    return place;
  };
  map.may_be_missing = [](const std::string& name) { return name.starts_with("score.") || name == kDecoder; };
  map.is_redundant = [tied = config.tied](const std::string& name) { return is_redundant(name, tied); };
  map.initial = [config](const nn::Parameter& parameter) { return initial(parameter, config); };
  return map;
}

}  // namespace

nn::FileLinear Model::file_linear(const std::string& name) const {
  const CheckpointEntry weight = stored(name + ".weight");
  const std::string& in_file = weight.names.front();
  return {in_file.substr(0, in_file.rfind('.')), weight.part, weight.parts, weight.transposed};
}

nn::StateTensors Model::to_files(nn::StateTensors state) const {
  nn::StateTensors out;
  std::map<std::string, std::vector<at::Tensor>> parts;
  for (auto& [name, tensor] : state) {
    const at::Tensor value = transposed(name) ? tensor.t().contiguous() : tensor;
    const auto part = fused(name);
    if (!part) {
      out.emplace_back(name, value);
      continue;
    }
    auto& joined = parts[part->name];
    FG_CHECK(static_cast<int64_t>(joined.size()) == part->part, "'{}' is out of order", name);
    joined.push_back(value);
    if (part->part + 1 == kParts) out.emplace_back(part->name, at::cat(joined, -1));
  }
  return out;
}

std::unique_ptr<nn::Model> load(const std::string& dir, const nlohmann::json& json, const ModelOptions& options,
                                LoadReport& report) {
  const std::string file = config_path(dir);
  Config config = parse_config(json, file, options);
  const Weights weights = open_weights(dir, options);
  check_layers(ConfigReader(json, file, key_names()), weights, "n_layer", config.layers, "h.");
  if (is_over_tokens(config.task)) {
    config.tied = is_tied(config.tied, weights, {stored(kWords).names, {kDecoder}}, report);
    if (!config.tied) config.json["tie_word_embeddings"] = false;
  }
  auto model = std::make_unique<Model>(config);
  fill(*model, state_map(config), weights, options, report);
  const bool new_head = std::find(report.newly_initialized.begin(), report.newly_initialized.end(), "score.weight") !=
                        report.newly_initialized.end();
  if (new_head || options.shapes_only) model->pad_with_end_of_text();
  return model;
}

}  // namespace filigree::models::gpt2
