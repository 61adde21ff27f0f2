// labels: unit
// Which evaluations the end of a run lists.
#include "core/train/run_summary.h"

#include <gtest/gtest.h>

namespace filigree::train {
namespace {

EvalRecord eval(const std::string& stage, int64_t step, const std::string& split, double loss = 1) {
  return {.stage = stage, .step = step, .split = split, .values = {{"loss", loss}}};
}

TEST(RunSummary, KeepsTheLastEvaluationOfEachSplit) {
  std::vector<MetricRecord> records;
  for (int64_t step : {1, 2, 3})
    for (const char* split : {"dev_matched", "dev_mismatched"}) {
      records.emplace_back(TrainRecord{.stage = "adapt", .step = step});
      records.emplace_back(eval("adapt", step, split));
    }
  records.emplace_back(PruneRecord{.stage = "prune", .step = 4});
  records.emplace_back(eval("prune", 4, "dev_matched"));
  records.emplace_back(eval("recover", 5, "dev_matched", 0.5));
  records.emplace_back(eval("recover", 6, "dev_matched", 0.25));
  EXPECT_EQ(last_evaluations(records),
            (std::vector<EvalRecord>{eval("adapt", 3, "dev_matched"), eval("adapt", 3, "dev_mismatched"),
                                     eval("prune", 4, "dev_matched"), eval("recover", 6, "dev_matched", 0.25)}));
  EXPECT_TRUE(last_evaluations({}).empty());
}

}  // namespace
}  // namespace filigree::train
