// Which evaluation becomes the best one: the metric and split that decide, and ties.
//
// labels: unit
#include "core/train/evaluate_and_log.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "dist/factory.h"
#include "tests/core/checkpoint/temp_dir.h"
#include "tests/core/train/toy_session.h"

namespace filigree::train {
namespace {

/// All samples have label 1, and the head's bias decides what the model predicts.
class EvaluateAndLog : public testing::Test {
 protected:
  EvaluateAndLog() : session(test::toy_session(*world, dir.path(), 4)) {
    session.log = std::make_unique<RunLog>(dir.path(), true);
    data::Dataset dev = test::toy_dataset(4);
    dev.classes.assign(4, 1);
    session.eval_data = {dev};
    auto& parameters = session.model->parameters();
    parameters.at("classifier.weight").value().zero_();
    parameters.at("classifier.bias").value().zero_();
  }

  /// Evaluates after `step` steps, with a bias for the labels' class.
  bool improves(int64_t step, double bias, bool compete = true) {
    session.state.global_step = step;
    session.model->parameters().at("classifier.bias").value()[1] = bias;
    return evaluate_and_log(session, "adapt", compete);
  }

  test::TempDir dir;
  std::unique_ptr<dist::Communicator> world = dist::make_single();
  Session session;
};

TEST_F(EvaluateAndLog, TheTasksFirstMetricDecidesAndATieIsNoImprovement) {
  EXPECT_TRUE(improves(3, -1)) << "the first one";
  EXPECT_EQ(session.state.best->metric, "accuracy");
  EXPECT_EQ(session.state.best->split, "dev");
  EXPECT_EQ(session.state.best->value, 0.0);
  EXPECT_EQ(session.state.best->step, 3);
  EXPECT_FALSE(improves(4, -0.5)) << "a lower loss, the same accuracy";
  EXPECT_TRUE(improves(5, 1));
  EXPECT_EQ(session.state.best->value, 1.0);
  EXPECT_FALSE(improves(6, -1));
  EXPECT_EQ(session.state.best->step, 5);
}

/// Larger is better, so the loss counts with a minus. With the bias b its value is log(2 + e^b) - b.
TEST_F(EvaluateAndLog, ALossDecidesByItsNegation) {
  session.recipe.eval.best = "loss";
  EXPECT_TRUE(improves(1, 0));
  EXPECT_NEAR(session.state.best->value, -std::log(3.0), 1e-5);
  EXPECT_TRUE(improves(2, 0.5)) << "the same accuracy, a lower loss";
  EXPECT_NEAR(session.state.best->value, 0.5 - std::log(2 + std::exp(0.5)), 1e-5);
  EXPECT_FALSE(improves(3, 0.25));
}

TEST_F(EvaluateAndLog, OutsideTheCompetitionNothingBecomesTheBest) {
  EXPECT_FALSE(improves(1, 1, /*compete=*/false));
  EXPECT_FALSE(session.state.best.has_value());
  EXPECT_EQ(session.log->lines(), 1) << "it is logged";
}

/// The second split is logged, but does not decide.
TEST_F(EvaluateAndLog, TheFirstSplitDecides) {
  data::Dataset other = session.eval_data[0];
  other.split = "dev_mismatched";
  other.classes.assign(4, 0);
  session.eval_data.push_back(other);
  EXPECT_TRUE(improves(1, 1));
  EXPECT_EQ(session.state.best->split, "dev");
  EXPECT_EQ(session.state.best->value, 1.0);
  EXPECT_EQ(session.log->lines(), 2);
}

}  // namespace
}  // namespace filigree::train
