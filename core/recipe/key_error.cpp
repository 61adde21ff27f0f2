#include "core/recipe/key_error.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/recipe/bind.h"

namespace filigree::recipe {
namespace {

std::string lines_of(const std::vector<KeyFault>& faults) {
  std::vector<std::string> lines;
  for (const KeyFault& fault : faults) lines.push_back(fmt::format("{}: {}", fault.key, fault.message));
  return fmt::format("{}", fmt::join(lines, "\n"));
}

}  // namespace

KeyError::KeyError(std::vector<KeyFault> faults) : UsageError(lines_of(faults)), faults_(std::move(faults)) {}

std::string at_key(const Recipe& recipe, const std::string& key, const std::string& message) {
  if (recipe.source != nullptr) return to_string(recipe.source->problem(key, message));
  return fmt::format("{}{}{}: {}", recipe.file, recipe.file.empty() ? "" : ": ", key, message);
}

bool is_given(const Recipe& recipe, const std::string& key) {
  return recipe.source != nullptr && recipe.source->by_user(key);
}

std::string key_of_stage(const Recipe& recipe, size_t stage) {
  std::vector<std::string> names;
  for (const StageConfig& other : recipe.stages) names.push_back(other.name);
  return stage_path(names, stage);
}

void at_keys(const Recipe& recipe, const std::function<void()>& body) {
  try {
    body();
  } catch (const KeyError& error) {
    std::vector<std::string> lines;
    for (const KeyFault& fault : error.faults()) lines.push_back(at_key(recipe, fault.key, fault.message));
    throw UsageError(fmt::format("{}", fmt::join(lines, "\n")));
  }
}

}  // namespace filigree::recipe
