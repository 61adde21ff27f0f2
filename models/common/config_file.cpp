#include "models/common/config_file.h"

#include <filesystem>
#include <string_view>

#include "core/error.h"
#include "core/files/json.h"
#include "core/files/read.h"

namespace filigree::models {
namespace {

/// The number without a JSON form that begins at `at`, or "".
std::string_view python_number(std::string_view text, size_t at) {
  for (const std::string_view word : {"NaN", "Infinity", "-Infinity"})
    if (text.substr(at, word.size()) == word) return word;
  return {};
}

/// Puts quotes around Python's NaN, Infinity and -Infinity where they stand outside of strings.
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

std::string config_path(const std::string& dir) { return (std::filesystem::path(dir) / "config.json").string(); }

nlohmann::json read_config(const std::string& dir) {
  const std::string file = config_path(dir);
  if (!std::filesystem::exists(file))
    throw DataError(
        fmt::format("{}: there is no such file; a model directory holds config.json and model.safetensors", file));
  const nlohmann::json config = files::parse_json(quote_python_numbers(files::read_file(file)), file);
  if (!config.is_object()) throw DataError(fmt::format("{}: is not a JSON object", file));
  return config;
}

}  // namespace filigree::models
