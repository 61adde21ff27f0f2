#pragma once
// JSON as Python's json module reads and writes it: NaN, Infinity and -Infinity are numbers, and of equal keys of one
// object the last counts. config.json and the tokenizer's settings are such files.
#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace filigree::files {

/// The three numbers become strings of their names: they do no harm under keys that are not read and have the wrong
/// type under those that are. DataError "path:line: ..." when `text` is not one JSON value.
nlohmann::json parse_python_json(std::string_view text, const std::string& path);

}  // namespace filigree::files
