#pragma once
// The rules between the keys of a recipe's data section, the data format and the task of the model. `filigree check`
// reports all of them; data::resolve_task() applies them again, because `filigree eval` may join the data of one recipe
// with the model of another.
#include <optional>
#include <string>
#include <vector>

#include "core/recipe/catalog.h"
#include "core/recipe/recipe.h"

namespace filigree::recipe {

struct DataProblem {
  std::string key;                         ///< "data.text"
  std::string message;                     ///< "is missing: ..."
  std::vector<std::string> rests_on = {};  ///< keys whose values the rule uses
};

/// The rules that are broken, in the order of the keys. An unknown format breaks none.
std::vector<DataProblem> data_problems(const DataConfig& data, Task model_task, const Catalog& catalog);

/// The broken rule of a preset beside the format of other files; `format_given`: data.format is not the default.
std::optional<DataProblem> preset_problem(const DataConfig& data, bool format_given);

/// The format that the data section stands for: wordnet with `task: wordnet`, tsv with another preset.
std::string format_of(const DataConfig& data);

}  // namespace filigree::recipe
