#include "core/data/presets.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"

namespace filigree::data {
namespace {

using Names = std::vector<std::string>;

/// A row of GLUE's table. Columns are 0-based numbers; -1 is the last one.
struct Layout {
  const char* name;
  Names text, test_text;
  const char* label;
  Names labels;  ///< in order of the class numbers; empty: scores
  std::vector<Metric> metrics;
  bool header = true;
};

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> table = {
      {"sst2", {"0"}, {"1"}, "1", {"negative", "positive"}, {Metric::accuracy}},
      {"cola", {"3"}, {"1"}, "1", {"unacceptable", "acceptable"}, {Metric::mcc}, false},
      {"mrpc", {"3", "4"}, {"3", "4"}, "0", {"not_equivalent", "equivalent"}, {Metric::accuracy, Metric::f1}},
      {"rte", {"1", "2"}, {"1", "2"}, "-1", {"entailment", "not_entailment"}, {Metric::accuracy}},
      {"qnli", {"1", "2"}, {"1", "2"}, "-1", {"entailment", "not_entailment"}, {Metric::accuracy}},
      {"qqp", {"3", "4"}, {"1", "2"}, "5", {"not_duplicate", "duplicate"}, {Metric::accuracy, Metric::f1}},
      {"mnli", {"8", "9"}, {"8", "9"}, "-1", {"entailment", "neutral", "contradiction"}, {Metric::accuracy}},
      {"stsb", {"7", "8"}, {"7", "8"}, "-1", {}, {Metric::pearson, Metric::spearman}},
      {"wnli", {"1", "2"}, {"1", "2"}, "-1", {"not_entailment", "entailment"}, {Metric::accuracy}},
  };
  return table;
}

TaskSpec build(const Layout& layout) {
  TaskSpec task;
  task.name = layout.name;
  task.model_task = layout.labels.empty() ? Task::regression : Task::sequence_classification;
  task.labels = layout.labels;
  task.metrics = layout.metrics;
  const SplitSource labelled{"", layout.header, layout.text, layout.label};
  const SplitSource unlabelled{"", true, layout.test_text, ""};
  auto add = [&](const std::string& split, SplitSource source) {
    source.file = split + ".tsv";
    task.splits[split] = std::move(source);
  };
  add("train", labelled);
  if (task.name == "mnli") {
    for (const char* part : {"matched", "mismatched"}) {
      task.eval_splits.push_back(std::string("dev_") + part);
      add(task.eval_splits.back(), labelled);
      add(std::string("test_") + part, unlabelled);
    }
  } else {
    task.eval_splits = {"dev"};
    add("dev", labelled);
    add("test", unlabelled);
  }
  return task;
}

}  // namespace

TaskSpec preset_task(const std::string& name) {
  for (const Layout& layout : layouts())
    if (name == layout.name) return build(layout);
  throw UsageError(fmt::format("data.task: unknown task '{}': use one of {}", name, fmt::join(preset_names(), ", ")));
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Layout& layout : layouts()) names.emplace_back(layout.name);
  names.emplace_back("wordnet");  // the format of this name
  return names;
}

}  // namespace filigree::data
