// labels: unit
// The record of a model that is pruned before the run or at its end.
#include "core/train/record_model.h"

#include <gtest/gtest.h>

#include <memory>
#include <variant>

#include "core/files/read.h"
#include "core/prune/plan.h"
#include "core/prune/score.h"
#include "core/prune/unstructured.h"
#include "dist/factory.h"
#include "tests/core/checkpoint/temp_dir.h"
#include "tests/core/train/toy_session.h"

namespace filigree::train {
namespace {

class RecordModel : public testing::Test {
 protected:
  RecordModel() : session(test::toy_session(*world, dir.path(), 4)) {
    session.log = std::make_unique<RunLog>(dir.path(), true);
    session.recipe.stages.resize(1);
    session.recipe.stages[0].name = "adapt";
  }

  std::vector<MetricRecord> records() const { return read_records(dir / "metrics.jsonl").records; }

  void prune_units() {
    const auto scores = prune::score_structures(*session.model, {}, *world);
    prune::apply(*session.model,
                 prune::make_plan(session.model->structures(), scores, {0.25, 0.4, false, "magnitude"}));
  }

  test::TempDir dir;
  std::unique_ptr<dist::Communicator> world = dist::make_single();
  Session session;
};

TEST_F(RecordModel, AFullModelHasNone) {
  record_first_model(session);
  record_last_model(session);
  EXPECT_TRUE(records().empty());
}

TEST_F(RecordModel, TheFirstModelIsRecordedWithWhatIsLeft) {
  prune_units();
  record_first_model(session);
  record_first_model(session);  // the file has a line now
  ASSERT_EQ(records().size(), 1u);
  const auto record = std::get<ModelRecord>(records().front());
  EXPECT_EQ(record.stage, "adapt");
  EXPECT_EQ(record.step, 0);
  EXPECT_EQ(record.at, ModelRecord::kStart);
  EXPECT_EQ(record.heads_left, (std::vector<int64_t>{3, 3}));
  EXPECT_EQ(record.heads_total, (std::vector<int64_t>{4, 4}));
  EXPECT_EQ(record.ffn_left, (std::vector<int64_t>{6, 6}));
  EXPECT_EQ(record.ffn_total, (std::vector<int64_t>{10, 10}));
  EXPECT_LT(*record.flops_ratio, 1);
  EXPECT_FALSE(record.merged_sparsity);
}

TEST_F(RecordModel, ZerosAreRecordedAtTheEndOfACompleteRun) {
  prune::prune_weights(*session.model, prune::select_linears(*session.model, {}), {0.5, false, {}}, *world);
  session.state.stage = 1;  // past the last one
  session.state.global_step = 7;
  record_last_model(session);
  const auto record = std::get<ModelRecord>(records().front());
  EXPECT_EQ(record.at, ModelRecord::kEnd);
  EXPECT_EQ(record.step, 7);
  EXPECT_NEAR(*record.sparsity, 0.5, 1e-3);
}

/// A run that trains over the zeros of its base says so at both ends. A mask keeps them, so there is no warning.
TEST_F(RecordModel, ZerosThatTheTrainingFilledAreRecorded) {
  const auto linears = prune::select_linears(*session.model, {});
  std::vector<at::Tensor> before;
  for (const nn::Linear* linear : linears) {
    at::Tensor weight = linear->weight()->value().detach();
    before.push_back(weight.clone());
    weight.narrow(0, 0, weight.size(0) / 2).zero_();
  }
  record_first_model(session);
  for (size_t i = 0; i < linears.size(); ++i) linears[i]->weight()->value().detach().copy_(before[i]);
  record_last_model(session);
  ASSERT_EQ(records().size(), 2u);
  EXPECT_NEAR(*std::get<ModelRecord>(records()[0]).sparsity, 0.5, 1e-3);
  EXPECT_EQ(*std::get<ModelRecord>(records()[1]).sparsity, 0.0);
  EXPECT_EQ(std::get<ModelRecord>(records()[1]).at, ModelRecord::kEnd);
  EXPECT_NE(files::read_file(dir / "log.txt").find("these zeros are not masked"), std::string::npos);
}

TEST_F(RecordModel, MaskedZerosNeedNoWarning) {
  prune::prune_weights(*session.model, prune::select_linears(*session.model, {}), {0.5, false, {}}, *world);
  record_first_model(session);
  EXPECT_EQ(files::read_file(dir / "log.txt").find("these zeros are not masked"), std::string::npos);
}

}  // namespace
}  // namespace filigree::train
