#include "core/export/peft/peft_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <regex>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/files/json.h"
#include "core/files/read.h"

namespace filigree::checkpoint {
namespace {

using json = nlohmann::ordered_json;

constexpr const char* kMergeFirst = "merge it into the base with peft's merge_and_unload() and start from that model";
constexpr const char* kLora = "LORA";
constexpr const char* kSupertuning = "SUPERTUNING";
constexpr double kDefaultRank = 8, kDefaultAlpha = 8;  // of a LoRA
constexpr int64_t kMaxRank = 1 << 20;
constexpr const char* kNumber = "\\.(\\d+)\\..*";  // number of a layer, and what follows it

/// Keys of a LoRA that are read here, that matter only while peft trains, or that only describe.
constexpr std::array kKnownOfLora = {"alpha_pattern",
                                     "auto_mapping",
                                     "base_model_name_or_path",
                                     "bias",
                                     "corda_config",
                                     "eva_config",
                                     "exclude_modules",
                                     "fan_in_fan_out",
                                     "inference_mode",
                                     "init_lora_weights",
                                     "layers_pattern",
                                     "layers_to_transform",
                                     "loftq_config",
                                     "lora_alpha",
                                     "lora_dropout",
                                     "lora_ga_config",
                                     "megatron_core",
                                     "modules_to_save",
                                     "peft_type",
                                     "peft_version",
                                     "qalora_group_size",
                                     "r",
                                     "rank_pattern",
                                     "revision",
                                     "runtime_config",
                                     "target_modules",
                                     "task_type",
                                     "use_rslora"};

/// The same of Super-Tuning.
constexpr std::array kKnownOfSupertuning = {"auto_mapping",
                                            "base_model_name_or_path",
                                            "inference_mode",
                                            "init_weights",
                                            "lora_alpha",
                                            "lora_dropout",
                                            "modules_to_save",
                                            "peft_type",
                                            "peft_version",
                                            "r",
                                            "revision",
                                            "runtime_config",
                                            "save_precomputed_indices",
                                            "select_top",
                                            "sparsity",
                                            "target_modules",
                                            "task_type"};

/// Whether this initialization of A and B leaves the base weights unchanged.
bool leaves_the_base(const json& init) {
  if (init.is_null() || init.is_boolean()) return true;
  return init == "gaussian" || init == "eva" || init == "orthogonal";
}

/// Null, false, 0, "", [] or {}: the value of a key that requests nothing.
bool asks_for_nothing(const json& value) {
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value == 0;
  if (value.is_string()) return value.get<std::string>().empty();
  return value.empty();
}

std::string shown(const json& value) {
  constexpr size_t kShown = 60;
  const std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  return text.size() <= kShown ? text : text.substr(0, kShown) + "...";
}

bool ends_with_name(const std::string& module, const std::string& name) {
  return module == name || module.ends_with("." + name);
}

}  // namespace

PeftConfig::PeftConfig(json config, const std::string& file) : config_(std::move(config)), file_(file) {}

PeftConfig PeftConfig::read(const std::string& file) {
  if (!std::filesystem::exists(file))
    throw DataError(
        fmt::format("{}: is missing; set model.init_lora to a directory that peft's save_pretrained or "
                    "`filigree export --format peft` wrote",
                    file));
  const std::string text = files::read_file(file);
  if (!files::parse_json(text, file).is_object()) throw DataError(fmt::format("{}: is not a JSON object", file));
  PeftConfig config(json::parse(text), file);
  config.refuse_unless_plain();
  return config;
}

template <class T>
T PeftConfig::value_or(const std::string& key, T other) const {
  const auto found = config_.find(key);
  if (found == config_.end() || found->is_null()) return other;
  try {
    return found->get<T>();
  } catch (const json::exception&) {
    throw DataError(fmt::format("{}: {} is {}, which has the wrong type", file_, key, shown(*found)));
  }
}

void PeftConfig::refuse_unless_plain() const {
  const auto type = value_or<std::string>("peft_type", "");
  if (type != kLora && type != kSupertuning)
    refuse(fmt::format("peft_type is '{}', but model.init_lora requires {} or {}", type, kLora, kSupertuning));
  for (const auto& [key, value] : config_.items()) {
    const bool known = is_supertuning() ? std::ranges::count(kKnownOfSupertuning, std::string_view(key)) > 0
                                        : std::ranges::count(kKnownOfLora, std::string_view(key)) > 0;
    if (!known && !asks_for_nothing(value))
      refuse(fmt::format("{} is set, which is not {}", key, is_supertuning() ? "plain Super-Tuning" : "a plain LoRA"));
  }
  if (is_supertuning()) return refuse_unless_explicit();
  if (const auto bias = value_or<std::string>("bias", "none"); bias != "none")
    refuse(fmt::format("bias is '{}': the LoRA also trained biases", bias));
  if (const json init = config_.value("init_lora_weights", json()); !leaves_the_base(init))
    refuse(fmt::format("init_lora_weights is {}, which is not known to leave the base weights unchanged", shown(init)));
}

void PeftConfig::refuse_unless_explicit() const {
  if (!value_or("save_precomputed_indices", true))
    throw UsageError(
        fmt::format("{}: save_precomputed_indices is false: the adapter does not contain its positions; save "
                    "it again with save_precomputed_indices=True",
                    file_));
  if (const double sparsity = this->sparsity(); !(sparsity >= 0 && sparsity < 1))
    throw DataError(fmt::format("{}: sparsity is {}, which is not at least 0 and below 1", file_, sparsity));
}

void PeftConfig::refuse(const std::string& what) const {
  throw UsageError(fmt::format("{}: {}; {}", file_, what, kMergeFirst));
}

bool PeftConfig::is_supertuning() const { return value_or<std::string>("peft_type", "") == kSupertuning; }

double PeftConfig::sparsity() const { return value_or("sparsity", 0.99); }

bool PeftConfig::matches(const std::string& pattern, const std::string& text, const char* key, const char* before,
                         const char* after) const {
  try {
    return std::regex_match(text, std::regex(before + pattern + after));
  } catch (const std::regex_error&) {
    throw DataError(
        fmt::format("{}: {} has '{}', which filigree cannot parse as a regular expression", file_, key, pattern));
  }
}

std::optional<double> PeftConfig::pattern_for(const char* key, const std::string& module) const {
  const json patterns = value_or(key, json::object());
  if (!patterns.is_object()) throw DataError(fmt::format("{}: {} is not an object", file_, key));
  for (const auto& [pattern, value] : patterns.items()) {
    if (!matches(pattern, module, key, "(.*\\.)?(", ")")) continue;
    if (!value.is_number())
      throw DataError(fmt::format("{}: {} has {} for '{}', which is not a number", file_, key, shown(value), pattern));
    return value.get<double>();
  }
  return std::nullopt;
}

int64_t PeftConfig::rank(const std::string& module) const {
  if (is_supertuning() && value_or("r", json()).is_null()) return 0;
  const double rank = pattern_for("rank_pattern", module).value_or(value_or("r", kDefaultRank));
  if (rank < 1 || rank > kMaxRank || rank != std::floor(rank))
    throw DataError(fmt::format("{}: the rank of '{}' is {}, which is not a whole number from 1 to {}", file_, module,
                                rank, kMaxRank));
  return static_cast<int64_t>(rank);
}

double PeftConfig::scale(const std::string& module) const {
  const auto r = static_cast<double>(rank(module));
  if (r == 0) return 1;
  const double usual = is_supertuning() ? 2 * r : kDefaultAlpha;
  const double alpha = pattern_for("alpha_pattern", module).value_or(value_or("lora_alpha", usual));
  return alpha / (value_or("use_rslora", false) ? std::sqrt(r) : r);
}

bool PeftConfig::named_by(const char* key, const std::string& module) const {
  const json given = value_or(key, json());
  if (given.is_string()) return matches(given.get<std::string>(), module, key);
  const auto names = value_or(key, std::vector<std::string>{});
  return std::any_of(names.begin(), names.end(), [&](const auto& name) { return ends_with_name(module, name); });
}

/// The layer number of a module: the first number after two name parts, or after a name of layers_pattern.
std::optional<int64_t> PeftConfig::layer_of(const std::string& module) const {
  const json words = value_or("layers_pattern", json());
  auto patterns = words.is_string() ? std::vector<std::string>{words.get<std::string>()}
                                    : value_or("layers_pattern", std::vector<std::string>{});
  std::erase(patterns, "");
  const char* before = patterns.empty() ? ".*?\\." : "(?:^|.*?\\.)";
  if (patterns.empty()) patterns.emplace_back("[^.]*");
  for (const std::string& pattern : patterns) {
    if (!matches(pattern, module, "layers_pattern", before, kNumber)) continue;
    std::smatch found;
    std::regex_match(module, found, std::regex(before + pattern + kNumber));
    const std::string digits = found[found.size() - 1];
    int64_t layer = -1;
    std::from_chars(digits.data(), digits.data() + digits.size(), layer);
    return layer;
  }
  return std::nullopt;
}

bool PeftConfig::in_layers(const std::string& module) const {
  const json given = value_or("layers_to_transform", json());
  if (given.is_null() || (given.is_array() && given.empty())) return true;
  const auto layers = given.is_array() ? value_or("layers_to_transform", std::vector<int64_t>{})
                                       : std::vector<int64_t>{value_or("layers_to_transform", int64_t{0})};
  const auto layer = layer_of(module);
  return layer && std::find(layers.begin(), layers.end(), *layer) != layers.end();
}

bool PeftConfig::changes(const std::string& module) const {
  if (named_by("exclude_modules", module)) return false;
  for (const std::string& saved : value_or("modules_to_save", std::vector<std::string>{}))
    if (matches(saved, module, "modules_to_save", "(^|.*\\.)", "($|\\..*)")) return false;
  const json targets = value_or("target_modules", json());
  if (targets.is_null() || targets == "all-linear") return true;
  if (targets.is_string()) return matches(targets.get<std::string>(), module, "target_modules");
  return named_by("target_modules", module) && in_layers(module);
}

}  // namespace filigree::checkpoint
