// Good recipes: values, defaults, substitution, --set, and the resolved recipe read back.
#include "core/recipe/load.h"

#include "core/files/ownership.h"
#include "tests/core/recipe/support.h"

namespace filigree::recipe::test {
namespace {

using LoadTest = RecipeTest;

TEST_F(LoadTest, ReadsValuesAndFillsDefaults) {
  const Recipe recipe = load_text(kGood);
  EXPECT_EQ(recipe.name, "demo");
  EXPECT_EQ(recipe.seed, 7);
  EXPECT_EQ(recipe.model.path, "/models/minilm");
  EXPECT_EQ(recipe.model.init, InitialWeights::pretrained);
  EXPECT_FALSE(recipe.model.dropout.has_value());
  EXPECT_EQ(recipe.data.max_length, 128);
  EXPECT_EQ(recipe.parallel.precision, Precision::fp32);
  EXPECT_DOUBLE_EQ(recipe.parallel.timeout, 60);
  ASSERT_EQ(recipe.stages.size(), 4u);
  EXPECT_DOUBLE_EQ(recipe.stages[0].train->lr, 1e-3);
  EXPECT_DOUBLE_EQ(recipe.stages[0].train->beta2, 0.999);
  EXPECT_EQ(recipe.stages[1].prune->structure, (std::vector<Structure>{Structure::heads, Structure::ffn}));
  EXPECT_FALSE(recipe.stages[1].train.has_value());
  EXPECT_DOUBLE_EQ(recipe.stages[2].train->distill->temperature, 2.0);
  EXPECT_EQ(recipe.stages[3].export_config->dir, "export");
  EXPECT_EQ(recipe.checkpoint.keep, 2);
  EXPECT_EQ(recipe.file, folder_ + "/r.yaml");
}

TEST_F(LoadTest, ReadsAMethodAsASectionAndAsAWord) {
  const Recipe section = load_text(kGood);
  EXPECT_EQ(section.stages[0].method->name, "sketch");
  const auto& options = dynamic_cast<const SketchOptions&>(*section.stages[0].method->options);
  EXPECT_EQ(options.rank, 8);
  EXPECT_EQ(options.targets, (std::vector<std::string>{"query", "value"}));

  const Recipe word = load_text(replace(kGood, "{name: sketch, rank: 8}", "full"));
  EXPECT_EQ(word.stages[0].method->name, "full");
  EXPECT_NE(word.stages[0].method->options, nullptr);
}

TEST_F(LoadTest, OldNamesOfKeysAreReadInASavedRecipe) {
  const std::string old = replace(kGood, "lr: 1e-3", "lr: 1e-3, accumulate: 2, clip: 0.5");
  const Recipe recipe = load(write(old), {}, catalog(), OldKeys::accept);
  EXPECT_EQ(recipe.stages[0].train->gradient_accumulation, 2);
  EXPECT_DOUBLE_EQ(recipe.stages[0].train->max_grad_norm, 0.5);
  EXPECT_NE(to_yaml(recipe).find("gradient_accumulation: 2"), std::string::npos);
  const std::string both = replace(old, "accumulate: 2", "accumulate: 2, gradient_accumulation: 3");
  EXPECT_THROW(load(write(both), {}, catalog(), OldKeys::accept), UsageError);
  EXPECT_NE(complaint(old).find("stages.adapt.train.accumulate: is now called 'gradient_accumulation'"),
            std::string::npos);
}

TEST_F(LoadTest, TheRecipeInARunOrAnExportIsASavedOne) {
  const std::string old = replace(kGood, "lr: 1e-3", "lr: 1e-3, accumulate: 2");
  for (const auto kind : {files::DirectoryKind::run, files::DirectoryKind::model_export}) {
    const std::string path = write(old, "recipe.yaml");
    EXPECT_NE(complaint_of(path).find("is now called"), std::string::npos) << "nothing marks the directory";
    files::write_marker(folder_, kind);
    EXPECT_EQ(load(path, {}, catalog()).stages[0].train->gradient_accumulation, 2);
    EXPECT_NE(complaint(old).find("is now called"), std::string::npos) << "another file in it is a recipe of the user";
    std::filesystem::remove(folder_ + "/" + std::string(files::kMarkerName));
  }
}

TEST_F(LoadTest, SetOverASavedRecipeUsesPresentNames) {
  files::write_marker(folder_, files::DirectoryKind::run);
  const std::string path = write(replace(kGood, "lr: 1e-3", "lr: 1e-3, accumulate: 2"), "recipe.yaml");
  const auto steps = [&](const std::string& value) {
    return load(path, {"stages.adapt.train.gradient_accumulation=" + value}, catalog())
        .stages[0]
        .train->gradient_accumulation;
  };
  EXPECT_EQ(steps("4"), 4);
  EXPECT_EQ(steps("null"), 1);
  for (const char* former : {"stages.adapt.train.accumulate=4", "stages.adapt.train.clip=4"})
    EXPECT_NE(complaint_of(path, {former}).find("is now called '"), std::string::npos) << former;
}

// What an earlier version resolved: every key is there, used or not.
constexpr const char* kOldData =
    "data: {format: tsv, task: wordnet, dir: '', label: x, pack: false, "
    "mask_probability: 0.2, header: true}\n";

TEST_F(LoadTest, KeysWithoutEffectAreReadInASavedRecipe) {
  const std::string text = replace(kGood, "data:\n  format: tsv\n  task: sst2\n  dir: /data/SST-2\n", kOldData);
  const std::string old = replace(text, "ffn: 0.4", "ffn: 0.4\n      batches: 4");
  EXPECT_NE(complaint(old), "");
  const Recipe recipe = load(write(old), {}, catalog(), OldKeys::accept);
  EXPECT_EQ(recipe.data.format, "wordnet");
  const std::string plain = replace(kGood, "  format: tsv\n  task: sst2\n  dir: /data/SST-2\n", "  task: wordnet\n");
  EXPECT_EQ(to_yaml(recipe), to_yaml(load_text(plain))) << "no difference for a resumed run";
  EXPECT_EQ(to_yaml(load_text(to_yaml(recipe))), to_yaml(recipe));
  EXPECT_THROW(load(write(old), {"data.format=csv"}, catalog(), OldKeys::accept), UsageError);
  EXPECT_THROW(load(write(old), {"data.pack=false"}, catalog(), OldKeys::accept), UsageError);
  EXPECT_EQ(load(write(old), {"data.task=sst2", "data.dir=d"}, catalog(), OldKeys::accept).data.format, "tsv");
}

TEST_F(LoadTest, SetOfTheTaskMakesTheFilesKeysIdle) {
  const std::string text =
      "name: t\nmodel: {path: m, task: masked_lm}\ndata: {format: text, dir: d, mask_probability: 0.3}\n"
      "stages:\n  - name: a\n    method: full\n    train: {epochs: 1}\n";
  EXPECT_DOUBLE_EQ(load_text(text).data.mask_probability, 0.3);
  EXPECT_EQ(complaint(text, {"model.task=causal_lm"}),
            "r.yaml:3: data.mask_probability: has no effect after --set model.task=causal_lm: it is used only when "
            "model.task is masked_lm; remove it with --set data.mask_probability=null");
  const Recipe causal = load_text(text, {"model.task=causal_lm", "data.mask_probability=null"});
  EXPECT_DOUBLE_EQ(causal.data.mask_probability, 0.15);
  EXPECT_EQ(to_yaml(causal).find("mask_probability"), std::string::npos);
  EXPECT_EQ(to_yaml(load_text(to_yaml(causal))), to_yaml(causal));
}

TEST_F(LoadTest, APresetBringsItsFormat) {
  const std::string plain = replace(kGood, "  format: tsv\n  task: sst2\n", "  task: wordnet\n");
  EXPECT_EQ(load_text(plain).data.format, "wordnet");
  EXPECT_NE(to_yaml(load_text(plain)).find("  format: wordnet\n  task: wordnet\n"), std::string::npos);
  EXPECT_EQ(load_text(replace(plain, "task: wordnet", "task: rte")).data.format, "tsv");
}

TEST_F(LoadTest, AbsoluteAndSharedWarmup) {
  EXPECT_DOUBLE_EQ(load_text(replace(kGood, "lr: 1e-3", "lr: 1e-3, warmup: 0.06")).stages[0].train->warmup, 0.06);
  EXPECT_DOUBLE_EQ(load_text(replace(kGood, "lr: 1e-3", "lr: 1e-3, warmup: 500")).stages[0].train->warmup, 500);
}

TEST_F(LoadTest, UnstructuredPruneGoesByMatrixUnlessTold) {
  const std::string text =
      replace(kGood, "structure: [heads, ffn]\n      heads: 0.25\n      ffn: 0.4", "sparsity: 0.5");
  EXPECT_EQ(load_text(text).stages[1].prune->scope, PruneScope::matrix);
  EXPECT_EQ(load_text(replace(text, "sparsity: 0.5", "sparsity: 0.5\n      scope: global")).stages[1].prune->scope,
            PruneScope::global);
  EXPECT_EQ(load_text(kGood).stages[1].prune->scope, PruneScope::layer);
}

TEST_F(LoadTest, ColumnNumbersAreTexts) {
  const std::string text = replace(
      kGood, "task: sst2", "train: a.tsv\n  text: [0, 1]\n  label: -1\n  header: false\n  labels: [\"no\", yes]");
  const Recipe recipe = load_text(text);
  EXPECT_EQ(recipe.data.text, (std::vector<std::string>{"0", "1"}));
  EXPECT_EQ(recipe.data.label, "-1");
  EXPECT_EQ(recipe.data.header, std::optional(false));
  EXPECT_EQ(recipe.data.labels, (std::vector<std::string>{"no", "yes"}));
}

TEST_F(LoadTest, NullTakesAnOptionalAway) {
  const Recipe recipe = load_text(kGood, {"stages.recover.train.distill=null"});
  EXPECT_FALSE(recipe.stages[2].train->distill.has_value());
}

TEST_F(LoadTest, NullTakesAValueAway) {
  const Recipe steps = load_text(kGood, {"stages.adapt.train.epochs=null", "stages.adapt.train.max_steps=5"});
  EXPECT_EQ(steps.stages[0].train->epochs, 0);
  EXPECT_EQ(steps.stages[0].train->max_steps, 5);
  EXPECT_EQ(
      load_text(kGood, {"stages.adapt.train.max_steps=5", "stages.adapt.train.epochs=null"}).stages[0].train->max_steps,
      5);
  EXPECT_EQ(load_text(kGood, {"seed=null"}).seed, Recipe().seed) << "the default is back";
  EXPECT_EQ(load_text(kGood, {"parallel=null"}).parallel.timeout, ParallelConfig().timeout);
  EXPECT_EQ(load_text(kGood, {"stages.adapt.method.rank=~"}).stages[0].method->name, "sketch");
  EXPECT_FALSE(load_text(kGood, {"model.dropout=0.1", "model.dropout=null"}).model.dropout.has_value());
  EXPECT_EQ(
      load_text(kGood, {"stages.prune.prune.heads=null", "stages.prune.prune.structure=[ffn]"}).stages[1].prune->ffn,
      0.4);
  EXPECT_EQ(complaint(kGood, {"stages.adapt.train.epochs=null"}),
            "r.yaml:14: stages.adapt.train: needs epochs or max_steps (after --set stages.adapt.train.epochs=null)");
}

TEST_F(LoadTest, ByteOrderMarkAndWindowsLinesAreFine) {
  std::string text = "\xEF\xBB\xBF";
  for (const char* c = kGood; *c != '\0'; ++c) text += *c == '\n' ? std::string("\r\n") : std::string(1, *c);
  EXPECT_EQ(load_text(text).name, "demo");
}

TEST_F(LoadTest, AnchorsAreExpanded) {
  const std::string text =
      replace(replace(kGood, "train: {epochs: 3, batch_size: 16, lr: 1e-3}", "train: &t {epochs: 3, lr: 1e-3}"),
              "train:\n      epochs: 1\n      lr: 5e-4\n      distill: {weight: 0.5}", "train: *t");
  EXPECT_DOUBLE_EQ(load_text(text).stages[2].train->epochs, 3);
}

// --- --set ---------------------------------------------------------------------------------------------------------

TEST_F(LoadTest, SetNamesAStageByNameOrNumber) {
  const Recipe recipe =
      load_text(kGood, {"stages.adapt.train.lr=1e-4", "stages.2.train.lr=2e-4", "seed=9", "name=other"});
  EXPECT_DOUBLE_EQ(recipe.stages[0].train->lr, 1e-4);
  EXPECT_DOUBLE_EQ(recipe.stages[2].train->lr, 2e-4);
  EXPECT_EQ(recipe.seed, 9);
  EXPECT_EQ(recipe.name, "other");
}

TEST_F(LoadTest, SetAddsKeysAndSectionsThatTheFileLacks) {
  const Recipe recipe = load_text(
      kGood, {"stages.adapt.train.max_grad_norm=0.5", "stages.prune.prune.batches=4", "stages.prune.prune.score=l1",
              "stages.prune.train.epochs=1", "model.dropout=0.2", "data.text=[a, b]"});
  EXPECT_DOUBLE_EQ(recipe.stages[0].train->max_grad_norm, 0.5);
  EXPECT_EQ(recipe.stages[1].prune->batches, 4);
  EXPECT_DOUBLE_EQ(recipe.stages[1].train->epochs, 1);
  EXPECT_EQ(recipe.model.dropout, std::optional(0.2));
  EXPECT_EQ(recipe.data.text, (std::vector<std::string>{"a", "b"}));
}

TEST_F(LoadTest, SetOfStepsReplacesTheFilesEpochs) {
  const Recipe recipe = load_text(kGood, {"stages.0.train.max_steps=30"});
  ASSERT_EQ(recipe.notes.size(), 1u);
  EXPECT_EQ(without_folder(recipe.notes[0]), "--set stages.0.train.max_steps=30 replaces epochs: 3 of r.yaml:14");
  EXPECT_EQ(load_text(kGood, {"stages.0.train.epochs=2"}).notes.size(), 0u);
  EXPECT_EQ(load_text(kGood, {"stages.0.train.epochs=null", "stages.0.train.max_steps=30"}).notes.size(), 0u);
  EXPECT_EQ(recipe.stages[0].train->max_steps, 30);
  EXPECT_EQ(recipe.stages[0].train->epochs, 0);
  EXPECT_NE(complaint(kGood, {"stages.0.train.max_steps=30", "stages.0.train.epochs=1"}), "");
}

TEST_F(LoadTest, SetOpensAMethodGivenAsAWord) {
  const Recipe recipe = load_text(replace(kGood, "{name: sketch, rank: 8}", "sketch"), {"stages.adapt.method.rank=3"});
  EXPECT_EQ(dynamic_cast<const SketchOptions&>(*recipe.stages[0].method->options).rank, 3);
}

TEST_F(LoadTest, SetOfTheStructureMakesTheFilesSharesIdle) {
  EXPECT_EQ(complaint(kGood, {"stages.prune.prune.structure=[heads]"}),
            "r.yaml:19: stages.prune.prune.ffn: has no effect after --set stages.prune.prune.structure=[heads]: it is "
            "used only when structure contains ffn; remove it with --set stages.prune.prune.ffn=null");
  const Recipe recipe = load_text(kGood, {"stages.prune.prune.structure=[heads]", "stages.prune.prune.ffn=null"});
  EXPECT_EQ(recipe.stages[1].prune->structure, std::vector<Structure>{Structure::heads});
}

TEST_F(LoadTest, TheLastOfTwoSetsHolds) { EXPECT_EQ(load_text(kGood, {"seed=1", "seed=2"}).seed, 2); }

TEST_F(LoadTest, AnEmptyValueIsEmptyText) { EXPECT_EQ(load_text(kGood, {"eval.best="}).eval.best, ""); }

TEST_F(LoadTest, AValueMayHoldAnEqualsSign) {
  EXPECT_EQ(load_text(kGood, {"data.dir=/data/a=b"}).data.dir, "/data/a=b");
}

// --- environment -----------------------------------------------------------------------------------------------------

class EnvironmentTest : public RecipeTest {
 protected:
  EnvironmentTest() {
    for (const char* name : {"FILIGREE_HOME", "FILIGREE_MODELS", "FILIGREE_DATA"}) ::unsetenv(name);
    ::setenv("HOME", "/home/ada", 1);
  }
  std::string path_of(const std::string& written) const {
    return load_text(replace(kGood, "/models/minilm", "\"" + written + "\"")).model.path;
  }
};

TEST_F(EnvironmentTest, FiligreesOwnVariablesHaveDefaults) {
  EXPECT_EQ(path_of("${FILIGREE_MODELS}/x"), "/home/ada/.cache/filigree/models/x");
  EXPECT_EQ(path_of("${FILIGREE_DATA}/x"), "/home/ada/.cache/filigree/data/x");
  ::setenv("FILIGREE_HOME", "/scratch", 1);
  EXPECT_EQ(path_of("${FILIGREE_HOME}:${FILIGREE_MODELS}"), "/scratch:/scratch/models");
  ::setenv("FILIGREE_MODELS", "/elsewhere", 1);
  EXPECT_EQ(path_of("${FILIGREE_MODELS}"), "/elsewhere");
}

TEST_F(EnvironmentTest, OtherVariablesMustBeSet) {
  ::setenv("RECIPE_TEST_VARIABLE", "here", 1);
  EXPECT_EQ(path_of("/${RECIPE_TEST_VARIABLE}/x"), "/here/x");
  ::unsetenv("RECIPE_TEST_VARIABLE");
  const std::string text = replace(kGood, "/models/minilm", "\"${RECIPE_TEST_VARIABLE}\"");
  EXPECT_EQ(complaint(text),
            "r.yaml:4: model.path: uses ${RECIPE_TEST_VARIABLE}, which is not set; export RECIPE_TEST_VARIABLE=...");
}

TEST_F(EnvironmentTest, NumbersMayComeFromVariables) {
  ::setenv("RECIPE_TEST_VARIABLE", "24", 1);
  EXPECT_EQ(load_text(replace(kGood, "log_every: 10", "log_every: ${RECIPE_TEST_VARIABLE}")).log_every, 24);
  EXPECT_EQ(load_text(kGood, {"eval.every=${RECIPE_TEST_VARIABLE}"}).eval.every, 24);
}

TEST_F(EnvironmentTest, DoubledDollarIsPlain) { EXPECT_EQ(path_of("/a/$${B}/$c"), "/a/${B}/$c"); }

// --- the resolved recipe ---------------------------------------------------------------------------------------------

TEST_F(LoadTest, ResolvedRecipeReadsBackTheSame) {
  const std::vector<std::string> sets{"data.label='- odd: #text\"\\'",
                                      "data.dir=/with $${x} and space",
                                      "model.dropout=0.1",
                                      "data.labels=['null', '', '1e3', 'true', '~', é]",
                                      "stages.adapt.train.lr=0.1",
                                      "stages.adapt.train.eps=1.0000000000000002e-8"};
  const std::string first = to_yaml(load_text(kGood, sets));
  const Recipe again = load_text(first);
  EXPECT_EQ(to_yaml(again), first);
  EXPECT_EQ(again.data.label, "- odd: #text\"\\");
  EXPECT_EQ(again.data.dir, "/with ${x} and space");
  EXPECT_EQ(again.data.labels, (std::vector<std::string>{"null", "", "1e3", "true", "~", "é"}));
  EXPECT_EQ(again.stages[0].train->eps, 1.0000000000000002e-8);
  EXPECT_EQ(dynamic_cast<const SketchOptions&>(*again.stages[0].method->options).rank, 8);
}

TEST_F(LoadTest, ResolvedRecipeHoldsEveryKeyThatMeansSomething) {
  const std::string text = to_yaml(load_text(kGood));
  for (const char* line :
       {"name: demo\n", "  init: pretrained\n", "      beta2: 0.999\n", "      support: grebsmo\n", "  - name: prune\n",
        "      targets: [query, value]\n", "      scope: layer\n", "  bucket_mb: 4\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "is not in\n" << text;
  }
  EXPECT_EQ(text.find("sparsity"), std::string::npos) << "a structured prune has no sparsity";
  EXPECT_EQ(text.find("max_steps"), std::string::npos) << "epochs were given";
}

TEST_F(LoadTest, ResolvedRecipeHoldsNothingWithoutEffect) {
  const auto of = [&](const char* task, const char* data) {
    return to_yaml(
        load_text(fmt::format("name: t\nmodel: {{path: m, task: {}}}\ndata: {}\nstages:\n  - name: a\n"
                              "    method: full\n    train: {{epochs: 1}}\n",
                              task, data)));
  };
  const std::pair<std::string, std::vector<const char*>> rows[] = {
      {of("causal_lm", "{format: text, dir: d}"), {"text:", "label:", "labels:", "metric:", "header:", "best:"}},
      {of("masked_lm", "{format: text, dir: d}"), {"text:", "label:", "labels:", "metric:", "pack:", "task: \"\""}},
      {of("sequence_classification", "{task: wordnet}"), {"label:", "text:", "label_smoothing:", "dir:"}},
      {of("regression", "{task: stsb, dir: d}"), {"labels:", "label_smoothing:", "pack:", "init_lora:"}}};
  for (const auto& [text, absent] : rows) {
    EXPECT_EQ(to_yaml(load_text(text)), text);
    for (const char* key : absent) EXPECT_EQ(text.find(fmt::format("  {}", key)), std::string::npos) << key << text;
  }
}

// Earlier versions allowed longer names. Their runs are resumed and read by their own recipe.
TEST_F(LoadTest, LongNamesAreReadInASavedRecipe) {
  const std::string name(240, 'a');
  std::string old = replace(kGood, "name: demo", "name: " + name);
  old = replace(replace(old, "name: recover", "name: r" + name), "{format: hf}", "{format: hf, dir: d" + name + "}");
  const std::string user = complaint(old);
  for (const char* key : {":1: name", ":20: stages.r", ".export.dir: has 241"})
    EXPECT_NE(user.find(key), std::string::npos) << key << " " << user;
  EXPECT_EQ(load(write(old), {}, catalog(), OldKeys::accept).name, name);
  EXPECT_THROW(load(write(old), {"name=b" + name}, catalog(), OldKeys::accept), UsageError) << "a new name";
  EXPECT_THROW(load(write(replace(old, "name: r", "name: /")), {}, catalog(), OldKeys::accept), UsageError);
}

TEST_F(LoadTest, UnstructuredResolvedRecipeReadsBack) {
  const std::string text =
      replace(kGood, "structure: [heads, ffn]\n      heads: 0.25\n      ffn: 0.4", "sparsity: 0.5");
  const std::string resolved = to_yaml(load_text(text, {"stages.adapt.train.max_steps=3"}));
  EXPECT_EQ(to_yaml(load_text(resolved)), resolved);
}

}  // namespace
}  // namespace filigree::recipe::test
