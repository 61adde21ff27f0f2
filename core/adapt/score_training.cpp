#include "core/adapt/score_training.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <ranges>
#include <string_view>

#include "core/adapt/learned_mask.h"
#include "core/name_pattern.h"

namespace filigree::adapt {
namespace {

const nn::Parameter& scores_of(const LearnedMask& mask) { return *mask.scores().parameters().front(); }

std::vector<const nn::Linear*> masked(nn::Model& model) {
  std::vector<const nn::Linear*> all;
  for (const nn::Linear* linear : model.linears())
    if (learned_mask(*linear)) all.push_back(linear);
  return all;
}

/// The words of a linear's name without numbers: equal for the same matrix of all layers.
std::string kind_of(const nn::Linear& linear) {
  std::string kind;
  for (const std::string_view word : words_of(linear.name()))
    if (!std::ranges::all_of(word, [](unsigned char c) { return std::isdigit(c) != 0; }))
      kind += fmt::format("{}.", word);
  return kind;
}

/// mean(sigmoid(S / temperature)) of each matrix. Collective.
std::vector<double> mean_scores(const std::vector<const nn::Linear*>& linears, double temperature,
                                dist::Communicator& tp) {
  std::vector<at::Tensor> sums;
  for (const nn::Linear* linear : linears) {
    const nn::Parameter& scores = scores_of(*learned_mask(*linear));
    const at::Tensor sum = at::sigmoid(scores.value().detach().div(temperature)).sum(at::kDouble);
    sums.push_back(!scores.placement.replicated() || tp.rank() == 0 ? sum : sum.mul(0));
  }
  at::Tensor joined = at::stack(sums);
  tp.all_reduce(joined);
  joined = joined.cpu();
  std::vector<double> means;
  for (size_t i = 0; i < linears.size(); ++i)
    means.push_back(joined[static_cast<int64_t>(i)].item<double>() /
                    static_cast<double>(linears[i]->weight()->logical_numel()));
  return means;
}

}  // namespace

void penalize_scores(nn::Model& model, double weight) {
  const at::NoGradGuard no_grad;
  const std::vector<const nn::Linear*> linears = masked(model);
  for (const nn::Linear* linear : linears) {
    const nn::Parameter& scores = scores_of(*learned_mask(*linear));
    const at::Tensor s = at::sigmoid(scores.value().detach());
    const double each = weight / static_cast<double>(linears.size()) / static_cast<double>(scores.logical_numel());
    scores.value().grad().add_(s.mul(s.neg().add(1)), each);
  }
}

void divide_by_score(nn::Model& model, double kept, double temperature, dist::Communicator& tp) {
  const std::vector<const nn::Linear*> linears = masked(model);
  if (linears.empty()) return;
  const std::vector<double> means = mean_scores(linears, temperature, tp);
  std::map<std::string, std::pair<double, double>> kinds;  // sum of means, number of matrices
  for (size_t i = 0; i < linears.size(); ++i) {
    auto& [sum, count] = kinds[kind_of(*linears[i])];
    sum += means[i];
    count += 1;
  }
  for (size_t i = 0; i < linears.size(); ++i) {
    const auto& [sum, count] = kinds.at(kind_of(*linears[i]));
    learned_mask(*linears[i])->set_level(1.0 - std::min(1.0, kept * count * means[i] / sum));
  }
}

}  // namespace filigree::adapt
