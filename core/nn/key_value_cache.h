#pragma once
// Keys and values of the tokens that a decoder has seen, per layer, so that generating the next token of a sequence
// computes only that token. B sequences. The first pass brings all tokens of the prompts; each later pass
// brings one token per sequence. The channels are those of this rank's heads.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/nn/ops/attention.h"

namespace filigree::nn {

class KeyValueCache {
 public:
  /// Allocates `capacity` tokens per sequence.
  explicit KeyValueCache(int64_t capacity) : capacity_(capacity) {}

  /// Appends k and v ([T, H*d], packed) and returns the causal attention of the new tokens over all tokens so
  /// far. A pass calls it for each layer in order, starting at layer 0.
  at::Tensor attend(size_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    const ops::AttentionLayout& layout);

  /// Replaces sequence i by a copy of sequence from[i] (int64 [new B]), as beam search does. Also drops finished ones.
  void select(const at::Tensor& from);

  const std::vector<int64_t>& lengths() const { return lengths_; }  ///< tokens seen, per sequence

 private:
  struct Layer {
    at::Tensor k, v;  ///< [B, capacity, H*d]
  };
  void begin_pass(const std::vector<int64_t>& offsets, at::Device device);
  at::Tensor attend_to_all(const Layer& layer, const at::Tensor& q, int64_t heads) const;

  int64_t capacity_;
  std::vector<int64_t> lengths_;
  std::vector<Layer> layers_;
  bool prompts_ = true;  ///< the current pass brings the prompts
  at::Tensor rows_;      ///< current pass: index of each new token in [B * capacity]
  at::Tensor seen_BL;    ///< bool: the tokens of each sequence; used in passes with one token per sequence
};

}  // namespace filigree::nn
