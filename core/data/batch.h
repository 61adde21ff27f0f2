#pragma once
// A packed batch: the tokens of all samples, concatenated without padding.
// T = tokens in total, B = samples in this rank's share.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace filigree::data {

/// The label of a token without a loss.
inline constexpr int64_t kIgnoredLabel = -100;

struct Batch {
  at::Tensor ids;        ///< int64 [T]
  at::Tensor type_ids;   ///< int64 [T], type of each token
  at::Tensor positions;  ///< int64 [T], 0-based within its sample
  at::Tensor labels;     ///< int64 [B] classes; fp32 [B] regression; int64 [T] over tokens, kIgnoredLabel:
                         ///< no loss; may be undefined
  at::Tensor predicted;  ///< int64 [P], the tokens with a loss, ascending; undefined unless labels are over tokens
  std::vector<int64_t> offsets;  ///< B+1 cumulative lengths: sample b is tokens offsets[b] .. offsets[b+1]
  std::vector<int64_t> samples;  ///< B global sample numbers (position in the data set), for dropout and messages

  int64_t size() const { return static_cast<int64_t>(samples.size()); }
  int64_t tokens() const { return offsets.empty() ? 0 : offsets.back(); }
};

/// Copies the tensors to a device.
Batch to(const Batch& batch, at::Device device);

}  // namespace filigree::data
