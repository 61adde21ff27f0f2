#pragma once
// Keys and values of the tokens that a decoder has seen, per layer, so that generating the next token of a sequence
// computes that token alone. B sequences; a pass brings either all tokens of their prompts (the first one) or one token
// of each. Channels are those of the heads that lie on this rank.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/nn/ops/attention.h"

namespace filigree::nn {

class KeyValueCache {
 public:
  /// Room for `capacity` tokens a sequence.
  explicit KeyValueCache(int64_t capacity) : capacity_(capacity) {}

  /// Appends k and v ([T, H*d], packed) and returns what the new tokens' attention to all up to themselves gives. A
  /// pass calls it for each layer in turn, from layer 0 on.
  at::Tensor attend(size_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    const ops::AttentionLayout& layout);

  /// Sequence i becomes a copy of sequence from[i] (int64 [new B]), as beams do; also drops those that are done.
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
  bool prompts_ = true;  ///< the pass that is under way brings the prompts
  at::Tensor rows_;      ///< of the pass under way: place of each new token among [B * capacity]
  at::Tensor seen_BL;    ///< bool, the tokens that a sequence has, in a pass of one token each
};

}  // namespace filigree::nn
