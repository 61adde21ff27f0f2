#pragma once
// A recipe as typed structs. The YAML key is the field's name; below the loader nobody sees a YAML node. Every struct
// lists its fields once, in describe() (schema.h), with documentation, default and range; the loader, the validator,
// the writer of the resolved recipe and docs/recipe-reference.md are all made from that list.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace filigree::recipe {

class Schema;

/// Options of a method: a struct of its own, made by the MethodCatalog (catalog.h) from the method's name.
struct MethodOptions {
  virtual ~MethodOptions() = default;
  virtual void describe(Schema& schema) = 0;
  /// Name patterns of linears that get an update of their own, which a later stage may not name again.
  virtual std::vector<std::string> updated_linears() const { return {}; }
};

struct ModelConfig {
  std::string path;                              ///< Hugging Face directory, run, checkpoint or export
  std::string task = "sequence_classification";  ///< sequence_classification | regression | masked_lm | causal_lm
  std::string init = "pretrained";               ///< pretrained | random (config.json only)
  std::optional<double> dropout;                 ///< overrides hidden and attention dropout of config.json
  std::string reset_head = "auto";               ///< auto | true | false
  std::string adapter;                           ///< directory of a peft LoRA that the first method goes on from
};

struct DataConfig {
  std::string format = "tsv";                   ///< tsv | csv | jsonl | text | e2e | webnlg | dart | wordnet
  std::string task;                             ///< preset: sst2 | cola | mrpc | rte | qnli | qqp | mnli | stsb | wnli
  std::string dir;                              ///< folder of the files
  std::optional<std::string> train, dev, test;  ///< file names in dir, when the preset's do not fit
  std::vector<std::string> text;                ///< one or two columns, by name or 0-based number
  std::string label;                            ///< label column, by name or number (negative: from the end)
  std::vector<std::string> labels;              ///< label names in order of their class numbers
  std::optional<bool> header;                   ///< whether the first line names the columns
  std::string metric;              ///< accuracy | f1 | mcc | pearson | spearman | macro_f1; empty: the preset's
  int64_t max_length = 128;        ///< tokens per sample, special tokens included
  std::string bad_rows = "error";  ///< error | skip (counted and reported)
  int64_t limit = 0;               ///< at most so many training samples (0: all), the first of a seeded order
  double mask_probability = 0.15;  ///< masked LM: share of tokens predicted
  bool pack = false;               ///< causal LM: texts one after another in blocks of max_length tokens
};

struct ParallelConfig {
  int64_t tensor = 1;              ///< ranks that share one copy of the model
  std::string device = "auto";     ///< auto | cpu | cuda
  std::string backend = "auto";    ///< auto | single | mpi | nccl
  std::string precision = "auto";  ///< auto | fp32 | bf16
  double timeout = 600;            ///< seconds until a collective counts as hung
  std::string wire = "fp32";       ///< type of gradients on the wire: fp32 | bf16
  double bucket_mb = 4;            ///< size of a gradient bucket
  bool shard_frozen = false;       ///< frozen weights in parts over the data-parallel ranks, gathered layer by layer
};

struct MethodConfig {
  std::string name;
  std::shared_ptr<MethodOptions> options;
};

struct DistillConfig {
  double weight = 0.5;  ///< loss = (1-weight) task + weight T^2 KL(teacher || student)
  double temperature = 2.0;
};

struct TrainConfig {
  double epochs = 0;        ///< either epochs ...
  int64_t max_steps = 0;    ///< ... or steps
  int64_t batch_size = 32;  ///< global: over all ranks and accumulated micro-batches
  int64_t accumulate = 1;   ///< micro-batches a step
  bool recompute = false;   ///< layers keep their inputs only, the backward pass computes the rest again
  std::string optimizer = "adamw";
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.0;
  std::string schedule = "linear";  ///< linear | cosine | constant
  double warmup = 0.0;              ///< share of the steps (< 1) or a number of steps
  double clip = 1.0;                ///< global gradient norm; 0: off
  double label_smoothing = 0;       ///< language modelling: share of the loss that goes to all tokens alike
  std::optional<DistillConfig> distill;
};

struct PruneConfig {
  std::vector<std::string> structure;  ///< heads, ffn; empty: unstructured
  double heads = 0.25;                 ///< share of the heads to remove
  double ffn = 0.4;                    ///< share of the FFN neurons to remove
  double sparsity = 0.5;               ///< unstructured: share of the entries to zero
  std::vector<std::string>
      targets;  ///< unstructured: linears, by the last words of their names; empty: all in the encoder
  std::string score = "magnitude+delta";  ///< magnitude | delta | magnitude+delta | merged | l1 | taylor | random
  std::string scope = "layer";            ///< layer | global (unstructured: matrix | global)
  int64_t steps = 1;     ///< rounds in which the share is reached (with `train`: spread over its steps)
  int64_t batches = 32;  ///< training batches that taylor (and l1) read
};

struct ExportConfig {
  std::string format = "hf";   ///< hf | filigree
  std::string dir = "export";  ///< inside the run directory
  double shard_mb = 0;         ///< most MiB of a weight file; 0: one file
};

struct StageConfig {
  std::string name;
  std::optional<MethodConfig> method;
  std::optional<PruneConfig> prune;
  std::optional<TrainConfig> train;
  std::optional<ExportConfig> export_;  ///< YAML key: export
};

struct CheckpointConfig {
  int64_t every = 0;   ///< steps; 0: only at the end of a stage
  double minutes = 0;  ///< also after so many minutes
  int64_t keep = 3;    ///< newest ones kept, besides best and last
};

/// How `filigree eval` continues the contexts of a split; the defaults are LoRA's for E2E.
struct GenerateConfig {
  int64_t beams = 10;
  int64_t max_new_tokens = 64;
  double length_penalty = 0.8;
  int64_t no_repeat_ngram = 4;
  int64_t batch_size = 8;  ///< prompts at once and rank
};

struct EvalConfig {
  int64_t every = 0;  ///< steps; 0: at the end of each epoch and stage
  std::string split = "dev";
  std::string best;         ///< metric by which `best` is chosen; empty: the task's
  int64_t batch_size = 64;  ///< samples a forward pass and rank
  std::optional<GenerateConfig> generate;
};

struct Recipe {
  std::string name;
  int64_t seed = 42;
  ModelConfig model;
  DataConfig data;
  ParallelConfig parallel;
  std::vector<StageConfig> stages;
  CheckpointConfig checkpoint;
  EvalConfig eval;
  int64_t log_every = 10;

  std::string file;  ///< where it was read, for messages; not a key
};

}  // namespace filigree::recipe
