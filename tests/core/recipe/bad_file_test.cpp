// Recipes with several faults, and files that are no recipe: everything is reported, once.
#include <sys/stat.h>
#include <unistd.h>

#include "tests/core/recipe/support.h"

namespace filigree::recipe::test {
namespace {

using BadFile = RecipeTest;

TEST_F(BadFile, AllFaultsAreReportedTogetherInOrderOfTheirLines) {
  std::string text = replace(kGood, "seed: 7", "seed: -7");
  text = replace(text, "rank: 8", "rank: x");
  text = replace(text, "weight: 0.5", "weight: 3");
  text = replace(text, "log_every: 10", "log_every: 0\ncolour: red");
  EXPECT_EQ(complaint(text, {"eval.every=-1", "stages.adpat.train.lr=1"}),
            "r.yaml:2: seed: is -7, must be at least 0\n"
            "r.yaml:13: stages.adapt.method.rank: must be a whole number, not 'x'\n"
            "r.yaml:24: stages.recover.train.distill.weight: is 3, must be at most 1\n"
            "r.yaml:29: log_every: is 0, must be at least 1\n"
            "r.yaml:30: colour: is not a key of a recipe; it has name, seed, model, data, parallel, stages, "
            "checkpoint, eval, "
            "log_every\n"
            "--set stages.adpat.train.lr: there is no item 'adpat'; did you mean 'adapt'?\n"
            "--set eval.every: is -1, must be at least 0");
}

// A misspelt key must not also count as missing, nor a misread value break a rule that rests on it.
TEST_F(BadFile, OneFaultIsReportedOnce) {
  EXPECT_EQ(complaint(replace(kGood, "path: /models", "paht: /models")),
            "r.yaml:4: model.paht: is not a key of model; did you mean 'path'?");
  EXPECT_EQ(complaint(replace(kGood, "epochs: 3", "epochs: three")),
            "r.yaml:14: stages.adapt.train.epochs: must be a number, not 'three'");
  EXPECT_EQ(complaint(replace(kGood, "    train: {epochs: 3", "    tarin: {epochs: 3")),
            "r.yaml:14: stages.adapt.tarin: is not a key of a stage; did you mean 'train'?");
}

TEST_F(BadFile, MaskedLmHasRulesOfItsOwn) {
  const std::string masked = replace(kGood, "task: sequence_classification\ndata:\n  format: tsv\n  task: sst2",
                                     "task: masked_lm\ndata:\n  format: text");
  EXPECT_EQ(complaint(masked),
            "r.yaml:23: stages.recover.train.distill: works for classification and regression, not for masked_lm");
  const std::string good = replace(masked, "      distill: {weight: 0.5}\n", "");
  EXPECT_EQ(complaint(good), "");
  EXPECT_EQ(complaint(replace(good, "format: text", "format: text\n  text: [a]")),
            "r.yaml:8: data.text: names columns, but format text has none");
  EXPECT_EQ(complaint(replace(good, "format: text", "format: tsv\n  text: [a, b]")),
            "r.yaml:8: data.text: names two columns, but masked_lm takes one");
  EXPECT_EQ(complaint(replace(good, "format: text", "format: text\n  metric: f1")),
            "r.yaml:8: data.metric: is f1, which does not measure masked_lm");
}

std::string of_task(const char* task, const char* data) {
  return fmt::format(
      "name: t\nmodel: {{path: m, task: {}}}\ndata: {}\nstages:\n  - name: a\n    method: full\n"
      "    train: {{epochs: 1}}\n",
      task, data);
}

TEST_F(BadFile, KeysWithoutEffectOnATask) {
  const auto said = [&](const char* task, const char* data) { return complaint(of_task(task, data)); };
  EXPECT_EQ(said("causal_lm", "{format: text, dir: d, pack: true}"), "");
  EXPECT_EQ(said("masked_lm", "{format: text, dir: d, mask_probability: 0.3}"), "");
  EXPECT_EQ(said("causal_lm", "{format: tsv, dir: d, text: [a, b], label: c}"),
            "r.yaml:3: data.label: has no effect: it is used only when model.task is sequence_classification or "
            "regression");
  EXPECT_EQ(said("masked_lm", "{format: text, dir: d, labels: [a, b]}"),
            "r.yaml:3: data.labels: has no effect: it is used only when model.task is sequence_classification");
  EXPECT_EQ(said("causal_lm", "{format: messages, dir: d, mask_probability: 0.2, header: true}"),
            "r.yaml:3: data.mask_probability: has no effect: it is used only when model.task is masked_lm\n"
            "r.yaml:3: data.header: has no effect: it is used only when data.format is tsv or csv");
  EXPECT_EQ(said("causal_lm", "{format: prompt_completion, dir: d, text: [a], labels: [x]}"),
            "r.yaml:3: data.text: names columns, but format prompt_completion has none\n"
            "r.yaml:3: data.labels: has no effect: it is used only when model.task is sequence_classification");
  EXPECT_EQ(said("causal_lm", "{format: e2e, dir: d, label: '', labels: [], text: [], metric: ''}"),
            "r.yaml:3: data.label: has no effect: it is used only when model.task is sequence_classification or "
            "regression\n"
            "r.yaml:3: data.labels: has no effect: it is used only when model.task is sequence_classification\n"
            "r.yaml:3: data.metric: has no effect: it is used only when model.task is sequence_classification or "
            "regression\n"
            "r.yaml:3: data.text: has no effect: it is used only when data.format is tsv, csv or jsonl")
      << "an empty value has no effect either";
  EXPECT_EQ(said("sequence_classification", "{task: wordnet, text: []}"),
            "r.yaml:3: data.text: has no effect: it is used only when data.format has columns and model.task is "
            "causal_lm");
}

TEST_F(BadFile, TemperatureOfScores) {
  const std::string text =
      replace(replace(kGood, "task: sequence_classification", "task: regression"), "task: sst2", "task: stsb");
  EXPECT_EQ(complaint(text), "");
  EXPECT_EQ(complaint(replace(text, "{weight: 0.5}", "{temperature: 3}")),
            "r.yaml:24: stages.recover.train.distill.temperature: has no effect: it is used only when model.task is "
            "sequence_classification");
}

TEST_F(BadFile, MnliHasSplitsOfItsOwn) {
  const std::string mnli = replace(kGood, "task: sst2", "task: mnli");
  const auto with = [&](const char* split) { return complaint(mnli, {std::string("eval.split=") + split}); };
  for (const char* split : {"dev", "dev_matched", "dev_mismatched", "train"}) EXPECT_EQ(with(split), "");
  EXPECT_EQ(with("holdout"),
            "--set eval.split: is 'holdout', which is not a split of the data; use one of train, dev, dev_matched, "
            "dev_mismatched, test_matched, test_mismatched");
  EXPECT_NE(with("test"), "");
  EXPECT_EQ(complaint(mnli, {"eval.split=test", "data.test=mine.tsv"}), "");
}

// --- --set -----------------------------------------------------------------------------------------------------------

struct BadSet {
  const char* name;
  const char* argument;
  const char* says;
};

const BadSet kSets[] = {
    {"NoEquals", "seed", "--set seed: needs the form key=value, e.g. seed=1 or stages.adapt.train.lr=1e-4"},
    {"NoKey", "=3", "--set =3: needs the form key=value, e.g. seed=1 or stages.adapt.train.lr=1e-4"},
    {"Nothing", "", "--set : needs the form key=value, e.g. seed=1 or stages.adapt.train.lr=1e-4"},
    {"EmptyPart", "model..path=x",
     "--set model..path: needs the form key=value, e.g. seed=1 or stages.adapt.train.lr=1e-4"},
    {"UnknownKey", "sed=3", "--set sed: is not a key of a recipe; did you mean 'seed'?"},
    {"UnknownKeyInStage", "stages.adapt.train.lrr=3",
     "--set stages.adapt.train.lrr: is not a key of train; did you mean 'lr'?"},
    {"UnknownStage", "stages.adpat.train.lr=3",
     "--set stages.adpat.train.lr: there is no item 'adpat'; did you mean 'adapt'?"},
    {"StrangeStage", "stages.x.train.lr=3",
     "--set stages.x.train.lr: there is no item 'x'; use one of adapt, prune, recover, export"},
    {"StageNumber", "stages.4.train.lr=3",
     "--set stages.4.train.lr: there is no item 4; the list has 4, counted from 0"},
    {"WrongType", "seed=x", "--set seed: must be a whole number, not 'x'"},
    {"OutOfRange", "stages.0.train.lr=0", "--set stages.0.train.lr=0: stages.adapt.train.lr: is 0, must be above 0"},
    {"UnderAValue", "seed.x=0", "--set seed.x: seed is a value ('7') and has no keys"},
    {"UnderAListOfTexts", "stages.prune.prune.structure.x=0",
     "--set stages.prune.prune.structure.x: there is no item 'x'; the list items have no names: use a number"},
    {"NotYaml", "data.text=[a",
     "--set data.text: cannot read the value '[a': a '[' has no ']', or a ',' between two of "
     "its items is missing"},
    {"NotYamlEither", "data.label=@x",
     "--set data.label: cannot read the value '@x': a value cannot start with this character; put the value in quotes"},
    {"NullForAStage", "stages.adapt=null",
     "--set stages.adapt: null removes optional keys and sections, but no item of a list; edit the recipe"},
    {"NullForAnItem", "stages.prune.prune.structure.0=null",
     "--set stages.prune.prune.structure.0: null removes optional keys and sections, but no item of a list; edit the "
     "recipe"},
    {"NullForAllStages", "stages=null", "--set stages: is required; null cannot remove it"},
    {"NullForTheNameOfAStage", "stages.adapt.name=null",
     "--set stages.adapt.name=null: stages.0.name: is required; null cannot remove it"},
    {"NullForTheNameOfAMethod", "stages.adapt.method.name=null",
     "--set stages.adapt.method.name=null: stages.adapt.method: must name a method: write 'method: full' or {name: "
     "dsee, rank: 16}"},
    {"NullForTheTeacher", "stages.prune.prune=null",
     "r.yaml:15: stages.prune: does nothing; give it train, prune or export (after --set stages.prune.prune=null)\n"
     "r.yaml:24: stages.recover.train.distill: has no teacher: it learns from the trained model as it was before a "
     "prune, so a stage that trains and then one that prunes must come first (after --set stages.prune.prune=null)"},
    {"NullForTheStructure", "stages.prune.prune.structure=null",
     "r.yaml:16: stages.prune.prune: names nothing to remove; set structure (e.g. [heads, ffn]) or sparsity (e.g. 0.5) "
     "(after --set stages.prune.prune.structure=null)\n"
     "r.yaml:18: stages.prune.prune.heads: has no effect after --set stages.prune.prune.structure=null: it is used "
     "only "
     "when structure contains heads; remove it with --set stages.prune.prune.heads=null\n"
     "r.yaml:19: stages.prune.prune.ffn: has no effect after --set stages.prune.prune.structure=null: it is used only "
     "when structure contains ffn; remove it with --set stages.prune.prune.ffn=null"},
    {"AnotherMethod", "stages.adapt.method.name=full",
     "r.yaml:13: stages.adapt.method.rank: is not a key of method full (after --set stages.adapt.method.name=full), "
     "but of method sketch; it has name"},
    {"NewPrune", "stages.adapt.prune.score=magnitude",
     "--set stages.adapt.prune.score=magnitude: stages.adapt.prune: names nothing to remove; set structure (e.g. "
     "[heads, "
     "ffn]) or sparsity (e.g. 0.5)"},
    {"AnotherTask", "model.task=regression",
     "--set model.task: is regression, but sst2 has classes; set it to sequence_classification"},
    {"AnotherSplit", "data.task=mnli", ""},
    {"NameOfALaterStage", "stages.adapt.name=prune",
     "r.yaml:15: stages.1.name: is 'prune', the name of an earlier stage; names must be unique (after --set "
     "stages.adapt.name=prune)"},
    {"NullForARequiredValue", "model.path=null", "--set model.path: is required; null cannot remove it"},
    {"NullForARequiredSection", "data=null", "--set data: is required; null cannot remove it"},
    {"NullForAnUnknownKey", "sed=null", "--set sed: is not a key of a recipe; did you mean 'seed'?"},
    {"UnsetVariable", "data.dir=${NO_SUCH_VARIABLE}",
     "--set data.dir: uses ${NO_SUCH_VARIABLE}, which is not set; export NO_SUCH_VARIABLE=..."},
    {"Idle", "stages.prune.prune.sparsity=0.5",
     "--set stages.prune.prune.sparsity: has no effect: it is used only when structure is empty"},
    {"IdleForTheTask", "data.pack=false",
     "--set data.pack: has no effect: it is used only when model.task is causal_lm"},
    {"FormatOfAPreset", "data.format=jsonl",
     "--set data.format: is jsonl, but data.task: sst2 is a preset for files of the format tsv; remove data.format, or "
     "remove data.task and describe the files with their own keys"},
    {"FormerName", "stages.adapt.train.clip=1", "--set stages.adapt.train.clip: is now called 'max_grad_norm'"},
    {"FormerNameElsewhere", "data.clip=1",
     "--set data.clip: is now called 'max_grad_norm' and belongs in stages[].train"},
    {"Rule", "parallel={device: cpu, backend: nccl}",
     "--set parallel={device: cpu, backend: nccl}: parallel.backend: is nccl, which supports only CUDA tensors, but "
     "device is cpu"},
};

class BadSetTest : public RecipeTest, public ::testing::WithParamInterface<BadSet> {};

TEST_P(BadSetTest, IsRefusedByName) { EXPECT_EQ(complaint(kGood, {GetParam().argument}), GetParam().says); }

INSTANTIATE_TEST_SUITE_P(OneFault, BadSetTest, ::testing::ValuesIn(kSets),
                         [](const auto& row) { return row.param.name; });

// --- files -----------------------------------------------------------------------------------------------------------

TEST_F(BadFile, Missing) { EXPECT_EQ(complaint_of(folder_ + "/none.yaml"), "none.yaml: there is no such file"); }

TEST_F(BadFile, Directory) { EXPECT_EQ(complaint_of(folder_), folder_ + ": is a directory; a file is expected"); }

TEST_F(BadFile, Device) {
  EXPECT_EQ(complaint_of("/dev/zero"), "/dev/zero: is a pipe, a socket or a device; a regular file is expected");
}

// It would wait for a writer for ever.
TEST_F(BadFile, Pipe) {
  const std::string path = folder_ + "/pipe.yaml";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(complaint_of(path), "pipe.yaml: is a pipe, a socket or a device; a regular file is expected");
}

TEST_F(BadFile, TooLarge) {
  EXPECT_EQ(complaint(std::string(kGood) + std::string(5 << 20, '#')), "r.yaml: is larger than 4194304 bytes");
}

// What a user wrote is told again in part only, however long it is.
TEST_F(BadFile, MessagesStayShort) {
  const std::string text(100000, 'x'), number(1000000, '9');
  for (const std::string& set : {"x=" + text,
                                 text + "=1",
                                 "seed=" + number,
                                 "seed=" + text,
                                 "stages.adapt.train.lr=1e" + number,
                                 "model.path=${" + text,
                                 "model.path=${" + text + "}",
                                 "stages." + text + ".train.lr=1",
                                 "stages.9" + number + ".train.lr=1",
                                 "name=" + text + "/",
                                 "data.format=" + text,
                                 "data.text=" + text,
                                 "eval.split=" + text,
                                 "stages.adapt.method=" + text,
                                 "seed." + text + "=1",
                                 "seed=[" + text,
                                 "stages.export.export.dir=../" + text,
                                 "stages.adapt.method.name=" + text,
                                 "seed=!" + text + " 1",
                                 "stages.prune.prune.structure=[" + text + "]",
                                 text})
    EXPECT_LT(complaint(kGood, {set}).size(), 1500u) << set.substr(0, 40);
  EXPECT_LT(complaint(replace(kGood, "seed: 7", "seed: " + number)).size(), 1500u);
  EXPECT_LT(complaint(replace(kGood, "seed: 7", text + ": 7")).size(), 1500u);
  EXPECT_LT(complaint(replace(kGood, "name: recover", "name: " + text + "/")).size(), 1500u);
}

TEST_F(BadFile, Empty) {
  EXPECT_EQ(complaint(""), "r.yaml: is empty; a recipe has at least name, model, data and stages");
  EXPECT_EQ(complaint("# only a comment\n"), "r.yaml: is empty; a recipe has at least name, model, data and stages");
}

TEST_F(BadFile, NotASection) {
  EXPECT_EQ(complaint("- a\n- b\n"), "r.yaml:1: is not a recipe; write 'key: value' lines");
}

TEST_F(BadFile, TwoDocuments) {
  EXPECT_EQ(complaint(std::string(kGood) + "---\n" + kGood),
            "r.yaml: contains several YAML documents; a recipe has one");
}

// yaml-cpp finds empty documents without end in it.
TEST_F(BadFile, LoneComma) {
  EXPECT_EQ(complaint(replace(kGood, "name: demo", ",")), "r.yaml: contains several YAML documents; a recipe has one");
}

TEST_F(BadFile, Unreadable) {
  const std::string path = write(kGood);
  std::filesystem::permissions(path, std::filesystem::perms::none);
  const uid_t me = ::geteuid();
  if (me == 0) {  // root reads everything: be nobody for a moment
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const std::string said = complaint_of(path);
  ASSERT_EQ(::seteuid(me), 0);
  EXPECT_EQ(said, "r.yaml: cannot be opened: Permission denied");
}

// Ten aliases a level, nine levels: a billion values if it were followed to the end.
TEST_F(BadFile, GrowthByAliasesIsStopped) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int k = 1; k < 10; ++k) text += ", " + last;
    text += "]\n";
  }
  EXPECT_NE(complaint(text).find("nested too deeply, has too many values or refers to itself"), std::string::npos);
}

}  // namespace
}  // namespace filigree::recipe::test
