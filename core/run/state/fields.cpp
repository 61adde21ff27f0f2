#include "core/run/state/fields.h"

#include <cmath>
#include <limits>
#include <utility>

#include "core/error.h"

namespace filigree::train {
namespace {

/// Unsigned values beyond int64 would wrap around.
bool is_count(const nlohmann::json& value) {
  if (value.is_number_unsigned()) return value.get<uint64_t>() <= std::numeric_limits<int64_t>::max();
  return value.is_number_integer() && value.get<int64_t>() >= 0;
}

}  // namespace

Fields::Fields(const nlohmann::json& json, std::string where) : json_(json), where_(std::move(where)) {
  if (!json_.is_object()) throw DataError(fmt::format("{}: must be an object", where_));
}

const nlohmann::json& Fields::at(const std::string& key) const {
  const auto found = json_.find(key);
  if (found == json_.end()) fail(key, "is missing");
  return *found;
}

int64_t Fields::count(const std::string& key) const {
  if (!is_count(at(key))) fail(key, "must be a whole number, at least 0");
  return at(key).get<int64_t>();
}

double Fields::number(const std::string& key) const {
  if (!at(key).is_number() || !std::isfinite(at(key).get<double>())) fail(key, "must be a finite number");
  return at(key).get<double>();
}

std::string Fields::text(const std::string& key) const {
  if (!at(key).is_string()) fail(key, "must be a string");
  return at(key).get<std::string>();
}

std::vector<std::string> Fields::texts(const std::string& key) const {
  std::vector<std::string> items;
  if (!at(key).is_array()) fail(key, "must be a list of strings");
  for (const nlohmann::json& item : at(key)) {
    if (!item.is_string()) fail(key, "must be a list of strings");
    items.push_back(item.get<std::string>());
  }
  return items;
}

std::map<std::string, std::string> Fields::text_map(const std::string& key) const {
  const Fields object = this->object(key);
  std::map<std::string, std::string> items;
  for (const auto& [name, value] : object.json_.items()) items[name] = object.text(name);
  return items;
}

Fields Fields::object(const std::string& key) const { return {at(key), where_ + "." + key}; }

std::vector<Fields> Fields::list(const std::string& key) const {
  std::vector<Fields> items;
  if (!at(key).is_array()) fail(key, "must be a list");
  for (const nlohmann::json& item : at(key))
    items.emplace_back(item, fmt::format("{}.{}[{}]", where_, key, items.size()));
  return items;
}

void Fields::fail(const std::string& key, const std::string& problem) const {
  throw DataError(fmt::format("{}.{}: {}", where_, key, problem));
}

}  // namespace filigree::train
