#pragma once
// Values of JSON from files that may be damaged or edited, and whose problems are passed over. A value that is absent or
// of another type is empty. `object` must be an object.
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace filigree::files {

/// Also empty if it is not finite.
std::optional<double> as_number(const nlohmann::json& value);
/// Of a number with a fraction, the whole part; also empty from 9e15 on.
std::optional<int64_t> as_integer(const nlohmann::json& value);

std::optional<double> number_at(const nlohmann::json& object, const std::string& key);
std::optional<int64_t> integer_at(const nlohmann::json& object, const std::string& key);
std::string text_at(const nlohmann::json& object, const std::string& key);
/// Items that are not integers are skipped.
std::vector<int64_t> integers_at(const nlohmann::json& object, const std::string& key);

}  // namespace filigree::files
