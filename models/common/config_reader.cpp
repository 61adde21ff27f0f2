#include "models/common/config_reader.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>
#include <string>

#include "core/counted.h"

namespace filigree::models {

using nlohmann::json;

namespace {

constexpr int64_t kMaxUnits = 1 << 24;  // heads or neurons of all layers
constexpr size_t kShown = 60;           // characters of a value in a message

/// Whether layers differ at most in their heads and neurons, which an hf_pruned export also lists in "filigree".
bool differ_in_units_only(const ConfigReader& in) {
  const json* layers = in.find("per_layer_config");
  if (layers == nullptr) return true;
  if (!layers->is_object()) return false;
  const std::set<std::string> units{"num_attention_heads", "n_head", "intermediate_size", "n_inner"};
  for (const json& layer : *layers) {
    if (!layer.is_object()) return false;
    for (const auto& item : layer.items())
      if (!units.contains(item.key())) return false;
  }
  return true;
}

std::vector<int64_t> first(int64_t count) {
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), int64_t{0});
  return all;
}

/// One layer's entry: a list of kept units, or their count.
std::vector<int64_t> kept_units(const ConfigReader& in, const json& value, int64_t total, const char* what,
                                size_t layer) {
  const auto is_index = [&](const json& unit) {
    return unit.is_number_unsigned() && unit.get<uint64_t>() < static_cast<uint64_t>(total);
  };
  if (value.is_number_unsigned() && value.get<uint64_t>() <= static_cast<uint64_t>(total))
    return first(value.get<int64_t>());
  if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_index)) {
    in.refuse("filigree.{}[{}] must be a count or a list of numbers below {}, not {}", what, layer, total,
              shown(value));
  }
  auto kept = value.get<std::vector<int64_t>>();
  if (std::adjacent_find(kept.begin(), kept.end(), std::greater_equal<>()) != kept.end()) {
    in.refuse("filigree.{}[{}] must be ascending", what, layer);
  }
  return kept;
}

}  // namespace

const KeyNames& ConfigReader::no_names() {
  static const KeyNames none;
  return none;
}

const char* ConfigReader::name_of(const char* key) const {
  const auto other = names_.find(key);
  if (other == names_.end()) return key;
  const auto it = config_.find(other->second);
  return it == config_.end() || it->is_null() ? key : other->second;
}

const json* ConfigReader::find(const char* key) const {
  const auto it = config_.find(name_of(key));
  return it == config_.end() || it->is_null() ? nullptr : &*it;
}

bool ConfigReader::is_null(const char* key) const {
  const auto it = config_.find(key);
  return it != config_.end() && it->is_null();
}

int64_t ConfigReader::size(const char* key, int64_t fallback, int64_t most) const {
  return integer(key, fallback, 1, most);
}

int64_t ConfigReader::integer(const char* key, int64_t fallback, int64_t low, int64_t high) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  const bool fits = value->is_number_unsigned() ? value->get<uint64_t>() <= static_cast<uint64_t>(high)
                                                : value->is_number_integer() && value->get<int64_t>() <= high;
  if (!fits || value->get<int64_t>() < low) {
    refuse("{} must be a whole number from {} to {}, not {}", name_of(key), low, high, shown(*value));
  }
  return value->get<int64_t>();
}

double ConfigReader::number(const char* key, double fallback, double low, double high) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_number() || value->get<double>() < low || value->get<double>() > high) {
    refuse("{} must be a number from {} to {}, not {}", key, low, high, shown(*value));
  }
  return value->get<double>();
}

std::string ConfigReader::text(const char* key, const std::string& fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_string()) refuse("{} must be a string, not {}", key, shown(*value));
  return value->get<std::string>();
}

bool ConfigReader::flag(const char* key, bool fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) refuse("{} must be true or false, not {}", key, shown(*value));
  return value->get<bool>();
}

nn::ops::Activation ConfigReader::activation(const char* key, const std::string& fallback) const {
  const std::string name = text(key, fallback);
  const auto activation = nn::ops::activation_from(name);
  if (!activation) {
    refuse("{} '{}' is not supported; use one of {}", key, name, fmt::join(nn::ops::activation_names(), ", "));
  }
  return *activation;
}

void ConfigReader::refuse_if_set(const char* key, const char* why) const {
  if (flag(key)) refuse("{} is true: {}", key, why);
}

void ConfigReader::refuse_if_given(const char* key, const char* why) const {
  const json* value = find(key);
  if (value != nullptr && !value->empty()) refuse("{} is {}: {}", key, shown(*value), why);
}

std::string shown(const json& value) {
  const std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
  return text.size() <= kShown ? text : text.substr(0, kShown) + "...";
}

void refuse_unsupported(const ConfigReader& in) {
  in.refuse_if_set("add_cross_attention", "cross attention is not supported");
  in.refuse_if_set("is_encoder_decoder", "encoder-decoder models are not supported");
  if (in.find("filigree") == nullptr || !differ_in_units_only(in))
    in.refuse_if_given("per_layer_config", "layers with different configurations are not supported");
  if (in.find("filigree") == nullptr)
    in.refuse_if_given("pruned_heads",
                       "pruned heads are read only from an export of filigree, which lists the remaining ones");
}

void check_units(const ConfigReader& in, const char* layers_key, int64_t layers, const char* units_key, int64_t units) {
  if (layers * units > kMaxUnits)
    in.refuse("{} {} x {} {} is more than the supported maximum of {}", in.name_of(layers_key), layers,
              in.name_of(units_key), units, kMaxUnits);
}

std::vector<std::vector<int64_t>> read_kept(const ConfigReader& in, const char* what, int64_t layers, int64_t total) {
  std::vector<std::vector<int64_t>> kept(static_cast<size_t>(layers), first(total));
  const json* filigree = in.find("filigree");
  if (filigree == nullptr) return kept;
  if (!filigree->is_object()) in.refuse("filigree must be an object");
  const auto it = filigree->find(what);
  if (it == filigree->end()) return kept;
  if (!it->is_array() || it->size() != kept.size())
    in.refuse("filigree.{} must list {}", what, counted(layers, "layer"));
  for (size_t layer = 0; layer < kept.size(); ++layer) kept[layer] = kept_units(in, (*it)[layer], total, what, layer);
  return kept;
}

int64_t unpruned_width(const ConfigReader& in, int64_t width, int64_t layers) {
  const json* filigree = in.find("filigree");
  if (filigree == nullptr || !filigree->is_object() || !filigree->contains("ffn_width")) return width;
  const int64_t most = std::max(width, kMaxUnits / std::max<int64_t>(1, layers));
  const json& value = (*filigree)["ffn_width"];
  const bool fits = value.is_number_integer() && value >= width && value <= most;
  if (!fits) in.refuse("filigree.ffn_width must be a whole number from {} to {}, not {}", width, most, shown(value));
  if (!filigree->contains("neurons"))
    in.refuse("filigree.ffn_width needs filigree.neurons, the lists of the remaining neurons");
  return value.get<int64_t>();
}

}  // namespace filigree::models
