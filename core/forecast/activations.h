#pragma once
// Estimates the peak bytes of tensors in the forward and backward pass of one micro-batch on a rank, without weights,
// gradients and moments. Counted from the model's linears, structure groups and embeddings, without running it.
//
// The passes are a list of sites. In the forward pass, each keeps what its backward pass needs (core/nn/ops,
// core/adapt/update_function); in the backward pass, each holds its gradients and frees what it kept.
//
//   site                    keeps                                           in the backward pass, in addition
//   linears of a group      input, if a weight trains or has an update;     gradients of output, input and weight
//                           the weight cast to the compute type, if it
//                           trains and its input needs a gradient;
//                           x V^T and the cast factors of an update
//   attention               its inputs                                      their gradients, and that of the output
//   activation              its slope                                       two gradients
//   residual normalization  the normalized rows, 1/deviation              three gradients (two without dropout);
//                                                                           fp32 copies if it trains
//   loss over tokens        logits (to the end), probabilities              gradients of both
//   embeddings              input of the normalization, if they train       dense gradients of the tables that train
//
// With recompute a layer is one site: it keeps its input, and its backward pass takes what it would have kept.
//
// The counts are for the CPU kernels. They omit what CUDA's attention also keeps (probabilities, length x length).
#include <cstdint>

#include "core/nn/model.h"

namespace filigree::train {

/// What a rank processes at once.
struct MicroBatch {
  double samples = 0, tokens = 0;
  double predicted = 0;  ///< tokens with a loss, in language modeling
};

struct TraceOptions {
  int64_t element = 4;       ///< bytes per activation element
  bool dropout = true;       ///< in the residual blocks
  bool recompute = false;    ///< a layer keeps only its input
  bool staged_wire = false;  ///< gradients are sent in bf16, in separate tensors
};

uint64_t peak_activations(nn::Model& model, const MicroBatch& batch, const TraceOptions& options);

/// Whether any parameter before the encoder's first linear trains.
bool embeddings_train(nn::Model& model);
/// Linears that belong to no structure group: those of the task head.
std::vector<const nn::Linear*> head_linears(nn::Model& model);

}  // namespace filigree::train
