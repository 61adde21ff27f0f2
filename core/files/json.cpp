#include "core/files/json.h"

#include <algorithm>

#include "core/files/read.h"
#include "core/shown.h"

namespace filigree::files {
namespace {

using nlohmann::json;

constexpr size_t kShown = 24;  // bytes of the text that a message quotes

constexpr int kMostNested = 512;  // values are copied and destroyed recursively
constexpr int kParseError = 101, kWrongType = 302, kMissingKey = 403, kShortList = 401, kNumberTooLarge = 406;

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

/// The printable ASCII at `position`, to the end of its line.
std::string shown(std::string_view text, size_t position) {
  std::string_view rest = text.substr(std::min(position, text.size()));
  rest = rest.substr(0, std::min(rest.find('\n'), kShown));
  const auto end = std::ranges::find_if_not(rest, [](char c) { return c >= ' ' && c <= '~'; });
  return {rest.begin(), end};
}

/// "path:line: reason", with the text at the position where the parser stopped.
[[noreturn]] void fail_at_byte(std::string_view text, const std::string& path, size_t byte, const std::string& reason) {
  const size_t position = std::min(byte > 0 ? byte - 1 : 0, text.size());
  const std::string_view before = text.substr(0, position);
  const auto line = std::ranges::count(before, '\n') + 1;
  const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  const auto column = std::ranges::count_if(before.substr(line_start), [](char c) { return !continues_character(c); });
  const std::string found = shown(text, position);
  throw DataError(fmt::format("{}:{}: {} (column {}{})", path, line, reason, column + 1,
                              found.empty() ? "" : fmt::format(", near '{}'", found)));
}

/// Why a text cannot be parsed, in plain words.
std::string why_invalid(const json::exception& error) {
  const bool surrogate =
      error.id == kParseError && std::string_view(error.what()).find("surrogate") != std::string::npos;
  return surrogate ? "has half of a surrogate pair (\\ud800 to \\udfff), which is not a character"
                   : "is not valid JSON";
}

[[noreturn]] void fail_parse(std::string_view text, const std::string& path, const json::parse_error& error) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) throw DataError(fmt::format("{}: is empty", path));
  if (error.byte > text.size())
    fail_at_byte(text, path, error.byte, "the JSON text ends in the middle of a value; the file may be cut short");
  fail_at_byte(text, path, error.byte, why_invalid(error));
}

void check_depth(int depth, const std::string& path) {
  if (depth > kMostNested)
    throw DataError(fmt::format("{}: its values are nested more than {} deep", path, kMostNested));
}

}  // namespace

json parse_json(std::string_view text, const std::string& path, const json::parser_callback_t& watch) {
  try {
    return json::parse(text, [&](int depth, json::parse_event_t event, json& value) {
      check_depth(depth, path);
      return watch(depth, event, value);
    });
  } catch (const json::parse_error& error) {
    fail_parse(text, path, error);
  } catch (const json::exception& error) {
    throw DataError(fmt::format("{}: {}", path, explain(error)));
  }
}

json parse_json(std::string_view text, const std::string& path, DuplicateKeys duplicates) {
  KeyCheck keys;
  return parse_json(text, path, [&](int depth, json::parse_event_t event, const json& value) {
    if (duplicates == DuplicateKeys::take_last) return true;
    if (const auto key = keys.repeated(depth, event, value))
      throw DataError(fmt::format("{}: contains the key '{}' twice in one object", path, *key));
    return true;
  });
}

std::optional<std::string> KeyCheck::repeated(int depth, json::parse_event_t event, const json& value) {
  const auto level = static_cast<size_t>(depth);
  if (keys_.size() < level + 2) keys_.resize(level + 2);
  if (event == json::parse_event_t::object_start) keys_[level + 1].clear();
  if (event != json::parse_event_t::key) return std::nullopt;
  const auto& key = value.get_ref<const std::string&>();
  return keys_[level].insert(key).second ? std::nullopt : std::optional(key);
}

json parse_json_line(std::string_view line, std::string& fault) {
  KeyCheck keys;
  const auto watch = [&](int depth, json::parse_event_t event, const json& value) {
    if (const auto key = keys.repeated(depth, event, value); key && fault.empty())
      fault = fmt::format("contains the key '{}' twice in one object", filigree::shown(*key));
    return true;
  };
  try {
    return json::parse(line, watch);
  } catch (const json::exception& error) {
    fault = fmt::format("{}: {}", why_invalid(error), filigree::shown(line));
    return {};
  }
}

json read_json(const std::string& path, DuplicateKeys duplicates) {
  return parse_json(read_file(path), path, duplicates);
}

std::string explain(const json::exception& error) {
  if (error.id == kMissingKey) {
    const std::string_view what = error.what();
    const size_t begin = what.find('\'') + 1, end = what.rfind('\'');
    if (begin != 0 && begin <= end) return fmt::format("the key '{}' is missing", what.substr(begin, end - begin));
  }
  if (error.id == kWrongType) return "a value has the wrong type";
  if (error.id == kShortList) return "a list is too short";
  if (error.id == kNumberTooLarge) return "contains a number that is too large";
  return "a value or key is missing or has the wrong type";
}

}  // namespace filigree::files
