#pragma once
// Bytes of tensors that the forward and backward pass of one micro-batch take on a rank at their fullest moment,
// besides weights, gradients and moments: counted from the model's linears, structure groups and embeddings, without
// running it.
//
// The passes are a list of places. Going forward, each keeps what its backward pass needs (core/nn/ops,
// core/adapt/update_function); going back, each holds its gradients and lets go of what it kept.
//
//   place                   keeps                                           on the way back, besides
//   linears of a group      input, if a weight trains or has an update;     gradients of output, input and weight
//                           the weight cast to the compute type, if it
//                           trains and its input needs a gradient;
//                           x V^T and the cast factors of an update
//   attention               its inputs                                      their gradients, and that of the output
//   activation              its slope                                       two gradients
//   residual normalisation  the normalised rows, 1/deviation                three gradients; fp32 copies if it trains
//   loss over tokens        logits (to the end), probabilities              gradients of both
//   embeddings              input of the normalisation, if they train       a dense gradient of the widest table
//
// With recompute a layer is one place: it keeps its input, and on the way back takes what it would have kept.
//
// The kernels counted are the CPU's. What CUDA's attention keeps besides (probabilities, length x length) is not in it.
#include <cstdint>

#include "core/nn/model.h"

namespace filigree::train {

/// What a rank works on at once.
struct MicroBatch {
  double samples = 0, tokens = 0;
  double predicted = 0;  ///< tokens with a loss, in language modelling
};

struct PassOptions {
  int64_t element = 4;       ///< bytes of an activation
  bool dropout = true;       ///< in the residual blocks
  bool recompute = false;    ///< a layer keeps its input only
  bool staged_wire = false;  ///< gradients go over the wire in bf16, in tensors of their own
};

uint64_t peak_activations(nn::Model& model, const MicroBatch& batch, const PassOptions& options);

/// Whether weight, bias or an update of it trains.
bool trains(const nn::Linear& linear);
/// Whether something is trained before the first linear of the encoder.
bool embeddings_train(nn::Model& model);
/// Linears that belong to no structure group: those of the task head.
std::vector<const nn::Linear*> head_linears(nn::Model& model);

}  // namespace filigree::train
