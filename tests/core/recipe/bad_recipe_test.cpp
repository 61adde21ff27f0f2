// Recipes with one fault each: what is said, and of which line; nothing besides.
#include <sys/stat.h>
#include <unistd.h>

#include "tests/core/recipe/support.h"

namespace filigree::recipe::test {
namespace {

struct BadCase {
  const char* name;
  const char* from;  ///< replaced in kGood ...
  std::string to;    ///< ... by this
  const char* says;  ///< the whole complaint after the file's name
};

const BadCase kCases[] = {
    // Unknown, misplaced and repeated keys.
    {"TypoAtTop", "log_every: 10", "log_evry: 10", "29: log_evry: is not a key of a recipe; did you mean 'log_every'?"},
    {"TypoInModel", "  task: sequence_classification", "  taks: sequence_classification",
     "5: model.taks: is not a key of model; did you mean 'task'?"},
    {"TypoInData", "dir: /data/SST-2", "directory: /data/SST-2",
     "9: data.directory: is not a key of data; did you mean 'dir'?"},
    {"TypoInTrain", "epochs: 3", "epoch: 3",
     "14: stages.adapt.train.epoch: is not a key of train; did you mean 'epochs'?"},
    {"TypoInStage", "    export: {format: hf}", "    exprot: {format: hf}",
     "26: stages.export.exprot: is not a key of a stage; did you mean 'export'?"},
    {"TypoInMethodOption", "rank: 8", "rnak: 8",
     "13: stages.adapt.method.rnak: is not a key of method sketch; did you mean 'rank'?"},
    {"TypoInDistill", "{weight: 0.5}", "{wieght: 0.5}",
     "24: stages.recover.train.distill.wieght: is not a key of distill; did you mean 'weight'?"},
    {"KeyOfAnotherSection", "log_every: 10", "temperature: 10",
     "29: temperature: is not a key of a recipe; it belongs in stages[].train.distill"},
    {"KeyThatNobodyKnows", "keep: 2", "colour: 2",
     "27: checkpoint.colour: is not a key of checkpoint; it has every, minutes, keep"},
    {"OptionOfAMethodWithout", "{name: sketch, rank: 8}", "{name: full, colour: 8}",
     "13: stages.adapt.method.colour: is not a key of method full; it has name"},
    {"RepeatedKey", "seed: 7", "name: again", "2: name: is given twice, first on line 1"},
    {"RepeatedKeyInSection", "lr: 1e-3", "lr: 1e-3, lr: 1e-4",
     "14: stages.adapt.train.lr: is given twice, first on line 14"},
    // Wrong types.
    {"WordForNumber", "lr: 1e-3", "lr: fast", "14: stages.adapt.train.lr: must be a number, not 'fast'"},
    {"QuotedNumber", "lr: 1e-3", "lr: \"1e-3\"", "14: stages.adapt.train.lr: must be a number, not the text \"1e-3\""},
    {"FractionForWhole", "batch_size: 16", "batch_size: 16.5",
     "14: stages.adapt.train.batch_size: must be a whole number, not '16.5'"},
    {"NumberWithUnit", "timeout: 60", "timeout: 60s", "10: parallel.timeout: must be a number, not '60s'"},
    {"NotFinite", "timeout: 60", "timeout: .inf", "10: parallel.timeout: must be a number, not '.inf'"},
    {"TooLarge", "seed: 7", "seed: 99999999999999999999", "2: seed: is 99999999999999999999, which is too large"},
    {"NumberForBool", "rank: 8", "bias: 1", "13: stages.adapt.method.bias: must be true or false, not '1'"},
    {"YesForBool", "  dir: /data/SST-2", "  dir: /data/SST-2\n  header: yes",
     "10: data.header: must be true or false, not 'yes'"},
    {"TextForList", "structure: [heads, ffn]\n      heads: 0.25\n      ffn: 0.4", "structure: heads",
     "17: stages.prune.prune.structure: must be a list, not 'heads'; write [heads]"},
    {"ListForText", "path: /models/minilm", "path: [a, b]", "4: model.path: must be text, not a list"},
    {"SectionForNumber", "seed: 7", "seed: {a: 1}", "2: seed: must be a number, not a section"},
    {"NumberForSection", "checkpoint: {every: 500, keep: 2}", "checkpoint: 500",
     "27: checkpoint: must be a section of 'key: value' lines, not '500'"},
    {"NothingForSection", "checkpoint: {every: 500, keep: 2}",
     "checkpoint:", "27: checkpoint: must be a section of 'key: value' lines, not nothing"},
    {"NothingForNumber", "seed: 7", "seed:", "2: seed: must be a number, not nothing"},
    {"ItemOfListIsList", "structure: [heads, ffn]", "structure: [heads, [ffn]]",
     "17: stages.prune.prune.structure.1: must be text, not a list"},
    {"StageIsAWord", "  - name: export\n    export: {format: hf}", "  - export",
     "25: stages.3: must be a section of 'key: value' lines, not 'export'"},
    {"MethodIsAList", "{name: sketch, rank: 8}", "[sketch]",
     "13: stages.adapt.method: must name a method: write 'method: full' or {name: dsee, rank: 16}"},
    {"MethodWithoutName", "{name: sketch, rank: 8}", "{rank: 8}",
     "13: stages.adapt.method: must name a method: write 'method: full' or {name: dsee, rank: 16}"},
    {"UnknownMethod", "name: sketch,", "name: sketh,",
     "13: stages.adapt.method: 'sketh' is not a method (use one of full, sketch); did you mean 'sketch'?"},
    // Values out of range.
    {"ChoiceWithGuess", "format: tsv", "format: tvs",
     "7: data.format: is 'tvs', must be one of tsv, csv, jsonl, text, e2e, webnlg, dart, prompt_completion, messages, "
     "wordnet; did you mean 'tsv'?"},
    {"ChoiceWithoutGuess", "precision: fp32", "precision: int8",
     "10: parallel.precision: is 'int8', must be one of auto, fp32, bf16"},
    {"ChoiceInList", "[heads, ffn]", "[heads, fnn]",
     "17: stages.prune.prune.structure: is 'fnn', must be one of heads, ffn; did you mean 'ffn'?"},
    {"UnknownPreset", "task: sst2", "task: sst3",
     "8: data.task: is 'sst3', must be one of '', sst2, cola, mrpc, rte, qnli, qqp, mnli, stsb, wnli, wordnet; did "
     "you mean 'sst2'?"},
    {"TwiceInList", "[heads, ffn]", "[heads, ffn, heads]", "17: stages.prune.prune.structure: names 'heads' twice"},
    {"TooManyTexts", "task: sst2", "task: sst2\n  text: [a, b, c]", "9: data.text: has 3 items; at most 2 are allowed"},
    {"NegativeRate", "lr: 1e-3", "lr: -1e-3", "14: stages.adapt.train.lr: is -1e-3, must be above 0"},
    {"ZeroEpochs", "epochs: 3", "epochs: 0", "14: stages.adapt.train.epochs: is 0, must be above 0"},
    {"ZeroSteps", "epochs: 3", "max_steps: 0", "14: stages.adapt.train.max_steps: is 0, must be at least 1"},
    {"AllHeads", "heads: 0.25", "heads: 1.0", "18: stages.prune.prune.heads: is 1.0, must be below 1"},
    {"NegativeShare", "ffn: 0.4", "ffn: -0.4", "19: stages.prune.prune.ffn: is -0.4, must be at least 0"},
    {"ZeroRank", "rank: 8", "rank: 0", "13: stages.adapt.method.rank: is 0, must be at least 1"},
    {"Warmup", "lr: 1e-3", "lr: 1e-3, warmup: 1.5",
     "14: stages.adapt.train.warmup: is neither a fraction of the steps (below 1) nor a whole number of steps"},
    {"ZeroTensor", "{precision: fp32, timeout: 60}", "{tensor: 0}", "10: parallel.tensor: is 0, must be at least 1"},
    {"ZeroTimeout", "timeout: 60", "timeout: 0", "10: parallel.timeout: is 0, must be at least 1"},
    {"ShortSamples", "task: sst2", "task: sst2\n  max_length: 2", "9: data.max_length: is 2, must be at least 3"},
    {"NegativeKeep", "keep: 2", "keep: -1", "27: checkpoint.keep: is -1, must be at least 0"},
    {"DistillWeight", "weight: 0.5", "weight: 1.5",
     "24: stages.recover.train.distill.weight: is 1.5, must be at most 1"},
    {"Dropout", "  task: sequence_classification", "  dropout: 1", "5: model.dropout: is 1, must be below 1"},
    {"EmptyPath", "path: /models/minilm", "path: ''", "4: model.path: is empty"},
    {"EmptyTargets", "rank: 8", "targets: []",
     "13: stages.adapt.method.targets: is an empty list; give at least one item"},
    {"StageNameWithDot", "name: adapt", "name: a.b",
     "12: stages.0.name: is 'a.b'; use letters, digits, '-' and '_', starting with a letter"},
    {"RunNameWithSlash", "name: demo", "name: a/b",
     "1: name: is 'a/b'; use letters, digits, '-', '_' and '.', starting with a letter or digit"},
    {"ExportOutside", "{format: hf}", "{format: hf, dir: ../x}",
     "26: stages.export.export.dir: is '../x', must be the name of a new directory inside the run directory"},
    // Missing.
    {"NoName", "name: demo\n", "", "1: name: is missing: name of the run; part of its directory name"},
    {"NoModelPath", "  path: /models/minilm\n", "",
     "3: model.path: is missing: Hugging Face directory, run, checkpoint or export"},
    {"NoStageName", "  - name: export\n    export: {format: hf}", "  - export: {format: hf}",
     "25: stages.3.name: is missing: name of the stage, in metrics and --set"},
    {"NoModel", "model:\n  path: /models/minilm\n  task: sequence_classification\n", "",
     "1: model: is missing: the backbone"},
    // Between sections.
    {"NeitherEpochsNorSteps", "epochs: 3, batch", "batch", "14: stages.adapt.train: needs epochs or max_steps"},
    {"BothEpochsAndSteps", "epochs: 3,", "epochs: 3, max_steps: 5,",
     "14: stages.adapt.train.max_steps: is given together with epochs; keep one of them"},
    {"AccumulateMoreThanBatch", "lr: 1e-3", "gradient_accumulation: 17",
     "14: stages.adapt.train.gradient_accumulation: is 17, more than the 16 samples of batch_size"},
    {"RenamedKey", "lr: 1e-3", "lr: 1e-3, accumulate: 2",
     "14: stages.adapt.train.accumulate: is now called 'gradient_accumulation'"},
    {"RenamedKeyInAnotherSection", "log_every: 10", "clip: 10",
     "29: clip: is now called 'max_grad_norm' and belongs in stages[].train"},
    {"RenamedKeyInDeeperSection", "task: sst2", "task: sst2\n  recompute: true",
     "9: data.recompute: is now called 'activation_checkpointing' and belongs in stages[].train"},
    {"RenamedKeyInUpperSection", "{epochs: 3, batch", "{limit: 10, epochs: 3, batch",
     "14: stages.adapt.train.limit: is now called 'max_train_samples' and belongs in data"},
    {"TrainWithoutMethod", "    method: {name: sketch, rank: 8}\n", "",
     "12: stages.adapt: trains, but neither it nor an earlier stage has a method; add e.g. 'method: {name: dsee}' to "
     "the first stage that trains"},
    {"MethodWithoutTrain", "  - name: export\n    export: {format: hf}", "  - name: idle\n    method: full",
     "26: stages.idle.method: has "
     "nothing to train; give the stage a train section"},
    {"StageDoesNothing", "    export: {format: hf}\n", "",
     "25: stages.export: does nothing; give it train, prune or export"},
    {"ExportTrains", "    export: {format: hf}", "    export: {format: hf}\n    train: {epochs: 1}",
     "26: stages.export.export: must be a stage of its own, without method, prune or train"},
    {"PruneOfNothing", "structure: [heads, ffn]\n      heads: 0.25\n      ffn: 0.4", "score: taylor",
     "16: stages.prune.prune: needs structure ([heads, ffn]) or sparsity (0.5)"},
    {"SparsityOfStructures", "ffn: 0.4", "ffn: 0.4\n      sparsity: 0.5",
     "20: stages.prune.prune.sparsity: has no effect: it is used only when structure is empty"},
    {"SharesOfAbsentStructure", "[heads, ffn]", "[heads]",
     "19: stages.prune.prune.ffn: has no effect: it is used only when structure contains ffn"},
    {"MatrixScopeOfStructures", "ffn: 0.4", "ffn: 0.4\n      scope: matrix",
     "20: stages.prune.prune.scope: is matrix, which is for single weights; structured pruning uses "
     "layer or global"},
    {"LayerScopeOfWeights", "structure: [heads, ffn]\n      heads: 0.25\n      ffn: 0.4",
     "sparsity: 0.5\n      scope: layer",
     "18: stages.prune.prune.scope: is layer, which is for structures; unstructured pruning uses "
     "matrix or global"},
    {"L1ScoreOfWeights", "structure: [heads, ffn]\n      heads: 0.25\n      ffn: 0.4", "sparsity: 0.5\n      score: l1",
     "18: stages.prune.prune.score: is l1, which has coefficients for heads and ffn only; unstructured "
     "pruning needs another score"},
    {"SameStageName", "name: recover", "name: adapt",
     "20: stages.2.name: is 'adapt', the name of an earlier stage; names must be unique"},
    {"DistillWithoutPrune", "epochs: 3,", "epochs: 3, distill: {weight: 0.5},",
     "14: stages.adapt.train.distill: has no teacher: it learns from the trained model as it was before a "
     "prune, so a stage that trains and then one that prunes must come first"},
    {"NoDir", "  dir: /data/SST-2\n", "", "6: data.dir: is missing: format tsv needs the directory of its files"},
    {"WordNetIsRegression", "task: sequence_classification\ndata:\n  format: tsv\n  task: sst2",
     "task: regression\ndata:\n  format: wordnet",
     "7: data.format: is wordnet, glosses with classes; use it with sequence_classification or masked_lm or "
     "causal_lm, not regression"},
    {"WordNetHasItsFiles", "format: tsv\n  task: sst2", "format: wordnet\n  train: a.txt",
     "8: data.train: names a file, but format wordnet has its own"},
    {"NoTextColumn", "task: sst2", "train: a.tsv\n  label: b",
     "6: data.text: is missing: name the text column, or choose a preset with task"},
    {"NoLabelColumn", "task: sst2", "train: a.tsv\n  text: [b]",
     "6: data.label: is missing: name the label column, or choose a preset with task"},
    {"PresetOfWordNet", "format: tsv", "format: wordnet",
     "7: data.format: is wordnet, but data.task: sst2 is a preset for files of the format tsv; remove data.format, or "
     "remove data.task and describe the files with their own keys"},
    {"PresetOfCsv", "format: tsv", "format: csv",
     "7: data.format: is csv, but data.task: sst2 is a preset for files of the format tsv; remove data.format, or "
     "remove data.task and describe the files with their own keys"},
    {"PresetWordNetOfTsv", "task: sst2", "task: wordnet",
     "7: data.format: is tsv, but data.task: wordnet is a preset for files of the format wordnet; remove data.format, "
     "or remove data.task and describe the files with their own keys"},
    {"PlainTextHasNoLabels", "format: tsv\n  task: sst2", "format: text\n  train: a.txt",
     "7: data.format: is text, texts without labels; use it with masked_lm or causal_lm, not "
     "sequence_classification"},
    {"E2eIsForCausalLm", "format: tsv\n  task: sst2", "format: e2e\n  train: a.txt",
     "7: data.format: is e2e, contexts and references; use it with causal_lm, not sequence_classification"},
    {"PackIsForCausalLm", "task: sst2", "task: sst2\n  pack: true",
     "9: data.pack: has no effect: it is used only when model.task is causal_lm"},
    {"PackOfLabels", "task: sst2", "task: sst2\n  pack: false",
     "9: data.pack: has no effect: it is used only when model.task is causal_lm"},
    {"MaskedShareOfLabels", "task: sst2", "task: sst2\n  mask_probability: 0.15",
     "9: data.mask_probability: has no effect: it is used only when model.task is masked_lm"},
    {"HeaderOfJson", "format: tsv\n  task: sst2", "format: jsonl\n  text: [a]\n  label: b\n  header: true",
     "10: data.header: has no effect: it is used only when data.format is tsv or csv"},
    {"HeaderOfWordNet", "format: tsv\n  task: sst2", "format: wordnet\n  header: false",
     "8: data.header: has no effect: it is used only when data.format is tsv or csv"},
    {"LabelOfWordNet", "format: tsv\n  task: sst2", "task: wordnet\n  label: b",
     "8: data.label: has no effect: it is used only when data.format is tsv, csv or jsonl"},
    {"TextOfWordNet", "format: tsv\n  task: sst2", "format: wordnet\n  text: [gloss]",
     "8: data.text: names columns, but format wordnet has none"},
    {"GeneratesLabels", "eval: {every: 200}", "eval: {generate: {beams: 4}}",
     "28: eval.generate: has no effect: it is used only when model.task is causal_lm"},
    {"BatchesOfAScoreWithoutData", "ffn: 0.4", "ffn: 0.4\n      batches: 4",
     "20: stages.prune.prune.batches: has no effect: it is used only when score is taylor or l1"},
    {"SmoothingIsForTokens", "epochs: 3,", "epochs: 3, label_smoothing: 0.1,",
     "14: stages.adapt.train.label_smoothing: is for masked_lm and causal_lm, not for sequence_classification"},
    {"StsbIsRegression", "task: sst2", "task: stsb",
     "5: model.task: is sequence_classification, but stsb has scores, not classes; set it to regression"},
    {"Sst2HasClasses", "task: sequence_classification", "task: regression",
     "5: model.task: is regression, but sst2 has classes; set it to sequence_classification"},
    {"MetricOfScores", "task: sst2", "task: sst2\n  metric: pearson",
     "9: data.metric: is pearson, which does not measure sequence_classification"},
    {"MistypedSplit", "eval: {every: 200}", "eval: {every: 200, split: dve}",
     "28: eval.split: is 'dve', which is not a split of the data; did you mean 'dev'?"},
    {"StrangeSplit", "eval: {every: 200}", "eval: {split: holdout}",
     "28: eval.split: is 'holdout', which is not a split of the data; use one of train, dev, test"},
    {"BestOfScores", "{every: 200}", "{best: spearman}",
     "28: eval.best: is spearman, which does not measure sequence_classification"},
    {"NcclOnCpu", "precision: fp32", "backend: nccl, device: cpu",
     "10: parallel.backend: is nccl, which supports only CUDA tensors, but device is cpu"},
    {"MpiOnCuda", "precision: fp32", "backend: mpi, device: cuda",
     "10: parallel.backend: is mpi, which supports only CPU tensors; with device cuda use nccl"},
    // Variables and YAML itself.
    {"UnsetVariable", "/models/minilm", "\"${FILIGREE_NO_SUCH}/x\"",
     "4: model.path: uses ${FILIGREE_NO_SUCH}, which is not set"},
    {"MisspeltVariable", "/models/minilm", "\"${FILIGREE_MODEL}/x\"",
     "4: model.path: uses ${FILIGREE_MODEL}, which is not set; did you mean 'FILIGREE_MODELS'?"},
    {"OpenVariable", "/models/minilm", "\"${FILIGREE_MODELS\"",
     "4: model.path: contains '${' without a variable name and '}'; write $${ for a literal ${"},
    {"OpenBracket", "[heads, ffn]", "[heads, ffn", "18: is not valid YAML: end of sequence flow not found"},
    {"TabIndentation", "  path: /models/minilm", "\tpath: /models/minilm",
     "4: is not valid YAML: illegal map value (line 4 is indented with a tab; YAML requires spaces)"},
    {"Tag", "seed: 7", "seed: !!int 7", "2: has the YAML tag 'tag:yaml.org,2002:int'; recipes use none"},
    {"ListAsKey", "seed: 7", "[a, b]: 7", "2: has a key that is not a plain word"},
    {"UnknownAlias", "seed: 7", "seed: *none", "2: is not valid YAML: the referenced anchor is not defined"},
    {"SelfReference", "seed: 7", "seed: &a [*a]", "2: is nested too deeply or refers to itself"},
    {"NotUtf8", "name: demo",
     "name: d\xE9"
     "mo",
     "1: is not UTF-8; save the recipe as UTF-8 text"},
    {"ZeroByte", "name: demo", std::string("name: d\0mo", 10), "1: contains a zero byte; this is not a text file"},
};

class BadRecipe : public RecipeTest, public ::testing::WithParamInterface<BadCase> {};

TEST_P(BadRecipe, IsRefusedWithItsOwnMessage) {
  ASSERT_EQ(complaint(kGood), "") << "the recipe must be good before its fault is put in";
  EXPECT_EQ(complaint(replace(kGood, GetParam().from, GetParam().to)), std::string("r.yaml:") + GetParam().says);
}

INSTANTIATE_TEST_SUITE_P(OneFault, BadRecipe, ::testing::ValuesIn(kCases),
                         [](const auto& row) { return row.param.name; });

// --- many faults at once ---------------------------------------------------------------------------------------------

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
  EXPECT_EQ(said("causal_lm", "{format: e2e, dir: d, label: '', labels: [], text: []}"), "") << "nothing is named";
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
    {"OutOfRange", "stages.0.train.lr=0", "--set stages.adapt.train.lr: is 0, must be above 0"},
    {"UnderAValue", "seed.x=0", "--set seed.x: seed is a value ('7') and has no keys"},
    {"UnderAListOfTexts", "stages.prune.prune.structure.x=0",
     "--set stages.prune.prune.structure.x: there is no item 'x'; the list items have no names: use a number"},
    {"NotYaml", "data.text=[a", "--set data.text: cannot read the value '[a': end of sequence flow not found"},
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
     "--set parallel.backend: is nccl, which supports only CUDA tensors, but device is cpu"},
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
  EXPECT_NE(complaint(text).find("nested too deeply or refers to itself"), std::string::npos);
}

}  // namespace
}  // namespace filigree::recipe::test
