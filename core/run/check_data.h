#pragma once
// Checks the data of a recipe before a run: reads the rows of the splits that a run reads, without tokenizing them.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/data/task.h"
#include "core/recipe/recipe.h"

namespace filigree::train {

struct CheckedSplit {
  std::optional<int64_t> samples;     ///< none: known only after tokenization (data.pack)
  std::vector<std::string> warnings;  ///< of missing_classes()
};

/// Reads a split: columns, labels and bad rows. Throws UsageError or DataError as a run would.
CheckedSplit check_split(const recipe::Recipe& recipe, const data::TaskSpec& task, const std::string& split);

/// A line, which names the recipe's key, if no training sample has one of the labels `names`; `classes`: by sample.
std::vector<std::string> missing_classes(const recipe::Recipe& recipe, const std::vector<std::string>& names,
                                         const std::vector<int64_t>& classes);

}  // namespace filigree::train
