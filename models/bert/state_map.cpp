#include "models/bert/state_map.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "core/checkpoint/safetensors.h"
#include "core/error.h"
#include "core/random.h"
#include "models/bert/config.h"
#include "models/bert/model.h"

namespace filigree::models::bert {
namespace {

constexpr std::string_view kPrefix = "bert.";

/// The names under which a parameter may be stored, best first.
std::vector<std::string> aliases(const std::string& name) {
  std::vector<std::string> names{name};
  if (name.starts_with(kPrefix)) names.push_back(name.substr(kPrefix.size()));
  const size_t plain = names.size();
  for (size_t i = 0; i < plain; ++i) {
    const size_t at = names[i].rfind("LayerNorm.");
    if (at == std::string::npos) continue;
    const std::string stem = names[i].substr(0, at + std::string_view("LayerNorm.").size());
    names.push_back(stem + (names[i].ends_with(".weight") ? "gamma" : "beta"));
  }
  return names;
}

/// Whether a checkpoint may lack it: the task head, and the pooler that a masked LM does not save.
bool may_be_fresh(const std::string& name) {
  return name.starts_with("classifier.") || name.starts_with("cls.") || name.starts_with("bert.pooler.");
}

/// Buffers and tied copies that carry nothing of their own.
bool carries_nothing(const std::string& name) {
  return name.ends_with("embeddings.position_ids") || name.ends_with("embeddings.token_type_ids") ||
         name == "cls.predictions.decoder.weight" || name == "cls.predictions.decoder.bias";
}

/// Number, in the whole tensor, of the first element of each row of the part that lies here.
std::vector<int64_t> first_of_rows(const nn::Parameter& parameter) {
  const nn::Placement& placement = parameter.placement;
  const int64_t columns = parameter.logical_shape[1];
  const int64_t row = placement.split(0) ? placement.slice.begin : 0,
                column = placement.split(1) ? placement.slice.begin : 0;
  std::vector<int64_t> first;
  for (int64_t i = 0; i < parameter.value.size(0); ++i) first.push_back((row + i) * columns + column);
  return first;
}

/// As transformers initialises: gains 1, biases 0, the rest normal, the padding token's embedding 0. Drawn for the
/// logical matrix from a stream of its own, so it depends neither on the other tensors nor on any sharding; only the
/// part that lies here is made.
at::Tensor draw(const nn::Parameter& parameter, const Config& config, uint64_t seed) {
  const auto shape = parameter.value.sizes();
  const auto options = at::TensorOptions(at::kFloat);
  if (parameter.name.ends_with("LayerNorm.weight")) return at::ones(shape, options);
  if (shape.size() == 1) return at::zeros(shape, options);
  at::Tensor value = at::empty(shape, options);
  auto* out = value.mutable_data_ptr<float>();
  const uint64_t stream = random::stream(seed, "init", random::hash(parameter.name));
  for (const int64_t first : first_of_rows(parameter)) {
    for (int64_t i = 0; i < shape[1]; ++i) {
      *out++ = static_cast<float>(config.initializer_range * random::normal(stream, static_cast<uint64_t>(first + i)));
    }
  }
  if (parameter.name.ends_with("word_embeddings.weight")) {
    const int64_t begin = parameter.placement.split(0) ? parameter.placement.slice.begin : 0;
    const int64_t padding = config.json.value("pad_token_id", int64_t{0}) - begin;
    if (0 <= padding && padding < value.size(0)) value.select(0, padding).zero_();
  }
  return value;
}

std::string shape_text(at::IntArrayRef shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

/// Copies the file's tensors into the model's parameters.
class Filler {
 public:
  Filler(Model& model, const Config& config, const ModelOptions& options, LoadReport& report)
      : model_(model), config_(config), options_(options), report_(report) {}

  void from_random() {
    for (const nn::ParameterPtr& parameter : model_.parameters()) set_fresh(*parameter);
  }

  void from_file(const std::string& dir) {
    const auto reader = checkpoint::SafetensorsReader::open(dir);
    std::set<std::string> used;
    std::vector<std::string> missing;
    for (const nn::ParameterPtr& parameter : model_.parameters()) {
      if (const std::string* key = find(reader, parameter->name)) {
        used.insert(*key);
        set(*parameter, reader, *key);
      } else if (may_be_fresh(parameter->name)) {
        set_fresh(*parameter);
      } else {
        missing.push_back(parameter->name);
      }
    }
    if (!missing.empty()) {
      throw DataError(fmt::format("{}: {} tensors of the model are missing: {}", reader.path(), missing.size(),
                                  fmt::join(missing, ", ")));
    }
    for (const std::string& name : reader.names()) {
      if (!used.contains(name) && !carries_nothing(name)) report_.unused.push_back(name);
    }
  }

 private:
  const std::string* find(const checkpoint::SafetensorsReader& reader, const std::string& name) {
    for (const std::string& alias : aliases(name)) {
      const auto& names = reader.names();
      const auto it = std::lower_bound(names.begin(), names.end(), alias);
      if (it != names.end() && *it == alias) return &*it;
    }
    return nullptr;
  }

  void set(nn::Parameter& parameter, const checkpoint::SafetensorsReader& reader, const std::string& key) {
    const checkpoint::TensorInfo& info = reader.info(key);
    if (info.shape != parameter.logical_shape) {
      throw DataError(fmt::format("{}: tensor '{}' has the shape {}, config.json and the recipe's labels ask for {}",
                                  reader.path(), key, shape_text(info.shape), shape_text(parameter.logical_shape)));
    }
    if (!at::isFloatingType(info.dtype)) {
      throw DataError(fmt::format("{}: tensor '{}' holds integers, the model needs numbers", reader.path(), key));
    }
    const nn::Placement& placement = parameter.placement;
    parameter.value =
        (placement.replicated() ? reader.read(key) : reader.read_lines(key, placement.dim, placement.slice))
            .to(at::kFloat);
  }

  void set_fresh(nn::Parameter& parameter) {
    parameter.value = draw(parameter, config_, options_.seed);
    report_.fresh.push_back(parameter.name);
  }

  Model& model_;
  const Config& config_;
  const ModelOptions& options_;
  LoadReport& report_;
};

}  // namespace

std::unique_ptr<nn::Model> load(const std::string& dir, const nlohmann::json& json, const ModelOptions& options,
                                LoadReport& report) {
  const Config config = parse_config(json, (std::filesystem::path(dir) / "config.json").string(), options);
  auto model = std::make_unique<Model>(config);
  if (options.cut) options.cut(*model);
  Filler filler(*model, config, options, report);
  if (options.pretrained) {
    filler.from_file(dir);
  } else {
    filler.from_random();
  }
  return model;
}

}  // namespace filigree::models::bert
