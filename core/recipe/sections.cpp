// Every key of a recipe, once: name, place, documentation, what is allowed. Rules between sections are in check.cpp.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/files/run_directory.h"
#include "core/recipe/schema.h"

namespace filigree::recipe {
namespace {

bool has(const std::vector<std::string>& items, const std::string& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

bool only_letters_of(const std::string& text, const char* more) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string(more).find(c) != std::string::npos;
  });
}

/// Names become file names and parts of a --set path.
std::string name_problem(const std::string& name) {
  const bool good = !name.empty() && only_letters_of(name, "-_.") && name.front() != '.' && name.front() != '-';
  return good ? "" : "is '" + name + "', may hold letters, digits, '-', '_' and '.' and starts with a letter or digit";
}

std::string stage_name_problem(const std::string& name) {
  const bool good =
      !name.empty() && only_letters_of(name, "-_") && std::isalpha(static_cast<unsigned char>(name[0])) != 0;
  return good ? "" : "is '" + name + "', may hold letters, digits, '-' and '_' and starts with a letter";
}

/// An export gets a directory of its own in the run's: none that filigree uses itself, none that a link could be in.
std::string export_dir_problem(const std::string& dir) {
  const std::filesystem::path path(dir);
  const bool plain = std::all_of(path.begin(), path.end(), [](const auto& part) {
    return !part.empty() && part != "." && part != ".." && part.string().front() != '.';
  });
  if (path.empty() || path.is_absolute() || !plain)
    return "is '" + dir + "', must be the name of a new directory in the run's";
  if (files::run_names::is_reserved(path.begin()->string()))
    return "is '" + dir + "', a name that filigree uses itself in the run's directory; choose another";
  return "";
}

}  // namespace

void describe(ModelConfig& model, Schema& schema) {
  schema.field("path", model.path, "Hugging Face directory, run, checkpoint or export").required();
  schema.field("task", model.task, "what the model is for: chooses head and loss")
      .one_of({"sequence_classification", "regression", "masked_lm", "causal_lm"});
  schema
      .field("init", model.init,
             "where the weights come from: the directory, or drawn at random (needs config.json only)")
      .one_of({"pretrained", "random"});
  schema.field("dropout", model.dropout, "replaces the hidden and attention dropout of config.json", from(0).below(1));
  schema
      .field("reset_head", model.reset_head,
             "the task head of the directory: auto replaces it by a new one when its number of classes or their names "
             "do not fit the task's, true always does, false refuses a head that does not fit")
      .one_of({"auto", "true", "false"});
  schema.field(
      "adapter", model.adapter,
      "directory of a LoRA of the peft package: the first method's low-rank part and the task head go on from it");
}

void describe(DataConfig& data, Schema& schema) {
  schema.field("format", data.format, "layout of the files; wordnet is the demo task, gloss to supersense")
      .one_of({"tsv", "csv", "jsonl", "text", "e2e", "webnlg", "dart", "wordnet"});
  schema.field("task", data.task, "preset that fills files, columns, labels and metric")
      .one_of({"", "sst2", "cola", "mrpc", "rte", "qnli", "qqp", "mnli", "stsb", "wnli", "wordnet"});
  schema.field("dir", data.dir, "folder of the files; may be left out for wordnet: the system's");
  schema.field("train", data.train, "training file in dir; without a preset train.tsv, train.csv, ...");
  schema.field("dev", data.dev, "development file in dir, likewise");
  schema.field("test", data.test, "test file in dir, likewise");
  schema.field("text", data.text, "one or two text columns, by name or 0-based number").items_at_most(2).unique();
  schema.field("label", data.label, "label column, by name or number (negative: from the end)");
  schema
      .field("labels", data.labels, "label names in the order of their class numbers; empty: the preset's, or as found")
      .unique();
  schema.field("header", data.header, "whether the first line names the columns");
  schema.field("metric", data.metric, "metric of the task; empty: the preset's, else accuracy")
      .one_of({"", "accuracy", "f1", "macro_f1", "mcc", "pearson", "spearman"});
  schema.field("max_length", data.max_length, "tokens per sample, special tokens included; the rest is cut",
               from(3).to(kMostTokens));
  schema.field("bad_rows", data.bad_rows, "a row that cannot be read: stop, or count, report and leave out")
      .one_of({"error", "skip"});
  schema.field("limit", data.limit, "at most so many training samples, the first of a seeded order; 0: all",
               from(0).to(kMostSteps));
  schema.field("mask_probability", data.mask_probability, "masked_lm: share of the tokens that are predicted",
               above(0).below(1));
  schema.field("pack", data.pack, "causal_lm: texts one after another, cut into blocks of max_length tokens");
}

void describe(ParallelConfig& parallel, Schema& schema) {
  schema.field("tensor", parallel.tensor,
               "ranks that share one copy of the model; data-parallel size is ranks / tensor", from(1).to(kMostRanks));
  schema.field("device", parallel.device, "auto: CUDA when there is a device").one_of({"auto", "cpu", "cuda"});
  schema.field("backend", parallel.backend, "auto: single for one rank, nccl on CUDA, else mpi")
      .one_of({"auto", "single", "mpi", "nccl"});
  schema
      .field("precision", parallel.precision,
             "of the frozen weights and the computation, what is trained stays fp32; auto: bf16 where the device "
             "multiplies "
             "it in hardware, else fp32")
      .one_of({"auto", "fp32", "bf16"});
  schema.field("timeout", parallel.timeout, "seconds after which a collective counts as hung and ends the job",
               from(1).to(1e8));
  schema.field("wire", parallel.wire, "type of the gradients on the wire").one_of({"fp32", "bf16"});
  schema.field("bucket_mb", parallel.bucket_mb, "MiB of a gradient bucket", from(0.001).to(65536));
  schema.field(
      "shard_frozen", parallel.shard_frozen,
      "each data-parallel rank keeps a part of the frozen weights; a layer's are gathered just before they are used");
}

void describe(DistillConfig& distill, Schema& schema) {
  schema.field("weight", distill.weight, "share of the distillation in the loss", from(0).to(1));
  schema.field("temperature", distill.temperature, "divides the logits of teacher and student", from(0.001).to(1e6));
}

void describe(TrainConfig& train, Schema& schema) {
  schema.field("epochs", train.epochs, "passes over the training data; either this or max_steps", above(0).to(1e6))
      .written([&train] { return train.epochs > 0; });
  schema.field("max_steps", train.max_steps, "optimizer steps; either this or epochs", from(1).to(kMostSteps))
      .written([&train] { return train.max_steps > 0; });
  schema.field("batch_size", train.batch_size, "samples a step, over all ranks and micro-batches",
               from(1).to(kMostSamples));
  schema.field("accumulate", train.accumulate, "micro-batches a step", from(1).to(65536));
  schema.field(
      "recompute", train.recompute,
      "keep of each layer its input only and compute the rest again in the backward pass: less memory, more time");
  schema.field("optimizer", train.optimizer, "optimizer").one_of({"adamw"});
  schema.field("lr", train.lr, "highest learning rate", above(0).to(1e6));
  schema.field("beta1", train.beta1, "decay of the first moment", from(0).below(1));
  schema.field("beta2", train.beta2, "decay of the second moment", from(0).below(1));
  schema.field("eps", train.eps, "added to the root of the second moment", from(1e-30).to(1));
  schema.field("weight_decay", train.weight_decay, "decoupled weight decay", from(0).to(1e6));
  schema
      .field("schedule", train.schedule,
             "learning rate after the warm-up: to 0 by a line or a half cosine, or constant")
      .one_of({"linear", "cosine", "constant"});
  schema.field("warmup", train.warmup, "warm-up from 0", from(0).to(kMostSteps))
      .rule("a share of the steps below 1 or a whole number of steps", [&train]() -> std::string {
        if (train.warmup < 1 || train.warmup == std::floor(train.warmup)) return "";
        return "is neither a share of the steps (below 1) nor a whole number of steps";
      });
  schema.field("clip", train.clip, "largest global norm of the gradient; 0: no clipping", from(0).to(1e12));
  schema.field("label_smoothing", train.label_smoothing,
               "masked_lm and causal_lm: share of the loss that goes to all tokens of the vocabulary alike",
               from(0).below(1));
  schema.section("distill", train.distill, "learn also from the logits that the adapted model had before the prune");
}

void describe(PruneConfig& prune, Schema& schema) {
  const auto unstructured = [&prune] { return prune.structure.empty(); };
  schema
      .field("structure", prune.structure,
             "what is removed as a whole; empty: single weights are zeroed (unstructured)")
      .one_of({"heads", "ffn"})
      .unique();
  schema.field("heads", prune.heads, "share of the attention heads to remove", from(0).below(1))
      .only("structure", "holds heads", [&prune] { return has(prune.structure, "heads"); });
  schema.field("ffn", prune.ffn, "share of the FFN neurons to remove", from(0).below(1))
      .only("structure", "holds ffn", [&prune] { return has(prune.structure, "ffn"); });
  schema.field("sparsity", prune.sparsity, "share of the weights to zero", from(0).below(1))
      .only("structure", "is empty", unstructured);
  schema
      .field("targets", prune.targets, "linears to prune, by the last words of their names; empty: all of the encoder")
      .unique()
      .only("structure", "is empty", unstructured);
  schema.field("score", prune.score, "what counts as important; D is the adapter's effective update")
      .one_of({"magnitude", "delta", "magnitude+delta", "merged", "l1", "taylor", "random"});
  schema.field("scope", prune.scope, "the share holds in each layer (structured) or matrix (unstructured), or globally")
      .one_of({"layer", "matrix", "global"});
  schema.field("steps", prune.steps, "rounds in which the share is reached, spread over the steps of train when given",
               from(1).to(10000));
  schema.field("batches", prune.batches, "training batches that the scores taylor and l1 read", from(1).to(1e6));
}

void describe(ExportConfig& export_config, Schema& schema) {
  schema
      .field("format", export_config.format,
             "hf: for transformers, shapes as before; hf_pruned: small, for transformers 4 or with trust_remote_code; "
             "filigree: small, for filigree")
      .one_of({"hf", "hf_pruned", "filigree"});
  schema.field("dir", export_config.dir, "directory of the export, in the run's directory")
      .required()
      .rule("a new name in the run's directory", [&export_config] { return export_dir_problem(export_config.dir); });
  schema.field("shard_mb", export_config.shard_mb, "most MiB of a weight file, several with an index; 0: one file",
               from(0).to(kMostMebibytes));
}

void describe(StageConfig& stage, Schema& schema) {
  schema.field("name", stage.name, "name of the stage, in metrics and --set")
      .required()
      .rule("letters, digits, - and _", [&stage] { return stage_name_problem(stage.name); });
  schema.method("method", stage.method,
                "what is trained; without one the stage goes on with the method of an earlier stage");
  schema.section("prune", stage.prune, "remove heads, neurons or weights");
  schema.section("train", stage.train, "train; with prune in the same stage the pruning is spread over the steps");
  schema.section("export", stage.export_, "write the merged model; a stage of its own");
}

void describe(CheckpointConfig& checkpoint, Schema& schema) {
  schema.field("every", checkpoint.every, "steps between checkpoints; 0: only at the end of a stage",
               from(0).to(kMostSteps));
  schema.field("minutes", checkpoint.minutes, "also after so many minutes; 0: never", from(0).to(1e6));
  schema.field("keep", checkpoint.keep, "newest ones kept, besides best and last", from(0).to(1e6));
}

void describe(GenerateConfig& generate, Schema& schema) {
  schema.field("beams", generate.beams, "hypotheses of the beam search; 1: greedy", from(1).to(1024));
  schema.field("max_new_tokens", generate.max_new_tokens, "longest continuation", from(1).to(kMostTokens));
  schema.field("length_penalty", generate.length_penalty, "a hypothesis of n tokens scores log p / n^length_penalty",
               from(-10).to(10));
  schema.field("no_repeat_ngram", generate.no_repeat_ngram, "no so many tokens in a row twice; 0: off",
               from(0).to(kMostTokens));
  schema.field("batch_size", generate.batch_size, "prompts at once and rank", from(1).to(65536));
}

void describe(EvalConfig& eval, Schema& schema) {
  schema.field("every", eval.every, "steps between evaluations; 0: at the end of each epoch and stage",
               from(0).to(kMostSteps));
  schema.field("split", eval.split, "split that is evaluated").required();
  schema.field("best", eval.best, "metric by which `best` is chosen; empty: the task's")
      .one_of({"", "accuracy", "f1", "macro_f1", "mcc", "pearson", "spearman", "loss"});
  schema.field("batch_size", eval.batch_size, "samples a forward pass and rank", from(1).to(kMostSamples));
  schema.section("generate", eval.generate,
                 "causal_lm with a context: `filigree eval` generates, and prints BLEU, NIST, ROUGE-L and CIDEr");
}

void describe(Recipe& recipe, Schema& schema) {
  schema.field("name", recipe.name, "name of the run; part of its folder's name")
      .required()
      .rule("letters, digits, -, _ and .", [&recipe] { return name_problem(recipe.name); });
  schema.field("seed", recipe.seed, "of everything random: order, dropout, initial values, masks",
               from(0).to(kMostSeed));
  schema.section("model", recipe.model, "the backbone").required();
  schema.section("data", recipe.data, "the task's files").required();
  schema.section("parallel", recipe.parallel, "how the ranks work together");
  schema.list("stages", recipe.stages, "what is done, in order").required();
  schema.section("checkpoint", recipe.checkpoint, "when the run is saved");
  schema.section("eval", recipe.eval, "when the model is measured");
  schema.field("log_every", recipe.log_every, "steps between train lines in metrics.jsonl", from(1).to(kMostSteps));
}

}  // namespace filigree::recipe
