#pragma once
// What core knows of a model. A family (models/<family>/) derives from it; nothing in core names a family.
#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/data/batch.h"
#include "core/nn/embedding.h"
#include "core/nn/linear.h"
#include "core/nn/ops/loss.h"
#include "core/nn/parameter.h"
#include "core/nn/structure.h"

namespace filigree::nn {

class KeyValueCache;

enum class Task { sequence_classification, regression, masked_lm, causal_lm };
Task task_from(const std::string& name);  ///< throws UsageError
const char* to_string(Task task);
/// Whether each token has a loss of its own, over the vocabulary (language modelling), and not each sample.
bool is_over_tokens(Task task);

/// What a forward pass needs besides the batch. Dropout masks are a function of (seed, step, global sample, site,
/// position) only, so they depend on no rank.
struct ForwardContext {
  bool training = false;
  uint64_t seed = 0;
  int64_t step = 0;
  at::ScalarType compute = at::kFloat;  ///< type of the activations: fp32 or bf16
  bool recompute = false;               ///< in training a layer keeps its input only (recompute.h)
  double label_smoothing = 0;           ///< of a task over tokens, in training (ops/loss.h)
  KeyValueCache* cache = nullptr;       ///< of a decoder that generates: the batch holds the tokens that are new
};

struct Output {
  at::Tensor loss_sum;  ///< fp32 scalar: sum of the per-sample (per-token for LM) losses; undefined without labels
  int64_t count = 0;    ///< how many losses were summed
  at::Tensor logits;    ///< fp32 [B, labels], or [T, vocab] for a task over tokens; with labels, of its columns only
                        ///< those that lie here
};

/// How a linear or an embedding is cut over the tensor-parallel axis, by a pattern of its name in which '*' stands for
/// one word: column by its outputs, row by its inputs, vocab by the rows of the table (an embedding, and the decoder
/// that is tied to it). What no rule names is replicated. Where the cuts lie is said by the StructureGroups.
enum class Shard { replicate, column, row, vocab };
struct ShardRule {
  std::string pattern;
  Shard shard = Shard::replicate;
};

/// How a model comes from the decoder's output to a loss over tokens. core/parallel/parallelize puts the ops of a
/// decoder that is split over the vocabulary here; a model calls them and knows nothing of it.
struct TokenOutput {
  /// logits: fp32 [N, what lies here of the vocabulary]; labels: int64 [N], ops::kIgnoredLabel where there is no loss.
  std::function<at::Tensor(const at::Tensor& logits, const at::Tensor& labels, double smoothing)> loss =
      ops::cross_entropy;
  Hook whole = [](const at::Tensor& logits) { return logits; };  ///< [N, vocabulary]
};

/// A linear as the family's files have it: perhaps one of several that are fused along their outputs, perhaps stored as
/// [in, out].
struct FileLinear {
  std::string name;
  int64_t part = 0, parts = 1;
  bool turned = false;
};

/// Tensors by name, as files hold them.
using StateTensors = std::vector<std::pair<std::string, at::Tensor>>;

class Model {
 public:
  virtual ~Model() = default;
  virtual Output forward(const data::Batch& batch, const ForwardContext& context) = 0;

  virtual ParameterTable& parameters() = 0;
  virtual std::vector<Linear*> linears() = 0;        ///< all, in order of depth
  virtual std::vector<Embedding*> embeddings() = 0;  ///< those that the shard plan may split
  virtual std::vector<StructureGroup>& structures() = 0;
  virtual std::vector<ShardRule> shard_plan() const = 0;
  virtual std::vector<std::string> head_parameters()
      const = 0;  ///< names of the task head's parameters (always trained)

  virtual Task task() const = 0;
  virtual const std::string& family() const = 0;  ///< "bert"
  virtual std::string architecture() const = 0;   ///< transformers' class: "BertForSequenceClassification"
  virtual std::string ffn_width_key() const { return "intermediate_size"; }  ///< in config.json
  virtual nlohmann::json config() const = 0;                                 ///< config.json as read, for export
  virtual int64_t hidden_size() const = 0;
  virtual int64_t num_labels() const = 0;
  virtual int64_t max_positions() const = 0;
  virtual int64_t vocab_size() const = 0;
  virtual int64_t type_vocab_size() const;  ///< rows of the table of token types; no limit without a table
  /// Multiply-adds x 2 of one forward pass for one sequence of n tokens with the structures as they are now.
  virtual double flops(int64_t n) const = 0;

  /// Where a linear of this name stands in the family's files.
  virtual FileLinear file_linear(const std::string& name) const { return {name}; }
  /// From the table's names and layouts to those of the family's files.
  virtual StateTensors to_files(StateTensors state) const { return state; }

  void to(at::Device device);
  at::Device device();

  TokenOutput token_output;
};

}  // namespace filigree::nn
