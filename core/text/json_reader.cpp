#include "core/text/json_reader.h"

#include <fmt/format.h>

#include <limits>

#include "core/error.h"
#include "core/files/json.h"
#include "core/files/python_json.h"
#include "core/text/text_file.h"

namespace filigree::data {

using nlohmann::json;

JsonReader::JsonReader(std::string file, Dialect dialect) : file_(std::move(file)) {
  const std::string text = read_text_file(file_);
  root_ = dialect == Dialect::python ? files::parse_python_json(text, file_)
                                     : files::parse_json(text, file_, files::DuplicateKeys::refuse);
  if (!root_.is_object()) fail("is not a JSON object");
}

std::optional<JsonReader> JsonReader::settings(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return {};
  return JsonReader(file.string(), Dialect::python);
}

void JsonReader::fail(const std::string& message) const { throw DataError(fmt::format("{}: {}", file_, message)); }

const json& JsonReader::object(const json& in, const char* key) const {
  if (!in.contains(key) || !in[key].is_object()) fail(fmt::format("'{}' is missing or not an object", key));
  return in[key];
}

std::string JsonReader::text(const json& in, const char* key, const std::string& otherwise) const {
  if (!in.contains(key) || in[key].is_null()) return otherwise;
  const json& value = in[key];
  if (value.is_object() && value.contains("content") && value["content"].is_string()) return value["content"];
  if (!value.is_string()) fail(fmt::format("'{}' is not a string", key));
  return value;
}

bool JsonReader::flag(const json& in, const char* key, bool otherwise) const {
  return optional_flag(in, key).value_or(otherwise);
}

std::optional<bool> JsonReader::optional_flag(const json& in, const char* key) const {
  if (!in.contains(key) || in[key].is_null()) return {};
  if (!in[key].is_boolean()) fail(fmt::format("'{}' is not true or false", key));
  return in[key].get<bool>();
}

int64_t JsonReader::number(const json& value, const std::string& what, int64_t most) const {
  if (!value.is_number_integer() || value < 0 || value > most)
    fail(fmt::format("{} is not a number from 0 to {}", what, most));
  return value;
}

int32_t JsonReader::id(const json& value, const std::string& what) const {
  return static_cast<int32_t>(number(value, what, std::numeric_limits<int32_t>::max() - 1));
}

void JsonReader::expect_type(const json& in, const char* part, const std::string& wanted) const {
  const std::string found = text(in, "type", "null");
  if (found != wanted) fail(fmt::format("{} of type {} is not supported; use {}", part, found, wanted));
}

}  // namespace filigree::data
