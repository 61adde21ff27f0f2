#pragma once
// A recipe as typed structs. The YAML key is the field's name; only the loader sees YAML nodes. Every struct lists its
// fields once, in describe() (schema.h), with documentation, default and range; the loader, the validator, the writer
// of the resolved recipe and docs/recipe-reference.md all use that list.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/metric.h"
#include "core/recipe/choices.h"
#include "core/task.h"

namespace filigree::recipe {

class Schema;
struct Source;

/// Options of a method: each method has its own struct, which the MethodCatalog (catalog.h) creates by name.
struct MethodOptions {
  virtual ~MethodOptions() = default;
  virtual void describe(Schema& schema) = 0;
  /// Name patterns of linears that get an update. A later stage must not name them again.
  virtual std::vector<std::string> updated_linears() const { return {}; }
  /// Whether a stage may end before its last step.
  virtual bool may_end_early() const { return false; }
};

struct ModelConfig {
  std::string path;  ///< Hugging Face directory, run, checkpoint or export
  Task task = Task::sequence_classification;
  InitialWeights init = InitialWeights::pretrained;  ///< random: config.json only
  std::optional<double> dropout;                     ///< overrides hidden and attention dropout of config.json
  ResetHead reset_head = ResetHead::automatic;
  std::string init_lora;  ///< directory of an adapter of peft that the first method starts from
};

struct DataConfig {
  std::string format = "tsv";                   ///< a registered data format (catalog.h)
  std::string task;                             ///< preset: sst2, cola, mrpc, rte, qnli, qqp, mnli, stsb, wnli, wordnet
  std::string dir;                              ///< directory of the files
  std::optional<std::string> train, dev, test;  ///< file names in dir, instead of the preset's
  std::vector<std::string> text;                ///< one or two columns, by name or 0-based number
  std::string label;                            ///< label column, by name or number (negative: from the end)
  std::vector<std::string> labels;              ///< label names in class-number order
  std::optional<bool> header;                   ///< whether the first line names the columns
  std::optional<Metric> metric;                 ///< none: the preset's
  int64_t max_length = 128;                     ///< maximum tokens per sample, including special tokens
  BadRows bad_rows = BadRows::error;            ///< skip: counted and reported
  int64_t max_train_samples = 0;                ///< maximum number of training samples, by a seeded shuffle; 0: all
  double mask_probability = 0.15;               ///< masked LM: fraction of tokens to predict
  bool pack = false;                            ///< causal LM: concatenate texts, cut into blocks of max_length tokens
};

struct ParallelConfig {
  int64_t tensor = 1;  ///< ranks that share one copy of the model
  Device device = Device::automatic;
  Backend backend = Backend::automatic;
  Precision precision = Precision::automatic;
  double timeout = 600;                    ///< seconds until a collective is considered hung
  GradDtype grad_dtype = GradDtype::fp32;  ///< data type of communicated gradients
  double bucket_mb = 4;                    ///< size of a gradient bucket in MiB
  bool shard_frozen = false;               ///< shard frozen weights over the data-parallel ranks, gather layer by layer
};

struct MethodConfig {
  std::string name;
  std::shared_ptr<MethodOptions> options;
};

struct DistillConfig {
  double weight = 0.5;  ///< loss = (1-weight) task + weight T^2 KL(teacher || student); regression: squared error
  double temperature = 2.0;
};

struct TrainConfig {
  double epochs = 0;                      ///< either epochs ...
  int64_t max_steps = 0;                  ///< ... or steps
  int64_t batch_size = 32;                ///< global: over all ranks and accumulated micro-batches
  int64_t gradient_accumulation = 1;      ///< micro-batches per step
  bool activation_checkpointing = false;  ///< layers keep only their inputs, the backward pass recomputes the rest
  Optimizer optimizer = Optimizer::adamw;
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.0;
  LrSchedule schedule = LrSchedule::linear;
  double warmup = 0.0;         ///< fraction of the steps (< 1) or a number of steps
  double max_grad_norm = 1.0;  ///< global gradient norm; 0: off
  double label_smoothing = 0;  ///< language modeling: fraction of the loss spread uniformly over the vocabulary
  std::optional<DistillConfig> distill;
};

struct PruneConfig {
  std::vector<Structure> structure;  ///< empty: unstructured
  double heads = 0.25;               ///< fraction of the heads to remove
  double ffn = 0.4;                  ///< fraction of the FFN neurons to remove
  std::optional<double> below;       ///< structured: remove the units with at most this score, instead of fractions
  double sparsity = 0.5;             ///< unstructured: fraction of the entries to zero
  std::vector<std::string>
      targets;  ///< unstructured: linears, by the last words of their names; empty: all in the encoder
  std::string score = "magnitude+delta";           ///< a registered score (catalog.h)
  bool score_reads_data = false;                   ///< by the catalog, set when the recipe is loaded; no key
  PruneScope scope = PruneScope::layer;            ///< structured: layer or global; unstructured: matrix or global
  int64_t steps = 1;                               ///< rounds that reach the fraction (with `train`: over its steps)
  PruneSchedule schedule = PruneSchedule::linear;  ///< share removed after each round (core/prune/schedule.h)
  PruneMask mask = PruneMask::base;                ///< unstructured: what the mask covers
  bool regrow = false;                             ///< unstructured: each round may restore entries
  int64_t batches = 32;                            ///< training batches for scores that read data
  int64_t batch_size = 0;  ///< samples per batch for them; 0: as the adapted stage (core/run/steps.h)
};

struct ExportConfig {
  ExportFormat format = ExportFormat::hf;
  ExportDtype dtype = ExportDtype::automatic;
  std::string dir = "export";  ///< inside the run directory
  double shard_mb = 0;         ///< maximum MiB per weight file; 0: one file
};

/// The values of an earlier step, in the present shapes and under the present masks (core/train/stages/rewind.h).
struct RewindConfig {
  std::string stage;  ///< an earlier stage that trains
  int64_t step = 0;   ///< steps of that stage after which the values were so; 0: at its start
};

struct StageConfig {
  std::string name;
  std::optional<MethodConfig> method;
  std::optional<PruneConfig> prune;
  std::optional<RewindConfig> rewind;  ///< after the prune
  std::optional<TrainConfig> train;
  std::optional<ExportConfig> export_config;  ///< YAML key: export
};

struct CheckpointConfig {
  int64_t every = 0;   ///< steps; 0: only at the end of a stage
  double minutes = 0;  ///< also after this many minutes; 0: never
  int64_t keep = 3;    ///< newest checkpoints to keep, in addition to best and last
};

/// How `filigree eval` continues the contexts of a split; the defaults are LoRA's for E2E.
struct GenerateConfig {
  int64_t beams = 10;
  int64_t max_new_tokens = 64;
  double length_penalty = 0.8;
  int64_t no_repeat_ngram = 4;
  int64_t batch_size = 8;  ///< prompts per rank and forward pass
};

struct EvalConfig {
  int64_t every = 0;  ///< steps; 0: at the end of each epoch and stage
  std::string split = "dev";
  std::string best;         ///< metric that selects `best`; empty: the task's
  int64_t batch_size = 64;  ///< samples per rank and forward pass
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

  // Not keys: for messages.
  std::string file;                      ///< path it was read from
  std::shared_ptr<const Source> source;  ///< where each key was given (key_error.h); null: not read from text
  std::vector<std::string> notes;        ///< keys of the file that a --set replaces
};

}  // namespace filigree::recipe
