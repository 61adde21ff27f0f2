#pragma once
// JSON text from a file, with errors that name the file and the line. The JSON library's own messages never reach a
// user.
#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/error.h"

namespace filigree::files {

enum class DuplicateKeys { take_last, refuse };

/// DataError "path:line: ..." if `text` is not one JSON value; with `refuse`, also if an object has a duplicate key.
nlohmann::json parse_json(std::string_view text, const std::string& path,
                          DuplicateKeys duplicates = DuplicateKeys::take_last);

/// The same; `watch` sees the events of the parse.
nlohmann::json parse_json(std::string_view text, const std::string& path,
                          const nlohmann::json::parser_callback_t& watch);

/// The value of a line of text. Otherwise, `fault` says what is wrong: broken JSON, half of a surrogate pair ("\ud800"),
/// or a key twice in one object.
nlohmann::json parse_json_line(std::string_view line, std::string& fault);

/// Finds keys that an object has twice, while a text is parsed; the JSON library keeps the last of them.
class KeyCheck {
 public:
  /// The key, if the event (of nlohmann::json::parser_callback_t) is one that its object has already.
  std::optional<std::string> repeated(int depth, nlohmann::json::parse_event_t event, const nlohmann::json& value);

 private:
  std::vector<std::unordered_set<std::string>> keys_;  // of the object that is open at each depth
};

/// parse_json() of a regular file. DataError if it cannot be read.
nlohmann::json read_json(const std::string& path, DuplicateKeys duplicates = DuplicateKeys::take_last);

/// Why an access to a parsed value failed, in plain words: "the key 'x' is missing", "a value has the wrong type".
std::string explain(const nlohmann::json::exception& error);

/// Runs `body`, which reads values from the JSON of `path`; a missing key or a wrong type becomes a DataError.
template <class Body>
auto take_values(const std::string& path, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const nlohmann::json::exception& error) {
    throw DataError(fmt::format("{}: {}", path, explain(error)));
  }
}

}  // namespace filigree::files
