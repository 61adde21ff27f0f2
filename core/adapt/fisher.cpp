#include "core/adapt/fisher.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

#include "core/error.h"
#include "core/selection/pool.h"

namespace filigree::adapt {
namespace {

at::Tensor gradient_of(const nn::Parameter& parameter) {
  const at::Tensor& gradient = parameter.value().grad();
  return gradient.defined() ? gradient.detach() : at::zeros_like(parameter.value().detach());
}

/// The whole gradients: summed over the ranks that split the batch, and over `tp` where each rank has a part.
std::vector<at::Tensor> summed_gradients(const std::vector<UpdateMask>& masks, dist::Communicator& dp,
                                         dist::Communicator& tp) {
  std::vector<at::Tensor> flat, partial;
  for (const UpdateMask& mask : masks) flat.push_back(gradient_of(*mask.covered).flatten());
  const at::Tensor joined = at::cat(flat);
  dp.all_reduce(joined);
  std::vector<at::Tensor> gradients;
  int64_t begin = 0;
  for (const UpdateMask& mask : masks) {
    gradients.push_back(joined.narrow(0, begin, mask.covered->numel()).view(mask.covered->sizes()));
    begin += mask.covered->numel();
    if (mask.covered->partial_gradient) tp.all_reduce(gradients.back());
  }
  return gradients;
}

/// Squared norms of the full gradients, fp64. Collective.
at::Tensor squared_norms(const std::vector<UpdateMask>& masks, const std::vector<at::Tensor>& gradients,
                         dist::Communicator& tp) {
  std::vector<at::Tensor> squares;
  for (size_t i = 0; i < masks.size(); ++i) {
    const at::Tensor sum = gradients[i].to(at::kDouble).square().sum();
    squares.push_back(!masks[i].covered->placement.replicated() || tp.rank() == 0 ? sum : sum.mul(0));
  }
  at::Tensor norms = at::stack(squares);
  tp.all_reduce(norms);
  return norms;
}

void clip_each(const std::vector<UpdateMask>& masks, const std::vector<at::Tensor>& gradients, double clip,
               dist::Communicator& tp) {
  const at::Tensor norms = squared_norms(masks, gradients, tp).sqrt().cpu();
  for (size_t i = 0; i < gradients.size(); ++i) {
    const double norm = norms[static_cast<int64_t>(i)].item<double>();
    if (norm + 1e-6 > clip) gradients[i].mul_(clip / (norm + 1e-6));
  }
}

}  // namespace

std::vector<at::Tensor> kept_by_fisher(const std::vector<UpdateMask>& masks, const FisherChoice& choice,
                                       const nn::GradientBatches& data, dist::Communicator& tp) {
  if (masks.empty()) return {};
  std::vector<at::Tensor> fisher;
  for (const UpdateMask& mask : masks) fisher.push_back(at::zeros_like(mask.covered->value().detach()));
  for (int64_t batch = 0; batch < data.batches; ++batch) {
    for (const UpdateMask& mask : masks)
      if (mask.covered->value().grad().defined()) mask.covered->value().grad().zero_();
    data.run_batch(batch);
    const at::NoGradGuard no_grad;
    const std::vector<at::Tensor> gradients = summed_gradients(masks, data.dp, tp);
    if (choice.clip > 0) clip_each(masks, gradients, choice.clip, tp);
    for (size_t i = 0; i < masks.size(); ++i) fisher[i].addcmul_(gradients[i], gradients[i]);
  }
  selection::Pool pool;
  for (size_t i = 0; i < masks.size(); ++i) {
    if (!fisher[i].isfinite().all().item<bool>())
      throw DataError(masks[i].covered->name + ": a gradient is NaN or infinite; lower the learning rate");
    pool.matrices.push_back({masks[i].covered.get(), selection::key_of(fisher[i])});
  }
  pool.removed = static_cast<int64_t>(std::ceil(static_cast<double>(pool.entries() - 1) * (1.0 - choice.share)));
  return selection::masks_without_lowest({pool}, tp);
}

}  // namespace filigree::adapt
