#include "core/prune/unstructured.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/recipe/key_error.h"
#include "core/selection/pool.h"
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

/// An entry that the mask removed before stays removed, unless it may regrow.
at::Tensor keys_of(const at::Tensor& scores, const nn::Linear& linear, bool regrow) {
  const at::NoGradGuard no_grad;
  const at::Tensor keys = selection::key_of(scores);
  return linear.mask() && !regrow ? keys.masked_fill(linear.mask()->value().eq(0), selection::kBelowAll) : keys;
}

int64_t zeros_of(double share, int64_t entries) {
  return static_cast<int64_t>(std::floor(share * static_cast<double>(entries) + 0.5));
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
  if (targets.empty()) return model.encoder_linears();
  std::vector<nn::Linear*> chosen;
  std::set<std::string> unused(targets.begin(), targets.end());
  for (nn::Linear* linear : model.linears()) {
    bool wanted = false;
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

nlohmann::json names_of_masks(const std::vector<nn::Linear*>& linears) {
  nlohmann::json all = nlohmann::json::array(), covering = nlohmann::json::array();
  for (const nn::Linear* linear : linears) {
    all.push_back(mask_name(*linear));
    if (linear->mask_covers_update()) covering.push_back(mask_name(*linear));
  }
  return {{"masks", all}, {"cover_updates", covering}};
}

void add_mask(nn::Model& model, nn::Linear& linear, bool covers_update) {
  if (!linear.mask()) put_mask(model, linear, at::ones(linear.weight()->sizes(), at::kByte));
  if (covers_update) linear.mask_update();
}

void add_masks(nn::Model& model, const nlohmann::json& names) {
  const bool list = names.is_array();
  auto missing = (list ? names : names.at("masks")).get<std::set<std::string>>();
  const auto covering = list ? std::set<std::string>() : names.at("cover_updates").get<std::set<std::string>>();
  for (nn::Linear* linear : model.linears()) {
    const std::string name = mask_name(*linear);
    if (missing.erase(name) == 0) continue;
    add_mask(model, *linear, covering.contains(name));
  }
  if (!missing.empty()) throw DataError(fmt::format("the model has no linear with the mask {}", *missing.begin()));
}

Sparsity prune_weights(nn::Model& model, const std::vector<nn::Linear*>& linears, const WeightRequest& request,
                       dist::Communicator& tp) {
  const std::vector<at::Tensor> scores = score_entries(linears, request.scores);
  std::vector<selection::Pool> pools(request.global ? 1 : linears.size());
  for (size_t i = 0; i < linears.size(); ++i)
    pools[request.global ? 0 : i].matrices.push_back(
        {linears[i]->weight().get(), keys_of(scores[i], *linears[i], request.scores.regrow)});
  for (selection::Pool& pool : pools) pool.removed = zeros_of(request.share, pool.entries());
  const std::vector<at::Tensor> masks = selection::masks_without_lowest(pools, tp);
  Sparsity sparsity;
  for (size_t i = 0; i < linears.size(); ++i) {
    put_mask(model, *linears[i], masks[i]);
    if (request.covers_update) linears[i]->mask_update();
    sparsity.entries += linears[i]->weight()->logical_numel();
  }
  sparsity.zeros = count_zeros(linears, tp);
  return sparsity;
}

}  // namespace filigree::prune
