#include "core/files/python_json.h"

#include "core/files/json.h"

namespace filigree::files {
namespace {

/// The number at `at` that JSON cannot represent, or "".
std::string_view python_number(std::string_view text, size_t at) {
  for (const std::string_view word : {"NaN", "Infinity", "-Infinity"})
    if (text.substr(at, word.size()) == word) return word;
  return {};
}

/// Puts quotes around Python's NaN, Infinity and -Infinity outside of strings.
std::string quote_python_numbers(std::string_view text) {
  std::string out;
  bool in_string = false, escaped = false;
  for (size_t i = 0; i < text.size();) {
    const std::string_view word = in_string ? std::string_view() : python_number(text, i);
    if (!word.empty()) {
      out.append("\"").append(word).append("\"");
      i += word.size();
      continue;
    }
    const char c = text[i++];
    if (c == '"' && !escaped) in_string = !in_string;
    escaped = in_string && c == '\\' && !escaped;
    out.push_back(c);
  }
  return out;
}

}  // namespace

nlohmann::json parse_python_json(std::string_view text, const std::string& path) {
  return parse_json(quote_python_numbers(text), path);
}

}  // namespace filigree::files
