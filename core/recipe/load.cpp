#include "core/recipe/load.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "core/error.h"
#include "core/files/ownership.h"
#include "core/files/run_paths.h"
#include "core/recipe/bind.h"
#include "core/recipe/check.h"
#include "core/recipe/idle_keys.h"
#include "core/recipe/yaml/set.h"
#include "core/recipe/yaml/tree.h"
#include "core/shown.h"

namespace filigree::recipe {
namespace {

std::string all_lines(std::vector<Problem> problems) {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    const bool a_set = a.file == kSetOrigin, b_set = b.file == kSetOrigin;
    return a_set != b_set ? b_set : a.line < b.line;
  });
  std::vector<std::string> lines;
  for (const Problem& problem : problems) lines.push_back(to_string(problem));
  return fmt::format("{}", fmt::join(lines, "\n"));
}

/// Whether filigree wrote the file into a run or an export.
bool is_saved(const std::string& path) {
  const std::filesystem::path file(path);
  if (file.filename() != files::run_names::kRecipe) return false;
  const std::string dir = file.has_parent_path() ? file.parent_path().string() : ".";
  return files::is_marked(dir, files::DirectoryKind::run) || files::is_marked(dir, files::DirectoryKind::model_export);
}

Recipe from_tree(Tree tree, const std::string& path, const std::vector<std::string>& sets, const Catalog& catalog,
                 OldKeys old_keys) {
  std::vector<Problem> problems;
  Recipe recipe;
  for (const std::string& item : sets) apply_set(tree, item, problems, recipe.notes);
  const Source source = Binder(catalog, old_keys, problems).bind(tree, recipe);
  recipe.file = path;
  settle(recipe, catalog, source);
  check(recipe, catalog, source, problems);
  if (!problems.empty()) throw UsageError(all_lines(std::move(problems)));
  reset_idle_keys(recipe, catalog);
  recipe.source = std::make_shared<const Source>(source);
  return recipe;
}

}  // namespace

std::string to_string(const Problem& problem) {
  // Keys and values come from the user and may have any length.
  constexpr size_t kLongestKey = 200, kLongestMessage = 1000, kLongestArgument = 100;
  const std::string key = shown(problem.key, kLongestKey), message = shown(problem.message, kLongestMessage);
  if (problem.file == kSetOrigin) {
    const bool own = problem.argument.empty() || problem.argument.starts_with(problem.key + "=");
    if (own) return fmt::format("--set {}: {}", key, message);
    return fmt::format("--set {}: {}: {}", shown(problem.argument, kLongestArgument), key, message);
  }
  const std::string place = problem.line > 0 ? fmt::format("{}:{}", problem.file, problem.line) : problem.file;
  return problem.key.empty() ? fmt::format("{}: {}", place, message) : fmt::format("{}: {}: {}", place, key, message);
}

Recipe load(const std::string& path, const std::vector<std::string>& sets, const Catalog& catalog, OldKeys old_keys) {
  return from_tree(read_tree(path), path, sets, catalog, is_saved(path) ? OldKeys::accept : old_keys);
}

Recipe load_text(const std::string& text, const std::string& name, const Catalog& catalog,
                 const std::vector<std::string>& sets, OldKeys old_keys) {
  return from_tree(parse_tree(text, name), name, sets, catalog, old_keys);
}

}  // namespace filigree::recipe
