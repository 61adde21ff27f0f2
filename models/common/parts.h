#pragma once
// The building blocks of models. A part adds its parameters to the table when it is made, so the order of construction
// is the order of the table. The tensors take no memory until the state map fills them.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/data/batch.h"
#include "core/nn/model.h"
#include "core/nn/ops/dropout.h"

namespace filigree::models {

class Builder {
 public:
  explicit Builder(nn::ParameterTable& table) : table_(table) {}

  nn::ParameterPtr parameter(const std::string& name, const std::vector<int64_t>& shape);
  nn::Linear linear(const std::string& name, int64_t out, int64_t in);  ///< name.weight and name.bias
  nn::Linear linear_without_bias(const std::string& name, int64_t out, int64_t in);
  std::unique_ptr<nn::Embedding> embedding(const std::string& name, int64_t rows, int64_t columns);

 private:
  nn::ParameterTable& table_;
};

struct Norm {
  nn::ParameterPtr gain, bias;
  double eps = 0;

  Norm() = default;
  Norm(Builder build, const std::string& name, int64_t size, double epsilon);
  at::Tensor operator()(const at::Tensor& x) const;
  /// The norm of residual + dropout(x).
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& residual, const nn::ops::Dropout& dropout) const;
};

/// One forward pass: batch, context, and the dropout keys of the tokens.
struct ForwardPass {
  const data::Batch& batch;
  const nn::ForwardContext& context;
  at::Tensor keys;  ///< undefined in evaluation

  ForwardPass(const data::Batch& batch, const nn::ForwardContext& context);
  nn::ops::Dropout dropout(uint64_t site, double p) const { return {keys, site, p}; }
  /// Index of the first, or of the last, token of each sample.
  at::Tensor first_tokens(at::Device device) const;
  at::Tensor last_tokens(at::Device device) const;
};

/// layer(x). If the context asks for it, the activations are recomputed in the backward pass; batch and context must
/// live until then. `trains`: whether any parameter of the layer is trainable.
at::Tensor checkpointed(const ForwardPass& pass, bool trains, const std::function<at::Tensor(const at::Tensor&)>& layer,
                        const at::Tensor& x);
bool trains(const std::vector<nn::Linear*>& linears, const std::vector<const Norm*>& norms);

/// Dropout site indices of a layer: kLayerSites per layer, after the sites of the whole model.
constexpr uint64_t kFirstLayerSite = 16, kLayerSites = 16;
inline uint64_t layer_site(size_t layer, uint64_t site) { return kFirstLayerSite + layer * kLayerSites + site; }

/// Loss of a sequence task from fp32 logits [B, labels], if the batch has labels.
nn::Output sequence_output(const at::Tensor& logits, const ForwardPass& pass, Task task);

/// Logits over the vocabulary, for a task over tokens. to_logits: [N, C] -> [N, vocabulary]; in training it gets only
/// the tokens with a loss, to save memory.
nn::Output lm_head_output(const at::Tensor& x, const ForwardPass& pass, const nn::TokenOutput& output,
                          const std::function<at::Tensor(const at::Tensor&)>& to_logits);

/// The two groups of a layer, heads and neurons, as structure.h defines them.
struct LayerUnits {
  int64_t layer, heads, head_size, neurons;
  std::vector<int64_t> kept_heads, kept_neurons;
  nn::Linear &query, &key, &value, &attention_out, &ffn_in, &ffn_out;
};
void add_units(const LayerUnits& units, std::vector<nn::StructureGroup>& groups);

/// Multiply-adds of a linear per token.
double macs(const nn::Linear& linear);

}  // namespace filigree::models
