#include "core/recipe/yaml/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "core/recipe/suggest.h"
#include "core/shown.h"

namespace filigree::recipe {
namespace {

std::optional<std::string> set_in_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

bool is_name(const std::string& name) {
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

std::string unset_problem(const std::string& name) {
  if (name.starts_with("FILIGREE_")) {
    const std::string guess = nearest(name, {"FILIGREE_HOME", "FILIGREE_MODELS", "FILIGREE_DATA"});
    if (guess != name) return fmt::format("uses ${{{}}}, which is not set{}", shown(name), did_you_mean(guess));
    return fmt::format("uses ${{{}}}, but neither it nor HOME is set", shown(name));
  }
  return fmt::format("uses ${{{}}}, which is not set; export {}=...", shown(name), shown(name));
}

}  // namespace

std::optional<std::string> variable(const std::string& name) {
  std::optional<std::string> value = set_in_environment(name);
  const bool ours = name == "FILIGREE_HOME" || name == "FILIGREE_MODELS" || name == "FILIGREE_DATA";
  if (!ours || (value && !value->empty())) return value;
  if (name == "FILIGREE_HOME") {
    const auto home = set_in_environment("HOME");
    return home && !home->empty() ? std::optional(*home + "/.cache/filigree") : std::nullopt;
  }
  const auto home = variable("FILIGREE_HOME");
  return home ? std::optional(*home + (name == "FILIGREE_MODELS" ? "/models" : "/data")) : std::nullopt;
}

std::optional<std::string> substitute(const std::string& text, const Lookup& lookup, std::string& problem) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text.compare(i, 3, "$${") == 0) {
      out += "${";
      i += 3;
    } else if (text.compare(i, 2, "${") == 0) {
      const size_t end = text.find('}', i);
      const std::string name = end == std::string::npos ? "" : text.substr(i + 2, end - i - 2);
      if (!is_name(name)) {
        problem = "contains '${' without a variable name and '}'; write $${ for a literal ${";
        return std::nullopt;
      }
      const auto value = lookup(name);
      if (!value) {
        problem = unset_problem(name);
        return std::nullopt;
      }
      out += *value;
      i = end + 1;
    } else {
      out += text[i++];
    }
  }
  return out;
}

std::string escape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "${") == 0) out += '$';
    out += text[i];
  }
  return out;
}

}  // namespace filigree::recipe
