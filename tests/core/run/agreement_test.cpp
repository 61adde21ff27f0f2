// Ranks that were started with different things do not begin: every key of a recipe is compared, and the message names
// the rank, the key and both values.
#include "core/run/agreement.h"

#include <gtest/gtest.h>

#include <fstream>
#include <mutex>
#include <set>

#include "core/adapt/method.h"
#include "core/error.h"
#include "core/recipe/load.h"
#include "dist/factory.h"
#include "tests/core/run/every_key.h"
#include "tests/support/catalog.h"

namespace filigree::train {
namespace {

using test::kClasses;
using test::Row;
using test::rows;
using test::Sets;

class AgreementTest : public ::testing::Test {
 protected:
  recipe::Recipe load(const char* text, const Sets& sets) {
    const std::string path = ::testing::TempDir() + "/filigree-agreement.yaml";
    std::ofstream(path) << text;
    return recipe::load(path, sets, filigree::testing::builtin_catalog());
  }

  /// "stages.0.train.lr" of "stages.warm.train.lr=5e-2".
  static std::string key_of(const recipe::Recipe& recipe, const std::string& set) {
    std::string key = set.substr(0, set.find('='));
    for (size_t i = 0; i < recipe.stages.size(); ++i) {
      const std::string start = "stages." + recipe.stages[i].name + ".";
      if (key.starts_with(start)) return fmt::format("stages.{}.{}", i, key.substr(start.size()));
    }
    return key;
  }
};

/// What all ranks throw, which must be the same on each; "" when none throws.
template <class Error>
std::string refusal(const std::vector<std::vector<Subject>>& of_ranks) {
  std::mutex mutex;
  std::set<std::string> messages;
  dist::run_threads(static_cast<int>(of_ranks.size()), [&](dist::Communicator& ranks) {
    std::string message;
    try {
      require_agreement(ranks, of_ranks[static_cast<size_t>(ranks.rank())]);
    } catch (const Error& error) {
      message = error.what();
    }
    const std::lock_guard lock(mutex);
    messages.insert(message);
  });
  EXPECT_EQ(messages.size(), 1U) << "the ranks say different things";
  return *messages.begin();
}

TEST_F(AgreementTest, EveryKeyOfARecipeIsCompared) {
  std::set<std::string> covered;
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.key);
    const recipe::Recipe mine = load(row.recipe, row.both);
    Sets sets = row.both;
    sets.push_back(row.set);
    const recipe::Recipe other = load(row.recipe, sets);
    EXPECT_EQ(refusal<UsageError>({{recipe_subject(mine)}, {recipe_subject(mine)}}), "");
    const std::string message = refusal<UsageError>({{recipe_subject(mine)}, {recipe_subject(other)}});
    EXPECT_TRUE(message.starts_with("rank 1 (")) << message;
    EXPECT_NE(message.find(" has a different recipe than rank 0 ("), std::string::npos) << message;
    const std::string named = row.named.empty() ? key_of(mine, row.set) : row.named;
    EXPECT_NE(message.find("\n  " + named + ": "), std::string::npos) << message;
    covered.insert(row.key);
  }
  // The one key that has one value only.
  recipe::Recipe mine = load(kClasses, {}), other = mine;
  other.stages[0].train->optimizer = static_cast<recipe::Optimizer>(1);
  EXPECT_NE(refusal<UsageError>({{recipe_subject(mine)}, {recipe_subject(other)}}).find("stages.0.train.optimizer: "),
            std::string::npos);
  covered.insert("stages[].train.optimizer");
  const auto keys = recipe::keys(filigree::testing::builtin_catalog());
  for (const std::string& key : keys) {
    const bool section = std::ranges::any_of(keys, [&](const std::string& longer) {
      return longer.starts_with(key + ".") || longer.starts_with(key + "[]");
    });
    EXPECT_TRUE(covered.contains(key) || section) << key << " has no row: add one";
  }
}

TEST_F(AgreementTest, MessageHasBothValuesAndAdvice) {
  const auto mine = recipe_subject(load(kClasses, {}));
  const auto other = recipe_subject(load(kClasses, {"seed=8", "stages.warm.train.lr=5e-2"}));
  const std::string message = refusal<UsageError>({{mine}, {other}});
  EXPECT_NE(message.find("\n  seed: 1 on rank 0, 8 on rank 1\n  stages.0.train.lr: 0.001 on rank 0, 0.05 on rank 1\n"
                         "Start all ranks with"),
            std::string::npos)
      << message;
}

TEST_F(AgreementTest, AValueThatOneRankLacksIsNotSet) {
  const Sets sets{"data.labels=[a, b]", "eval.best=f1", "data.train=t.tsv", "data.dev=''",
                  "stages.warm.prune={sparsity: 0}"};
  const std::string message =
      refusal<UsageError>({{recipe_subject(load(kClasses, {}))}, {recipe_subject(load(kClasses, sets))}});
  for (const char* line :
       {"data.labels: (not set) on rank 0, [a, b] on rank 1", "eval.best: (not set) on rank 0, f1 on rank 1",
        "data.dev: (not set) on rank 0, '' on rank 1", "stages.0.prune.sparsity: (not set) on rank 0, 0 on rank 1"})
    EXPECT_NE(message.find(fmt::format("\n  {}\n", line)), std::string::npos) << line << "\n" << message;
  const auto split = [](const std::string& value) { return arguments_subject({{"--split", value}}); };
  EXPECT_NE(refusal<UsageError>({{split("")}, {split("dev")}}).find("--split: (not set) on rank 0, dev on rank 1\n"),
            std::string::npos);
}

TEST_F(AgreementTest, TheLowerRankComesFirst) {
  const auto mine = recipe_subject(load(kClasses, {})), other = recipe_subject(load(kClasses, {"seed=8"}));
  const std::string message = refusal<UsageError>({{other}, {mine}, {mine}});
  EXPECT_TRUE(message.starts_with("rank 0 (")) << message;
  EXPECT_NE(message.find("\n  seed: 8 on rank 0, 1 on rank 1\n"), std::string::npos) << message;
}

TEST_F(AgreementTest, TheOddRankIsNamed) {
  const auto mine = recipe_subject(load(kClasses, {}));
  const auto other = recipe_subject(load(kClasses, {"seed=8"}));
  EXPECT_TRUE(refusal<UsageError>({{mine}, {mine}, {other}}).starts_with("rank 2 ("));
  EXPECT_TRUE(refusal<UsageError>({{other}, {mine}, {mine}}).starts_with("rank 0 ("));
  EXPECT_NE(refusal<UsageError>({{mine}, {mine}, {mine}, {other}, {other}}).find("(2 ranks differ)"),
            std::string::npos);
}

TEST_F(AgreementTest, FilesThatDifferAreADataError) {
  const auto files = [](const std::string& hash) {
    return Subject{"set of files", "Copy them anew", 3, {{"model/config.json", hash}, {"training set", "ab"}}};
  };
  const std::string message = refusal<DataError>({{files("12")}, {files("34")}});
  EXPECT_NE(message.find("a different set of files"), std::string::npos) << message;
  EXPECT_NE(message.find("model/config.json: 12 on rank 0, 34 on rank 1"), std::string::npos) << message;
  EXPECT_EQ(message.find("training set"), std::string::npos) << message;
  auto gone = files("12");
  gone.facts.erase(gone.facts.begin());
  EXPECT_NE(refusal<DataError>({{files("12")}, {gone}}).find("model/config.json: 12 on rank 0, (not set) on rank 1"),
            std::string::npos);
}

TEST_F(AgreementTest, RanksThatDoOtherWorkAreTold) {
  const Subject train{"recipe", "", 2, {{"seed", "1"}}}, eval{"model", "", 3, {{"weights", "ab"}}};
  EXPECT_NE(refusal<UsageError>({{train}, {eval}}).find("rank 1 ("), std::string::npos);
}

}  // namespace
}  // namespace filigree::train
