#include "core/recipe/yaml/scalar.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "core/shown.h"

namespace filigree::recipe {
namespace {

std::string wrong(const std::string& wanted, const std::string& text, bool quoted) {
  return quoted ? fmt::format("must be {}, not the text \"{}\"", wanted, shown(text))
                : fmt::format("must be {}, not '{}'", wanted, shown(text));
}

template <class T>
std::errc from_text(const std::string& text, T& out) {
  const char* begin = text.data() + (text.size() > 1 && text[0] == '+' && text[1] != '-' ? 1 : 0);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(begin, end, out);
  return error == std::errc() && (stop != end || begin == end) ? std::errc::invalid_argument : error;
}

}  // namespace

std::string parse_scalar(const std::string& text, bool quoted, int64_t& out) {
  int64_t value = 0;
  const std::errc error = quoted ? std::errc::invalid_argument : from_text(text, value);
  if (error == std::errc::result_out_of_range) return fmt::format("is {}, which is too large", shown(text));
  if (error != std::errc()) return wrong("a whole number", text, quoted);
  out = value;
  return "";
}

std::string parse_scalar(const std::string& text, bool quoted, double& out) {
  double value = 0;
  const std::errc error = quoted ? std::errc::invalid_argument : from_text(text, value);
  if (error == std::errc::result_out_of_range)
    return fmt::format("is {}, which a double cannot represent", shown(text));
  if (error != std::errc() || !std::isfinite(value)) return wrong("a number", text, quoted);
  out = value;
  return "";
}

std::string parse_scalar(const std::string& text, bool quoted, bool& out) {
  if (quoted || (text != "true" && text != "false")) return wrong("true or false", text, quoted);
  out = text == "true";
  return "";
}

std::string parse_scalar(const std::string& text, bool /*quoted*/, std::string& out) {
  // The system's calls would end a path there.
  if (text.find('\0') != std::string::npos) return fmt::format("is '{}', which contains a NUL character", shown(text));
  out = text;
  return "";
}

std::string describe_kind(const Tree& tree) {
  switch (tree.kind) {
    case Tree::Kind::null:
      return "nothing";
    case Tree::Kind::list:
      return "a list";
    case Tree::Kind::map:
      return "a section";
    case Tree::Kind::scalar:
      break;
  }
  return fmt::format("'{}'", shown(tree.text));
}

}  // namespace filigree::recipe
