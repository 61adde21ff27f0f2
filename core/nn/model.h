#pragma once
// The interface of a model. A family (models/<family>/) derives from it; core contains no family-specific code.
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
#include "core/task.h"

namespace filigree::nn {

class KeyValueCache;

/// What a forward pass needs in addition to the batch. Dropout masks are a function of only (seed, step,
/// global sample, site, position), so they do not depend on the rank.
struct ForwardContext {
  bool training = false;
  uint64_t seed = 0;
  int64_t step = 0;
  at::ScalarType compute = at::kFloat;  ///< type of the activations: fp32 or bf16
  bool recompute = false;               ///< in training, each layer keeps only its input (recompute.h)
  double label_smoothing = 0;           ///< for per-token losses, in training (ops/loss.h)
  KeyValueCache* cache = nullptr;       ///< for a decoder that generates: the batch holds only new tokens
};

struct Output {
  at::Tensor loss_sum;  ///< fp32 scalar: sum of the per-sample (per-token for LM) losses; undefined without labels
  int64_t count = 0;    ///< number of losses in the sum
  at::Tensor logits;    ///< fp32 [B, labels], or [T, vocab] for a task over tokens; if the batch has labels, only
                        ///< this rank's columns of [T, vocab]
};

/// How a linear or an embedding is split over the tensor-parallel axis. `pattern` matches its name; '*'
/// stands for one word. column: by outputs; row: by inputs; vocab: by the rows of the table (an embedding and
/// the decoder tied to it). What no rule matches is replicated. The StructureGroups determine the cut points.
enum class Shard { replicate, column, row, vocab };
struct ShardRule {
  std::string pattern;
  Shard shard = Shard::replicate;
};

/// How a model computes the loss over tokens from the decoder's output. core/parallel/parallelize replaces
/// these functions if the decoder is split over the vocabulary; the model only calls them.
struct TokenOutput {
  /// logits: fp32 [N, local vocabulary]; labels: int64 [N], ops::kIgnoredLabel where there is no loss.
  std::function<at::Tensor(const at::Tensor& logits, const at::Tensor& labels, double smoothing)> loss =
      ops::cross_entropy;
  Hook gather = [](const at::Tensor& logits) { return logits; };  ///< [N, vocabulary]
};

/// A linear as the family's files store it: possibly part `part` of `parts` linears fused along their
/// outputs, possibly transposed to [in, out].
struct FileLinear {
  std::string name;
  int64_t part = 0, parts = 1;
  bool transposed = false;
};

/// Tensors by name, as stored in files.
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
  virtual std::string architecture() const = 0;   ///< class in transformers: "BertForSequenceClassification"
  virtual std::string ffn_width_key() const { return "intermediate_size"; }  ///< in config.json
  virtual std::string heads_key() const { return "num_attention_heads"; }    ///< in config.json
  virtual nlohmann::json config() const = 0;                                 ///< config.json as read, for export
  virtual int64_t hidden_size() const = 0;
  virtual int64_t num_labels() const = 0;
  virtual int64_t max_positions() const = 0;
  virtual int64_t vocab_size() const = 0;
  virtual int64_t type_vocab_size() const;  ///< rows of the token type table; no limit without a table
  /// 2 x multiply-adds of one forward pass over one sequence of n tokens, with the current structures.
  virtual double flops(int64_t n) const = 0;

  /// Where the family's files store the linear `name`.
  virtual FileLinear file_linear(const std::string& name) const { return {name}; }
  /// Converts the table's names and layouts to those of the family's files.
  virtual StateTensors to_files(StateTensors state) const { return state; }

  /// The linears of structures(): those of the attention and of the FFN, in order of depth.
  std::vector<Linear*> encoder_linears();

  void to(at::Device device);
  at::Device device();

  TokenOutput token_output;
};

}  // namespace filigree::nn
