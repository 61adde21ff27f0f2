#include "models/common/config_reader.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <numeric>

namespace filigree::models {

using nlohmann::json;

namespace {

constexpr int64_t kMaxSize = 1 << 24;

int64_t labels_in(const ConfigReader& in) {
  if (const json* names = in.find("id2label"); names != nullptr && names->is_object() && !names->empty()) {
    return static_cast<int64_t>(names->size());
  }
  return in.size("num_labels", 2);
}

std::vector<int64_t> first(int64_t count) {
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), int64_t{0});
  return all;
}

/// One layer's entry: a list of kept units, or how many of them.
std::vector<int64_t> kept_units(const ConfigReader& in, const json& value, int64_t total, const char* what,
                                size_t layer) {
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

}  // namespace

const json* ConfigReader::find(const char* key) const {
  const auto it = config_.find(key);
  return it == config_.end() || it->is_null() ? nullptr : &*it;
}

int64_t ConfigReader::size(const char* key, int64_t fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_number_integer() || value->get<int64_t>() < 1 || value->get<int64_t>() > kMaxSize) {
    refuse("{} must be a whole number from 1 to {}, not {}", key, kMaxSize, value->dump());
  }
  return value->get<int64_t>();
}

double ConfigReader::number(const char* key, double fallback, double low, double high) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_number() || value->get<double>() < low || value->get<double>() > high) {
    refuse("{} must be a number from {} to {}, not {}", key, low, high, value->dump());
  }
  return value->get<double>();
}

std::string ConfigReader::text(const char* key, const std::string& fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_string()) refuse("{} must be a string, not {}", key, value->dump());
  return value->get<std::string>();
}

bool ConfigReader::flag(const char* key, bool fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) refuse("{} must be true or false, not {}", key, value->dump());
  return value->get<bool>();
}

nn::ops::Activation ConfigReader::activation(const char* key, const std::string& fallback) const {
  const std::string name = text(key, fallback);
  const auto activation = nn::ops::activation_from(name);
  if (!activation) {
    refuse("{} '{}' is not known; known ones: {}", key, name, fmt::join(nn::ops::activation_names(), ", "));
  }
  return *activation;
}

void ConfigReader::refuse_if_set(const char* key, const char* why) const {
  if (flag(key)) refuse("{} is true: {}", key, why);
}

int64_t read_labels(const ConfigReader& in, const ModelOptions& options, int64_t fallback, json& config) {
  if (nn::is_over_tokens(options.task)) return fallback;
  const bool regression = options.task == nn::Task::regression;
  const int64_t count = regression ? 1 : options.num_labels > 0 ? options.num_labels : labels_in(in);
  std::vector<std::string> names = options.label_names;
  if (names.empty() && labels_in(in) == count && in.find("id2label") != nullptr) return count;
  for (auto i = static_cast<int64_t>(names.size()); i < count; ++i) names.push_back(fmt::format("LABEL_{}", i));
  FG_CHECK(static_cast<int64_t>(names.size()) == count, "{} label names for {} labels", names.size(), count);
  json id2label = json::object(), label2id = json::object();
  for (size_t i = 0; i < names.size(); ++i) {
    id2label[std::to_string(i)] = names[i];
    label2id[names[i]] = i;
  }
  config["id2label"] = id2label;
  config["label2id"] = label2id;
  config.erase("num_labels");
  return count;
}

std::vector<std::vector<int64_t>> read_kept(const ConfigReader& in, const char* what, int64_t layers, int64_t total) {
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

}  // namespace filigree::models
