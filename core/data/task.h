#pragma once
// Resolves a recipe's data section to files, columns, labels and metrics. GLUE's tasks have presets for
// GLUE's own file layouts; explicit keys of the recipe override the preset.
//
//   sst2 cola mrpc rte qnli qqp mnli wnli   sequence_classification
//   stsb                                    regression (scores 0 to 5)
//   wordnet                                 45 classes (supersense), see wordnet.h; format: wordnet is enough
//
// Class numbers follow `labels`: labels[i] is id2label[i]. If a GLUE file holds 0 and 1, `labels` are the
// names with which the data set is published, and both names and numbers are read. MNLI's order is
// entailment, neutral, contradiction.
#include <map>
#include <string>
#include <vector>

#include "core/data/format.h"
#include "core/metric.h"
#include "core/recipe/recipe.h"
#include "core/task.h"

namespace filigree::data {

/// Where one split is stored.
struct SplitSource {
  std::string file;  ///< path; wordnet: its directory
  bool header = true;
  std::vector<std::string> text;  ///< the columns to read
  std::string label;              ///< column; empty: this split has no labels
};

struct TaskSpec {
  std::string name;  ///< "sst2"; without a preset, the name of the format
  std::shared_ptr<const Format> format;
  Task model_task = Task::sequence_classification;
  std::map<std::string, SplitSource> splits;  ///< by split: train, dev, test, dev_mismatched, ...
  std::vector<std::string> eval_splits;       ///< what "dev" stands for: {dev}, for MNLI {dev_matched, dev_mismatched}
  std::vector<std::string> labels;            ///< class names by number; empty for regression and language modeling
  std::vector<Metric> metrics;                ///< the first one is the main one
};

/// Resolves the data section. Labels that neither the recipe nor the preset names are collected from the
/// training split (numbers by value, otherwise names by bytes). Throws UsageError, for a fault of a key a KeyError
/// (core/recipe/key_error.h), if the recipe does not fit the task; DataError on a bad training file.
TaskSpec resolve_task(const recipe::DataConfig& config, Task model_task, const FormatRegistry& formats);

/// The splits that `split` of a recipe names: {split}, except for "dev" of a task with several dev splits.
std::vector<std::string> splits_of(const TaskSpec& task, const std::string& split);

}  // namespace filigree::data
