#include "core/files/json_values.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace filigree::files {

std::optional<double> as_number(const nlohmann::json& value) {
  if (!value.is_number()) return std::nullopt;
  const auto number = value.get<double>();
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

std::optional<int64_t> as_integer(const nlohmann::json& value) {
  const auto number = as_number(value);
  return number && std::abs(*number) < 9e15 ? std::optional(static_cast<int64_t>(*number)) : std::nullopt;
}

std::optional<double> number_at(const nlohmann::json& object, const std::string& key) {
  const auto found = object.find(key);
  return found == object.end() ? std::nullopt : as_number(*found);
}

std::optional<int64_t> integer_at(const nlohmann::json& object, const std::string& key) {
  const auto found = object.find(key);
  return found == object.end() ? std::nullopt : as_integer(*found);
}

std::string text_at(const nlohmann::json& object, const std::string& key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<int64_t> integers_at(const nlohmann::json& object, const std::string& key) {
  std::vector<int64_t> values;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return values;
  for (const auto& item : *found)
    if (item.is_number_integer()) values.push_back(item.get<int64_t>());
  return values;
}

}  // namespace filigree::files
