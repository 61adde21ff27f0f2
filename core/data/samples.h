#pragma once
// A split as read from its files, before tokenization.
#include <cstdint>
#include <string>
#include <vector>

#include "core/data/dataset.h"
#include "core/data/task.h"
#include "core/recipe/recipe.h"

namespace filigree::data {

struct Samples {
  std::vector<std::vector<std::string>> texts;
  std::vector<int64_t> classes;
  std::vector<float> scores;
  std::vector<int32_t> file;  ///< index into Dataset::files
  std::vector<int64_t> lines;

  /// Keeps the samples with these indices, which ascend.
  void keep(const std::vector<size_t>& kept);
};

/// Reads the rows of one split; records its files and the skipped rows in `out`. data.max_train_samples applies to
/// "train". Throws DataError if there is no row.
Samples read_samples(const recipe::DataConfig& config, const TaskSpec& task, const std::string& split, int64_t seed,
                     Dataset& out);

}  // namespace filigree::data
