#include "core/prune/unstructured.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"

namespace filigree::prune {
namespace {

bool ends_in(const std::string& name, const std::string& words) { return name == words || name.ends_with("." + words); }

/// Every last word of the linears' names, for a message.
std::string last_words(nn::Model& model) {
  std::set<std::string> words;
  for (const nn::Linear* linear : model.linears()) {
    words.insert(linear->name().substr(linear->name().rfind('.') + 1));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

/// Masks of one pool of linears, given the keys of their entries.
std::vector<at::Tensor> choose(const std::vector<at::Tensor>& keys, double share) {
  int64_t entries = 0;
  for (const at::Tensor& key : keys) entries += key.numel();
  const auto zeros = static_cast<int64_t>(std::floor(share * static_cast<double>(entries) + 0.5));
  std::vector<at::Tensor> masks;
  if (zeros == 0) {
    for (const at::Tensor& key : keys) masks.push_back(key.ne(0).to(at::kByte));
    return masks;
  }
  const Selection selection = kth_smallest(keys, zeros);
  // Of the entries at the threshold the first ones stay, in logical order over the pool.
  const int64_t staying = selection.equal - (zeros - selection.below);
  int64_t seen = 0;
  for (const at::Tensor& key : keys) {
    const at::Tensor tie = key.eq(selection.threshold);
    const at::Tensor place = tie.flatten().cumsum(0, at::kLong).add_(seen).view(key.sizes());
    masks.push_back(key.gt(selection.threshold).logical_or_(tie.logical_and(place.le(staying))).to(at::kByte));
    if (key.numel() > 0) seen = place.flatten()[-1].item<int64_t>();
  }
  return masks;
}

}  // namespace

std::vector<nn::Linear*> select_linears(nn::Model& model, const std::vector<std::string>& targets) {
  std::set<const nn::Linear*> structural;
  for (const nn::StructureGroup& group : model.structures()) {
    for (const nn::StructureMember& member : group.members) structural.insert(member.linear);
  }
  std::vector<nn::Linear*> chosen;
  std::set<std::string> unused(targets.begin(), targets.end());
  for (nn::Linear* linear : model.linears()) {
    bool wanted = targets.empty() && structural.contains(linear);
    for (const std::string& target : targets) {
      if (!ends_in(linear->name(), target)) continue;
      wanted = true;
      unused.erase(target);
    }
    if (wanted) chosen.push_back(linear);
  }
  if (!unused.empty()) {
    throw UsageError(fmt::format("prune targets: no linear's name ends in '{}'; the last words there are: {}",
                                 *unused.begin(), last_words(model)));
  }
  return chosen;
}

std::string mask_name(const nn::Linear& linear) { return linear.name() + ".mask"; }

void put_mask(nn::Model& model, nn::Linear& linear, const at::Tensor& mask) {
  const nn::ParameterPtr weight = linear.weight();
  nn::ParameterPtr parameter = linear.mask();
  const at::Tensor value = mask.to(weight->value.device());
  if (parameter) {
    parameter->value = value;
  } else {
    parameter = model.parameters().add(mask_name(linear), value, nn::Role::mask);
    parameter->placement = weight->placement;
    parameter->logical_shape = weight->logical_shape;
  }
  linear.set_mask(parameter);
}

Sparsity prune_weights(nn::Model& model, const std::vector<nn::Linear*>& linears, const WeightRequest& request) {
  std::vector<at::Tensor> keys;
  {
    const std::vector<at::Tensor> scores = score_entries(linears, request.scores);
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < linears.size(); ++i) {
      keys.push_back(key_of(scores[i]));
      if (linears[i]->mask()) keys.back().mul_(linears[i]->mask()->value.to(at::kInt));
    }
  }
  std::vector<at::Tensor> masks;
  if (request.global) {
    masks = choose(keys, request.share);
  } else {
    for (const at::Tensor& key : keys) masks.push_back(choose({key}, request.share).front());
  }
  Sparsity sparsity;
  for (size_t i = 0; i < linears.size(); ++i) {
    put_mask(model, *linears[i], masks[i]);
    sparsity.entries += masks[i].numel();
    sparsity.zeros += masks[i].numel() - masks[i].sum(at::kLong).item<int64_t>();
  }
  return sparsity;
}

}  // namespace filigree::prune
