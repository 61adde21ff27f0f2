// Every key of a recipe, once: name, field, documentation, allowed values. Rules between sections are in check.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/files/run_paths.h"
#include "core/recipe/schema.h"

namespace filigree::recipe {
namespace {

bool has(const std::vector<Structure>& items, Structure item) { return std::ranges::find(items, item) != items.end(); }

bool only_letters_of(const std::string& text, const char* more) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string(more).find(c) != std::string::npos;
  });
}

/// Values of eval.best: "" for the task's metric, a metric, or the loss.
std::vector<std::string> best_metrics() {
  std::vector<std::string> names = all_enum_names<Metric>();
  names.insert(names.begin(), "");
  names.emplace_back("loss");
  return names;
}

/// Longer names leave no room for what filigree adds to a file's name, of which most file systems allow 255 bytes.
constexpr size_t kLongestName = 200;

std::string length_problem(const std::string& name) {
  return name.size() <= kLongestName ? "" : fmt::format("has {} characters; use at most {}", name.size(), kLongestName);
}

/// Names become file names and parts of a --set path.
std::string name_problem(const std::string& name) {
  const bool good = !name.empty() && only_letters_of(name, "-_.") && name.front() != '.' && name.front() != '-';
  return good ? "" : "is '" + name + "'; use letters, digits, '-', '_' and '.', starting with a letter or digit";
}

std::string stage_name_problem(const std::string& name) {
  const bool good =
      !name.empty() && only_letters_of(name, "-_") && std::isalpha(static_cast<unsigned char>(name[0])) != 0;
  return good ? "" : "is '" + name + "'; use letters, digits, '-' and '_', starting with a letter";
}

/// An export gets its own directory inside the run directory: no name that filigree uses, no '.', '..' or hidden part.
std::string export_dir_problem(const std::string& dir) {
  const std::filesystem::path path(dir);
  const bool plain = std::all_of(path.begin(), path.end(), [](const auto& part) {
    return !part.empty() && part != "." && part != ".." && part.string().front() != '.';
  });
  if (path.empty() || path.is_absolute() || !plain)
    return "is '" + dir + "', must be the name of a new directory inside the run directory";
  if (files::run_names::is_reserved(path.begin()->string()))
    return "is '" + dir + "', a name that filigree itself uses in the run directory; choose another";
  return "";
}

std::string longest_part_problem(const std::string& dir) {
  for (const auto& part : std::filesystem::path(dir))
    if (const std::string problem = length_problem(part.string()); !problem.empty()) return problem;
  return "";
}

}  // namespace

void describe(ModelConfig& model, Schema& schema) {
  schema.field("path", model.path, "Hugging Face directory, run, checkpoint or export").required();
  schema.field("task", model.task, "task of the model; selects the head and the loss");
  schema.field("init", model.init,
               "source of the weights: the directory, or random initialization (needs only config.json)");
  schema.field("dropout", model.dropout, "overrides the hidden and attention dropout of config.json", from(0).below(1));
  schema
      .field("reset_head", model.reset_head,
             "whether a new task head replaces the one in the directory: auto, if its number of classes or their "
             "names do not match the task's; true, always; false, never: a head that does not match is an error")
      .only("init", "is pretrained", [&model] { return model.init == InitialWeights::pretrained; });
  schema
      .field("init_lora", model.init_lora,
             "directory of a LoRA or a Super-Tuning adapter saved by peft: initializes the update of the first method, "
             "and "
             "the task head")
      .formerly("adapter");
}

void describe(DataConfig& data, Schema& schema) {
  schema.field("format", data.format, "format of the files, see the table of formats").one_of(schema.format_names());
  schema.field("task", data.task, "preset for files, columns, labels and metric").one_of(schema.preset_names());
  schema.field("dir", data.dir, "directory of the files; optional for wordnet (default /usr/share/wordnet)");
  schema.field("train", data.train, "training file in dir; default without a preset: train.tsv, train.csv, ...");
  schema.field("dev", data.dev, "development file in dir; default as for train");
  schema.field("test", data.test, "test file in dir; default as for train");
  schema.field("text", data.text, "one or two text columns, by name or 0-based number").items_at_most(2).unique();
  schema.field("label", data.label, "label column, by name or number (negative: from the end)");
  schema.field("labels", data.labels, "label names in class-number order; empty: the preset's, or those in the data")
      .unique();
  schema.field("header", data.header, "whether the first line names the columns");
  schema.field("metric", data.metric, "metric of the task; empty: the preset's, else accuracy");
  schema.field("max_length", data.max_length,
               "maximum tokens per sample, including special tokens; longer samples are truncated",
               from(3).to(kMostTokens));
  schema.field("bad_rows", data.bad_rows,
               "invalid row: error stops the run; skip skips the row, and the count is reported");
  schema
      .field("max_train_samples", data.max_train_samples,
             "maximum number of training samples, chosen by a seeded shuffle; 0: all", from(0).to(kMostSteps))
      .formerly("limit");
  schema.field("mask_probability", data.mask_probability, "masked_lm: fraction of the tokens to predict",
               above(0).below(1));
  schema.field("pack", data.pack, "causal_lm: concatenate the texts and cut them into blocks of max_length tokens");
}

void describe(ParallelConfig& parallel, Schema& schema) {
  schema.field("tensor", parallel.tensor,
               "ranks that share one copy of the model; the data-parallel size is ranks / tensor",
               from(1).to(kMostRanks));
  schema.field("device", parallel.device, "auto: CUDA if a device is available");
  schema.field("backend", parallel.backend, "auto: single for one rank, nccl on CUDA, else mpi");
  schema.field("precision", parallel.precision,
               "precision of frozen weights and computation; trainable parameters stay fp32; auto: bf16 if the device "
               "has a hardware bf16 matrix multiply, else fp32");
  schema.field("timeout", parallel.timeout, "seconds until a collective is considered hung and the job ends",
               from(1).to(1e8));
  schema.field("grad_dtype", parallel.grad_dtype, "data type of communicated gradients").formerly("wire");
  schema.field("bucket_mb", parallel.bucket_mb, "size of a gradient bucket in MiB", from(0.001).to(65536));
  schema.field(
      "shard_frozen", parallel.shard_frozen,
      "shard the frozen weights over the data-parallel ranks; each layer's weights are gathered just before use");
}

void describe(DistillConfig& distill, Schema& schema) {
  schema.field("weight", distill.weight, "weight w of the distillation loss: (1 - w) task + w distillation",
               from(0).to(1));
  schema.field("temperature", distill.temperature, "divisor of the logits of teacher and student", from(0.001).to(1e6));
}

void describe(TrainConfig& train, Schema& schema) {
  schema.field("epochs", train.epochs, "passes over the training data; set either this or max_steps", above(0).to(1e6))
      .written([&train] { return train.epochs > 0; });
  schema.field("max_steps", train.max_steps, "optimizer steps; set either this or epochs", from(1).to(kMostSteps))
      .written([&train] { return train.max_steps > 0; });
  schema.field("batch_size", train.batch_size, "samples per step, over all ranks and micro-batches",
               from(1).to(kMostSamples));
  schema.field("gradient_accumulation", train.gradient_accumulation, "micro-batches per step", from(1).to(65536))
      .formerly("accumulate");
  schema
      .field("activation_checkpointing", train.activation_checkpointing,
             "keep only the input of each layer and recompute the rest in the backward pass: less memory, more time")
      .formerly("recompute");
  schema.field("optimizer", train.optimizer, "optimizer");
  schema.field("lr", train.lr, "peak learning rate", above(0).to(1e6));
  schema.field("beta1", train.beta1, "decay of the first moment", from(0).below(1));
  schema.field("beta2", train.beta2, "decay of the second moment", from(0).below(1));
  schema.field("eps", train.eps, "added to the square root of the second moment", from(1e-30).to(1));
  schema.field("weight_decay", train.weight_decay, "decoupled weight decay", from(0).to(1e6));
  schema.field("schedule", train.schedule, "learning rate after the warm-up: linear or cosine decay to 0, or constant");
  schema.field("warmup", train.warmup, "length of the linear warm-up from 0", from(0).to(kMostSteps))
      .rule("a fraction of the steps (below 1) or a whole number of steps", [&train]() -> std::string {
        if (train.warmup < 1 || train.warmup == std::floor(train.warmup)) return "";
        return "is neither a fraction of the steps (below 1) nor a whole number of steps";
      });
  schema.field("max_grad_norm", train.max_grad_norm, "maximum global gradient norm; 0: no clipping", from(0).to(1e12))
      .formerly("clip");
  schema.field("label_smoothing", train.label_smoothing,
               "masked_lm and causal_lm: fraction of the loss spread uniformly over the vocabulary", from(0).below(1));
  schema.section("distill", train.distill, "also learn from the logits of the adapted model before the prune");
}

void describe(PruneConfig& prune, Schema& schema) {
  const auto unstructured = [&prune] { return prune.structure.empty(); };
  const auto reads_data = [&prune, &schema] {
    const ScoreTraits* score = schema.find_score(prune.score);
    return score == nullptr ? prune.score_reads_data : score->reads_data;
  };
  schema
      .field("structure", prune.structure,
             "structures to remove; empty: zero single weights (unstructured), which needs sparsity")
      .unique();
  schema.field("heads", prune.heads, "fraction of the attention heads to remove", from(0).below(1))
      .only("structure", "contains heads", [&prune] { return has(prune.structure, Structure::heads); })
      .only("below", "is not given", [&prune] { return !prune.below; });
  schema.field("ffn", prune.ffn, "fraction of the FFN neurons to remove", from(0).below(1))
      .only("structure", "contains ffn", [&prune] { return has(prune.structure, Structure::ffn); })
      .only("below", "is not given", [&prune] { return !prune.below; });
  schema
      .field("below", prune.below, "remove the heads and neurons whose score is at most this, instead of fractions",
             from(-1e9).to(1e12))
      .only("structure", "contains heads or ffn", [&prune] { return !prune.structure.empty(); });
  schema
      .field("sparsity", prune.sparsity, "fraction of the weights to zero, required for unstructured pruning",
             from(0).below(1))
      .no_default()
      .only("structure", "is empty", unstructured);
  schema
      .field("targets", prune.targets, "linears to prune, by the last words of their names; empty: all in the encoder")
      .patterns()
      .only("structure", "is empty", unstructured);
  schema.field("score", prune.score, "importance score, see the table of scores").one_of(schema.score_names());
  schema.field("scope", prune.scope,
               "scope of the fraction: per layer (structured), per matrix (unstructured), or global");
  schema.field("steps", prune.steps,
               "pruning rounds to reach the fraction; with train, over the first 3/4 of its steps", from(1).to(10000));
  schema
      .field("schedule", prune.schedule,
             "share removed after round r of n, of the fraction: linear r/n; cubic 1 - (1 - r/n)^3")
      .only("steps", "is more than 1", [&prune] { return prune.steps > 1; });
  schema
      .field(
          "mask", prune.mask,
          "what the mask covers: base: W0, and the merged weight M*W0 + D of a linear with an update is dense; merged: "
          "the update too, M*(W0 + D)")
      .only("structure", "is empty", unstructured);
  schema
      .field(
          "regrow", prune.regrow,
          "each round chooses among all weights, also those that an earlier round zeroed; for weights that train and "
          "the scores magnitude, magnitude+delta and merged")
      .only("structure", "is empty", unstructured);
  schema.field("batches", prune.batches, "training batches for the scores that read data", from(1).to(1e6))
      .only("score", "reads data", reads_data);
  schema
      .field("batch_size", prune.batch_size,
             "samples per batch for these scores; 0: those of the latest stage up to this one that trains, else of the "
             "next one that trains, else 32",
             from(0).to(kMostSamples))
      .only("score", "reads data", reads_data);
}

void describe(ExportConfig& export_config, Schema& schema) {
  schema.field("format", export_config.format,
               "hf: for transformers, original shapes; hf_pruned: pruned shapes, for transformers 4 or with "
               "trust_remote_code; filigree: pruned shapes, for filigree");
  schema.field("dir", export_config.dir, "directory of the export, inside the run directory")
      .required()
      .rule("a new name in the run directory", [&export_config] { return export_dir_problem(export_config.dir); })
      .later_rule([&export_config] { return longest_part_problem(export_config.dir); });
  schema.field(
      "dtype", export_config.dtype,
      "data type of the weights in the files: auto, as in the base model's files for weights that are unchanged, "
      "fp32 for all others; fp32 or bf16 for all");
  schema.field("shard_mb", export_config.shard_mb,
               "maximum MiB per weight file; several files get an index; 0: one file", from(0).to(kMostMebibytes));
}

void describe(RewindConfig& rewind, Schema& schema) {
  schema.field("stage", rewind.stage, "an earlier stage that trains").required();
  schema.field("step", rewind.step, "steps of that stage; 0: the values at its start", from(0).to(kMostSteps));
}

void describe(StageConfig& stage, Schema& schema) {
  schema.field("name", stage.name, "name of the stage, in metrics and --set")
      .required()
      .rule("letters, digits, - and _", [&stage] { return stage_name_problem(stage.name); })
      .later_rule([&stage] { return length_problem(stage.name); });
  schema.method("method", stage.method,
                "what to train; without it, the stage continues with the method of an earlier stage");
  schema.section("prune", stage.prune, "remove heads, neurons or weights");
  schema.section("rewind", stage.rewind,
                 "set the weights to their values of an earlier step, after the prune; pruned shapes and zeros stay");
  schema.section("train", stage.train, "train; with prune in the same stage, pruning is spread over the steps");
  schema.section("export", stage.export_config, "write the merged model; must be a stage of its own");
}

void describe(CheckpointConfig& checkpoint, Schema& schema) {
  schema.field("every", checkpoint.every, "steps between checkpoints; 0: only at the end of a stage",
               from(0).to(kMostSteps));
  schema.field("minutes", checkpoint.minutes, "also after this many minutes; 0: never", from(0).to(1e6));
  schema.field("keep", checkpoint.keep, "newest checkpoints to keep, in addition to best and last", from(0).to(1e6));
}

void describe(GenerateConfig& generate, Schema& schema) {
  schema.field("beams", generate.beams, "beam width; 1: greedy", from(1).to(1024));
  schema.field("max_new_tokens", generate.max_new_tokens, "maximum number of generated tokens",
               from(1).to(kMostTokens));
  schema
      .field("length_penalty", generate.length_penalty, "a hypothesis of n tokens scores log p / n^length_penalty",
             from(-10).to(10))
      .only("beams", "is at least 2", [&generate] { return generate.beams > 1; });
  schema.field("no_repeat_ngram", generate.no_repeat_ngram, "size of the n-grams that must not repeat; 0: off",
               from(0).to(kMostTokens));
  schema.field("batch_size", generate.batch_size, "prompts per rank and forward pass", from(1).to(65536));
}

void describe(EvalConfig& eval, Schema& schema) {
  schema.field("every", eval.every, "steps between evaluations; 0: at the end of each epoch and stage",
               from(0).to(kMostSteps));
  schema.field("split", eval.split, "split to evaluate").required();
  schema.field("best", eval.best, "metric that selects `best`; empty: the task's").one_of(best_metrics());
  schema.field("batch_size", eval.batch_size, "samples per rank and forward pass", from(1).to(kMostSamples));
  schema.section("generate", eval.generate,
                 "causal_lm with a context: `filigree eval` generates texts and prints BLEU, NIST, ROUGE-L and CIDEr");
}

void describe(Recipe& recipe, Schema& schema) {
  schema.field("name", recipe.name, "name of the run; part of its directory name")
      .required()
      .rule("letters, digits, -, _ and .", [&recipe] { return name_problem(recipe.name); })
      .later_rule([&recipe] { return length_problem(recipe.name); });
  schema.field("seed", recipe.seed, "random seed, for sample order, dropout, initial values and masks",
               from(0).to(kMostSeed));
  schema.section("model", recipe.model, "the backbone").required();
  schema.section("data", recipe.data, "the task's files").required();
  schema.section("parallel", recipe.parallel, "how the ranks work together");
  schema.list("stages", recipe.stages, "what the run does, in order").required();
  schema.section("checkpoint", recipe.checkpoint, "when checkpoints are written");
  schema.section("eval", recipe.eval, "when and how the model is evaluated");
  schema.field("log_every", recipe.log_every, "steps between train lines in metrics.jsonl", from(1).to(kMostSteps));
}

}  // namespace filigree::recipe
