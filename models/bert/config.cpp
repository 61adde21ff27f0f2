#include "models/bert/config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace filigree::models::bert {
namespace {

using nlohmann::json;

/// Typed access to config.json with messages that name file and key.
class Reader {
 public:
  Reader(const json& config, const std::string& file) : config_(config), file_(file) {}

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    throw DataError(fmt::format("{}: {}", file_, fmt::format(format, std::forward<Args>(args)...)));
  }

  int64_t size(const char* key, int64_t fallback) const {
    const json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_number_integer() || value->get<int64_t>() < 1 || value->get<int64_t>() > kMaxSize) {
      refuse("{} must be a whole number from 1 to {}, not {}", key, kMaxSize, value->dump());
    }
    return value->get<int64_t>();
  }

  double number(const char* key, double fallback, double low, double high) const {
    const json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_number() || value->get<double>() < low || value->get<double>() > high) {
      refuse("{} must be a number from {} to {}, not {}", key, low, high, value->dump());
    }
    return value->get<double>();
  }

  std::string text(const char* key, const std::string& fallback) const {
    const json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_string()) refuse("{} must be a string, not {}", key, value->dump());
    return value->get<std::string>();
  }

  bool flag(const char* key) const {
    const json* value = find(key);
    if (value != nullptr && !value->is_boolean()) refuse("{} must be true or false, not {}", key, value->dump());
    return value != nullptr && value->get<bool>();
  }

  /// nullptr when the key is absent or null.
  const json* find(const char* key) const {
    const auto it = config_.find(key);
    return it == config_.end() || it->is_null() ? nullptr : &*it;
  }

 private:
  static constexpr int64_t kMaxSize = 1 << 24;
  const json& config_;
  const std::string& file_;
};

void read_sizes(const Reader& in, Config& config) {
  config.vocab_size = in.size("vocab_size", config.vocab_size);
  config.hidden = in.size("hidden_size", config.hidden);
  config.layers = in.size("num_hidden_layers", config.layers);
  config.heads = in.size("num_attention_heads", config.heads);
  config.intermediate = in.size("intermediate_size", config.intermediate);
  config.max_positions = in.size("max_position_embeddings", config.max_positions);
  config.type_vocab = in.size("type_vocab_size", config.type_vocab);
  config.norm_eps = in.number("layer_norm_eps", config.norm_eps, 0, 1);
  config.initializer_range = in.number("initializer_range", config.initializer_range, 0, 10);
  if (config.hidden % config.heads != 0) {
    in.refuse("hidden_size {} is not a multiple of num_attention_heads {}", config.hidden, config.heads);
  }
}

void read_dropout(const Reader& in, Config& config, const ModelOptions& options) {
  constexpr double kMost = 0.99;
  config.hidden_dropout = options.dropout.value_or(in.number("hidden_dropout_prob", config.hidden_dropout, 0, kMost));
  config.attention_dropout =
      options.dropout.value_or(in.number("attention_probs_dropout_prob", config.attention_dropout, 0, kMost));
  config.head_dropout = options.dropout.value_or(in.number("classifier_dropout", config.hidden_dropout, 0, kMost));
}

void check_supported(const Reader& in, Config& config) {
  const std::string positions = in.text("position_embedding_type", "absolute");
  if (positions != "absolute") in.refuse("position_embedding_type '{}' is not supported, only 'absolute'", positions);
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    if (in.flag(key)) in.refuse("{} is true: only encoders are supported", key);
  }
  const std::string name = in.text("hidden_act", "gelu");
  const auto activation = nn::ops::activation_from(name);
  if (!activation) {
    in.refuse("hidden_act '{}' is not known; known ones: {}", name, fmt::join(nn::ops::activation_names(), ", "));
  }
  config.activation = *activation;
}

int64_t labels_in(const Reader& in) {
  if (const json* names = in.find("id2label"); names != nullptr && names->is_object() && !names->empty()) {
    return static_cast<int64_t>(names->size());
  }
  return in.size("num_labels", 2);
}

/// Label count and names: what the options say, else config.json.
void read_labels(const Reader& in, Config& config, const ModelOptions& options) {
  config.task = options.task;
  if (options.task == nn::Task::masked_lm) return;
  const bool regression = options.task == nn::Task::regression;
  config.num_labels = regression ? 1 : options.num_labels > 0 ? options.num_labels : labels_in(in);
  std::vector<std::string> names = options.label_names;
  if (names.empty() && labels_in(in) == config.num_labels && in.find("id2label") != nullptr) return;
  for (auto i = static_cast<int64_t>(names.size()); i < config.num_labels; ++i)
    names.push_back(fmt::format("LABEL_{}", i));
  FG_CHECK(static_cast<int64_t>(names.size()) == config.num_labels, "{} label names for {} labels", names.size(),
           config.num_labels);
  json id2label = json::object(), label2id = json::object();
  for (size_t i = 0; i < names.size(); ++i) {
    id2label[std::to_string(i)] = names[i];
    label2id[names[i]] = i;
  }
  config.json["id2label"] = id2label;
  config.json["label2id"] = label2id;
  config.json.erase("num_labels");
}

std::vector<int64_t> first(int64_t count) {
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), int64_t{0});
  return all;
}

/// One layer's entry: a list of kept units, or how many of them.
std::vector<int64_t> kept_units(const Reader& in, const json& value, int64_t total, const char* what, size_t layer) {
  const auto is_index = [&](const json& unit) {
    return unit.is_number_unsigned() && unit.get<uint64_t>() < static_cast<uint64_t>(total);
  };
  if (value.is_number_unsigned() && value.get<uint64_t>() <= static_cast<uint64_t>(total))
    return first(value.get<int64_t>());
  if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_index)) {
    in.refuse("filigree.{}[{}] must be a count or a list of numbers below {}, not {}", what, layer, total,
              value.dump());
  }
  auto kept = value.get<std::vector<int64_t>>();
  if (std::adjacent_find(kept.begin(), kept.end(), std::greater_equal<>()) != kept.end()) {
    in.refuse("filigree.{}[{}] must be ascending", what, layer);
  }
  return kept;
}

std::vector<std::vector<int64_t>> read_kept(const Reader& in, const char* what, int64_t layers, int64_t total) {
  std::vector<std::vector<int64_t>> kept(static_cast<size_t>(layers), first(total));
  const json* filigree = in.find("filigree");
  if (filigree == nullptr) return kept;
  if (!filigree->is_object()) in.refuse("filigree must be an object");
  const auto it = filigree->find(what);
  if (it == filigree->end()) return kept;
  if (!it->is_array() || it->size() != kept.size()) in.refuse("filigree.{} must list {} layers", what, layers);
  for (size_t layer = 0; layer < kept.size(); ++layer) kept[layer] = kept_units(in, (*it)[layer], total, what, layer);
  return kept;
}

}  // namespace

Config parse_config(const json& source, const std::string& file, const ModelOptions& options) {
  const Reader in(source, file);
  Config config;
  config.json = source;
  read_sizes(in, config);
  read_dropout(in, config, options);
  check_supported(in, config);
  read_labels(in, config, options);
  config.kept_heads = read_kept(in, "heads", config.layers, config.heads);
  config.kept_neurons = read_kept(in, "neurons", config.layers, config.intermediate);
  config.json.erase("filigree");
  return config;
}

}  // namespace filigree::models::bert
