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
#include "tests/support/catalog.h"

namespace filigree::train {
namespace {

using Sets = std::vector<std::string>;

const char* const kClasses = R"(
name: base
seed: 1
model: {path: /model, task: sequence_classification}
data: {format: tsv, dir: /data, text: [sentence], label: label}
stages:
  - {name: warm, method: bitfit, train: {max_steps: 4, batch_size: 8, lr: 1e-3}}
  - {name: all, method: full, train: {epochs: 2, batch_size: 8, lr: 1e-3}}
  - {name: low, method: {name: lora, rank: 4, targets: [query]}, train: {max_steps: 4, batch_size: 8, lr: 1e-3}}
  - {name: both, method: {name: dsee, rank: 4, num_sparse: 8, targets: [value]}, train: {max_steps: 4, batch_size: 8, lr: 1e-3}}
  - {name: cut, prune: {structure: [heads, ffn], heads: 0.2, ffn: 0.3}}
  - {name: recover, train: {max_steps: 4, batch_size: 8, lr: 1e-3, distill: {weight: 0.5}}}
  - {name: zero, prune: {sparsity: 0.3}}
  - {name: out, export: {format: hf, dir: export}}
)";
const char* const kMasked = R"(
name: base
model: {path: /model, task: masked_lm}
data: {format: tsv, dir: /data, text: [sentence]}
stages:
  - {name: all, method: full, train: {max_steps: 4, batch_size: 8, lr: 1e-3}}
)";
const char* const kCausal = R"(
name: base
model: {path: /model, task: causal_lm}
data: {format: text, dir: /data, train: train.txt, dev: dev.txt}
eval: {generate: {beams: 2}}
stages:
  - {name: all, method: full, train: {max_steps: 4, batch_size: 8, lr: 1e-3}}
)";

/// A key as the list of keys spells it, and how rank 1 sets it otherwise.
struct Row {
  std::string key;
  std::string set;    ///< "seed=8"
  std::string named;  ///< what the message must name; empty: the key of `set` with the stage's number
  Sets both = {};     ///< set on both ranks
  const char* recipe = kClasses;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {"name", "name=other", ""},
      {"seed", "seed=8", ""},
      {"model.path", "model.path=/elsewhere", ""},
      {"model.task", "model.task=regression", "", {"stages.recover.train.distill=null"}},
      {"model.reset_head", "model.reset_head=false", ""},
      {"model.init", "model.init=random", ""},
      {"model.dropout", "model.dropout=0.3", ""},
      {"model.init_lora", "model.init_lora=/lora", "", {"stages.warm.method={name: lora, rank: 2, targets: [key]}"}},
      {"data.format", "data.format=csv", ""},
      {"data.task", "data.task=sst2", ""},
      {"data.dir", "data.dir=/other", ""},
      {"data.train", "data.train=a.tsv", ""},
      {"data.dev", "data.dev=a.tsv", ""},
      {"data.test", "data.test=a.tsv", ""},
      {"data.text", "data.text=[title]", ""},
      {"data.label", "data.label=class", ""},
      {"data.labels", "data.labels=[a, b]", ""},
      {"data.header", "data.header=false", "", {"data.text=[0]", "data.label=1", "data.header=true"}},
      {"data.metric", "data.metric=f1", ""},
      {"data.max_length", "data.max_length=32", ""},
      {"data.bad_rows", "data.bad_rows=skip", ""},
      {"data.max_train_samples", "data.max_train_samples=5", ""},
      {"data.mask_probability", "data.mask_probability=0.3", "", {}, kMasked},
      {"data.pack", "data.pack=true", "", {}, kCausal},
      {"parallel.tensor", "parallel.tensor=2", ""},
      {"parallel.device", "parallel.device=cuda", ""},
      {"parallel.backend", "parallel.backend=mpi", ""},
      {"parallel.precision", "parallel.precision=bf16", ""},
      {"parallel.timeout", "parallel.timeout=5", ""},
      {"parallel.grad_dtype", "parallel.grad_dtype=bf16", ""},
      {"parallel.bucket_mb", "parallel.bucket_mb=3", ""},
      {"parallel.shard_frozen", "parallel.shard_frozen=true", ""},
      {"stages[].name", "stages.out.name=end", ""},
      {"stages[].method", "stages.warm.method=head", "stages.0.method.name"},
      {"stages[].method(bitfit).modules", "stages.warm.method={name: bitfit, modules: [query]}",
       "stages.0.method.modules"},
      {"stages[].method(dsee).rank", "stages.both.method.rank=3", ""},
      {"stages[].method(dsee).alpha", "stages.both.method.alpha=3", ""},
      {"stages[].method(dsee).num_sparse", "stages.both.method.num_sparse=3", ""},
      {"stages[].method(dsee).targets", "stages.both.method.targets=[key]", ""},
      {"stages[].method(dsee).support", "stages.both.method.support=random", ""},
      {"stages[].method(dsee).passes", "stages.both.method.passes=3", ""},
      {"stages[].method(dsee).train_head", "stages.both.method.train_head=false", ""},
      {"stages[].method(full).freeze", "stages.all.method={name: full, freeze: [embeddings]}",
       "stages.1.method.freeze"},
      {"stages[].method(lora).rank", "stages.low.method.rank=3", ""},
      {"stages[].method(lora).alpha", "stages.low.method.alpha=3", ""},
      {"stages[].method(lora).targets", "stages.low.method.targets=[key]", ""},
      {"stages[].method(lora).train_head", "stages.low.method.train_head=false", ""},
      {"stages[].prune", "stages.warm.prune={structure: [ffn], ffn: 0.1}", "stages.0.prune.ffn"},
      {"stages[].prune.structure", "stages.cut.prune={structure: [ffn], ffn: 0.3}", "stages.4.prune.structure"},
      {"stages[].prune.heads", "stages.cut.prune.heads=0.4", ""},
      {"stages[].prune.ffn", "stages.cut.prune.ffn=0.4", ""},
      {"stages[].prune.sparsity", "stages.zero.prune.sparsity=0.4", ""},
      {"stages[].prune.targets", "stages.zero.prune.targets=[query]", ""},
      {"stages[].prune.score", "stages.cut.prune.score=taylor", ""},
      {"stages[].prune.scope", "stages.cut.prune.scope=global", ""},
      {"stages[].prune.steps", "stages.cut.prune.steps=2", ""},
      {"stages[].prune.batches", "stages.cut.prune.batches=3", "", {"stages.cut.prune.score=taylor"}},
      {"stages[].prune.batch_size", "stages.cut.prune.batch_size=3", "", {"stages.cut.prune.score=taylor"}},
      {"stages[].train", "stages.zero.train={max_steps: 1, batch_size: 2, lr: 1e-3}", "stages.6.train.max_steps"},
      {"stages[].train.epochs", "stages.all.train.epochs=3", ""},
      {"stages[].train.max_steps", "stages.warm.train.max_steps=3", ""},
      {"stages[].train.batch_size", "stages.warm.train.batch_size=3", ""},
      {"stages[].train.gradient_accumulation", "stages.warm.train.gradient_accumulation=3", ""},
      {"stages[].train.activation_checkpointing", "stages.warm.train.activation_checkpointing=true", ""},
      {"stages[].train.lr", "stages.warm.train.lr=5e-2", ""},
      {"stages[].train.beta1", "stages.warm.train.beta1=0.5", ""},
      {"stages[].train.beta2", "stages.warm.train.beta2=0.5", ""},
      {"stages[].train.eps", "stages.warm.train.eps=1e-3", ""},
      {"stages[].train.weight_decay", "stages.warm.train.weight_decay=0.3", ""},
      {"stages[].train.schedule", "stages.warm.train.schedule=constant", ""},
      {"stages[].train.warmup", "stages.warm.train.warmup=0.3", ""},
      {"stages[].train.max_grad_norm", "stages.warm.train.max_grad_norm=3", ""},
      {"stages[].train.label_smoothing", "stages.all.train.label_smoothing=0.3", "", {}, kMasked},
      {"stages[].train.distill.weight", "stages.recover.train.distill.weight=0.3", ""},
      {"stages[].train.distill.temperature", "stages.recover.train.distill.temperature=3", ""},
      {"stages[].export.format", "stages.out.export.format=filigree", ""},
      {"stages[].export.dir", "stages.out.export.dir=other", ""},
      {"stages[].export.shard_mb", "stages.out.export.shard_mb=3", ""},
      {"checkpoint.every", "checkpoint.every=3", ""},
      {"checkpoint.minutes", "checkpoint.minutes=3", ""},
      {"checkpoint.keep", "checkpoint.keep=9", ""},
      {"eval.every", "eval.every=3", ""},
      {"eval.split", "eval.split=test", ""},
      {"eval.best", "eval.best=f1", ""},
      {"eval.batch_size", "eval.batch_size=3", ""},
      {"eval.generate.beams", "eval.generate.beams=3", "", {}, kCausal},
      {"eval.generate.max_new_tokens", "eval.generate.max_new_tokens=3", "", {}, kCausal},
      {"eval.generate.length_penalty", "eval.generate.length_penalty=0.3", "", {}, kCausal},
      {"eval.generate.no_repeat_ngram", "eval.generate.no_repeat_ngram=3", "", {}, kCausal},
      {"eval.generate.batch_size", "eval.generate.batch_size=3", "", {}, kCausal},
      {"log_every", "log_every=3", ""},
  };
  return table;
}

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
  EXPECT_NE(message.find("\n  seed: 8 instead of 1\n  stages.0.train.lr: 0.05 instead of 0.001\nStart all ranks with"),
            std::string::npos)
      << message;
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
  EXPECT_NE(message.find("model/config.json: 34 instead of 12"), std::string::npos) << message;
  EXPECT_EQ(message.find("training set"), std::string::npos) << message;
  auto gone = files("12");
  gone.facts.erase(gone.facts.begin());
  EXPECT_NE(refusal<DataError>({{files("12")}, {gone}}).find("model/config.json: (not set) instead of 12"),
            std::string::npos);
}

TEST_F(AgreementTest, RanksThatDoOtherWorkAreTold) {
  const Subject train{"recipe", "", 2, {{"seed", "1"}}}, eval{"model", "", 3, {{"weights", "ab"}}};
  EXPECT_NE(refusal<UsageError>({{train}, {eval}}).find("rank 1 ("), std::string::npos);
}

}  // namespace
}  // namespace filigree::train
