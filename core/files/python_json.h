#pragma once
// JSON as Python's json module reads and writes it: NaN, Infinity and -Infinity are numbers, and the last of duplicate
// keys in an object wins. config.json and the tokenizer's settings are such files.
#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace filigree::files {

/// The three numbers become strings with their names: harmless under keys that are not read, and of the wrong type
/// under keys that are. DataError "path:line: ..." if `text` is not one JSON value.
nlohmann::json parse_python_json(std::string_view text, const std::string& path);

}  // namespace filigree::files
