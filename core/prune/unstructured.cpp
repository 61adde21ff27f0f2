#include "core/prune/unstructured.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include <ATen/ops/tensor.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/prune/entry_numbers.h"
#include "core/recipe/key_error.h"
#include "dist/communicator.h"

namespace filigree::prune {
namespace {

bool ends_in(const std::string& name, const std::string& words) { return name == words || name.ends_with("." + words); }

/// The distinct last words of the linears' names, for a message.
std::string last_words(nn::Model& model) {
  std::set<std::string> words;
  for (const nn::Linear* linear : model.linears()) {
    words.insert(linear->name().substr(linear->name().rfind('.') + 1));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

/// Matrices whose entries are ranked together, and the ranks that hold their other parts.
class Pool {
 public:
  Pool(std::vector<nn::Linear*> linears, std::vector<at::Tensor> keys, dist::Communicator& tp)
      : linears_(std::move(linears)), keys_(std::move(keys)), tp_(tp) {
    for (const nn::Linear* linear : linears_) {
      first_.push_back(entries_);
      entries_ += linear->weight()->logical_numel();
    }
  }

  std::vector<at::Tensor> masks(double share) const;

 private:
  /// The keys that this rank counts; only rank 0 counts replicated ones.
  std::vector<at::Tensor> counted(const std::vector<at::Tensor>& all) const;
  ReduceCounts sum_over_ranks() const;
  std::vector<at::Tensor> tied(int32_t threshold, std::vector<at::Tensor>& numbers) const;

  std::vector<nn::Linear*> linears_;
  std::vector<at::Tensor> keys_;
  dist::Communicator& tp_;
  std::vector<int64_t> first_;  ///< index in the pool of each matrix's first entry
  int64_t entries_ = 0;
};

std::vector<at::Tensor> Pool::counted(const std::vector<at::Tensor>& all) const {
  std::vector<at::Tensor> mine;
  for (size_t i = 0; i < all.size(); ++i)
    if (tp_.rank() == 0 || !linears_[i]->weight()->placement.replicated()) mine.push_back(all[i]);
  return mine;
}

ReduceCounts Pool::sum_over_ranks() const {
  return [this](const at::Tensor& counts) { tp_.all_reduce(counts); };
}

/// Indices of the entries at the threshold in each local matrix; `numbers`: their indices in the pool.
std::vector<at::Tensor> Pool::tied(int32_t threshold, std::vector<at::Tensor>& numbers) const {
  std::vector<at::Tensor> places;
  for (size_t i = 0; i < keys_.size(); ++i) {
    places.push_back(keys_[i].flatten().eq(threshold).nonzero().view({-1}));
    numbers.push_back(EntryNumbers(*linears_[i]->weight()).of(places.back()).add(first_[i]));
  }
  return places;
}

std::vector<at::Tensor> Pool::masks(double share) const {
  const auto zeros = static_cast<int64_t>(std::floor(share * static_cast<double>(entries_) + 0.5));
  std::vector<at::Tensor> masks;
  if (zeros == 0) {
    for (const at::Tensor& key : keys_) masks.push_back(key.ne(0).to(at::kByte));
    return masks;
  }
  const Selection selection = kth_smallest(counted(keys_), zeros, sum_over_ranks());
  // Of the entries at the threshold, the first ones in the pool's logical order stay.
  const int64_t staying = selection.equal - (zeros - selection.below);
  std::vector<at::Tensor> numbers;
  const std::vector<at::Tensor> places = tied(selection.threshold, numbers);
  const int64_t last = staying > 0 ? kth_number(counted(numbers), staying, entries_, sum_over_ranks()) : -1;
  for (size_t i = 0; i < keys_.size(); ++i) {
    at::Tensor mask = keys_[i].gt(selection.threshold).to(at::kByte);
    const at::Tensor stay = places[i].masked_select(numbers[i].le(last));
    mask.view({-1}).index_fill_(0, stay, 1);
    masks.push_back(mask);
  }
  return masks;
}

/// Number of zeros in the masks of the linears, over all ranks.
int64_t count_zeros(const std::vector<nn::Linear*>& linears, dist::Communicator& tp) {
  int64_t split = 0, whole = 0;
  for (const nn::Linear* linear : linears) {
    const at::Tensor& mask = linear->mask()->value();
    const int64_t zeros = mask.numel() - mask.sum(at::kLong).item<int64_t>();
    (linear->mask()->placement.replicated() ? whole : split) += zeros;
  }
  const at::Tensor sum = at::tensor({split}, at::kLong);
  tp.all_reduce(sum);
  return sum.item<int64_t>() + whole;
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
  std::vector<recipe::KeyFault> faults;
  for (const std::string& target : unused)
    faults.push_back(
        {"targets", fmt::format("no linear's name ends in '{}'; available last words: {}", target, last_words(model))});
  if (!faults.empty()) throw recipe::KeyError(std::move(faults));
  return chosen;
}

std::string mask_name(const nn::Linear& linear) { return linear.name() + ".mask"; }

void put_mask(nn::Model& model, nn::Linear& linear, const at::Tensor& mask) {
  const nn::ParameterPtr weight = linear.weight();
  nn::ParameterPtr parameter = linear.mask();
  const at::Tensor value = mask.to(weight->value().device());
  if (parameter) {
    parameter->set_value(value);
  } else {
    parameter = model.parameters().add(mask_name(linear), value, nn::Role::mask);
    parameter->placement = weight->placement;
    parameter->logical_shape = weight->logical_shape;
  }
  linear.set_mask(parameter);
}

Sparsity prune_weights(nn::Model& model, const std::vector<nn::Linear*>& linears, const WeightRequest& request,
                       dist::Communicator& tp) {
  std::vector<at::Tensor> keys;
  {
    const std::vector<at::Tensor> scores = score_entries(linears, request.scores);
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < linears.size(); ++i) {
      keys.push_back(key_of(scores[i]));
      if (linears[i]->mask()) keys.back().mul_(linears[i]->mask()->value().to(at::kInt));
    }
  }
  std::vector<at::Tensor> masks;
  if (request.global) {
    masks = Pool(linears, keys, tp).masks(request.share);
  } else {
    for (size_t i = 0; i < linears.size(); ++i)
      masks.push_back(Pool({linears[i]}, {keys[i]}, tp).masks(request.share).front());
  }
  Sparsity sparsity;
  for (size_t i = 0; i < linears.size(); ++i) {
    put_mask(model, *linears[i], masks[i]);
    sparsity.entries += linears[i]->weight()->logical_numel();
  }
  sparsity.zeros = count_zeros(linears, tp);
  return sparsity;
}

}  // namespace filigree::prune
