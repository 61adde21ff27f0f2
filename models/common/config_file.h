#pragma once
// config.json of a model directory as a JSON object.
#include <nlohmann/json.hpp>

#include <string>

namespace filigree::models {

/// "DIR/config.json".
std::string config_path(const std::string& dir);

/// Parsed as Python does (core/files/python_json.h). Throws a DataError that names the file when it cannot be read or
/// is not a JSON object, and for the directory of an adapter, which transformers loads together with its base.
nlohmann::json read_config(const std::string& dir);

}  // namespace filigree::models
