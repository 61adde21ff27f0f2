#pragma once
// config.json of a model directory as a JSON object.
#include <nlohmann/json.hpp>

#include <string>

namespace filigree::models {

/// "DIR/config.json".
std::string config_path(const std::string& dir);

/// Python writes numbers that JSON does not have; NaN, Infinity and -Infinity become strings of these names, so that
/// they do no harm under keys that are not read and are refused under those that are. DataError naming the file when it
/// cannot be read or is not a JSON object.
nlohmann::json read_config(const std::string& dir);

}  // namespace filigree::models
