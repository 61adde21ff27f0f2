#pragma once
// Reading, checking and writing recipes.
#include <string>
#include <utility>
#include <vector>

#include "core/recipe/catalog.h"
#include "core/recipe/range.h"
#include "core/recipe/recipe.h"

namespace filigree::recipe {

struct Problem {
  std::string file;
  int line = 0;               ///< 1-based; 0 for --set, which has no line
  std::string key;            ///< full path, e.g. "stages.adapt.train.lr"
  std::string message;        ///< "is not a key of train; did you mean 'lr'?"
  std::string argument = {};  ///< of --set: "stages.adapt.train.lr=0"
};
/// "file:line: key: message", or "--set key: message"; "--set key=value: path: message" if the argument sets a key
/// other than the one with the problem.
std::string to_string(const Problem& problem);

/// Keys that have another name now, or no effect: a user's recipe with one is refused; the recipe that a run, a
/// checkpoint or an export of an earlier version holds is read. What --set gives is the user's in both cases.
enum class OldKeys { refuse, accept };

/// Reads `path`, substitutes ${VAR}, applies `--set` items ("stages.adapt.train.lr=1e-4"), fills defaults and validates
/// the result. Throws UsageError with every problem at once, one per line. The recipe.yaml in the directory of a run or
/// an export is a saved recipe, whose old keys are accepted.
Recipe load(const std::string& path, const std::vector<std::string>& sets, const Catalog& catalog,
            OldKeys old_keys = OldKeys::refuse);

/// The same for a recipe given as text, such as the one in a checkpoint; `name` is for messages.
Recipe load_text(const std::string& text, const std::string& name, const Catalog& catalog,
                 const std::vector<std::string>& sets = {}, OldKeys old_keys = OldKeys::refuse);

/// The resolved recipe: every key with its value. load_text() accepts it.
std::string to_yaml(const Recipe& recipe);

/// The path of every key, lists as "stages[]", options of a method as "stages[].method(dsee).rank".
std::vector<std::string> keys(const Catalog& catalog);

/// Each key that had another name in earlier versions: that name, and its present path, as in keys().
std::vector<std::pair<std::string, std::string>> former_keys(const Catalog& catalog);

/// A key with a numeric value: its path, as in keys(), and its range.
struct NumberKey {
  std::string path;
  Range range;
  bool whole = false;
};
std::vector<NumberKey> number_keys(const Catalog& catalog);

/// docs/recipe-reference.md, generated from the structs.
std::string reference(const Catalog& catalog);

}  // namespace filigree::recipe
