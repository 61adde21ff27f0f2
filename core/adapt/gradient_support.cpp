#include "core/adapt/gradient_support.h"

#include <ATen/ops/addcmul.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include "core/adapt/support.h"
#include "core/error.h"

namespace filigree::adapt {
namespace {

/// Sums over the batches of the squared gradients, [out, in] each: the local parts.
std::vector<at::Tensor> squared_gradients(const std::vector<nn::Linear*>& linears, const nn::GradientBatches& data) {
  std::vector<at::Tensor> sums(linears.size());
  nn::for_each_batch(linears, data, [&](const nn::WeightGradients& gradients) {
    for (size_t i = 0; i < linears.size(); ++i) {
      if (!sums[i].defined()) sums[i] = at::zeros_like(gradients.weight(i));
      sums[i].addcmul_(gradients.weight(i), gradients.weight(i));
    }
  });
  return sums;
}

}  // namespace

void place_by_gradients(const std::vector<nn::Linear*>& linears, const Step& step, const nn::GradientBatches& data) {
  const std::vector<at::Tensor> sums = squared_gradients(linears, data);
  std::vector<Matrix> matrices;
  for (size_t i = 0; i < linears.size(); ++i) {
    const auto form = linears[i]->adapter()->low_rank_form();
    FG_CHECK(form && form->values, "'{}' has no sparse update", linears[i]->name());
    matrices.push_back({linears[i]->name(), whole_matrix(sums[i], *linears[i], searched_by(i, step.ranks), step.tp),
                        form->values->logical_numel()});
  }
  const std::vector<Support> supports = select_supports(
      matrices,
      {.kind = SupportKind::magnitude, .not_finite = "a gradient is NaN or infinite; lower the learning rate"},
      step.ranks);
  for (size_t i = 0; i < linears.size(); ++i) {
    const auto form = linears[i]->adapter()->low_rank_form();
    const at::Device device = form->rows->value().device();
    form->rows->set_value(supports[i].rows.to(device));
    form->cols->set_value(supports[i].cols.to(device));
  }
}

void hold_sparse_values(const std::vector<nn::Linear*>& linears) {
  for (const nn::Linear* linear : linears) {
    const at::Tensor& gradient = linear->adapter()->low_rank_form()->values->value().grad();
    if (gradient.defined()) gradient.zero_();
  }
}

}  // namespace filigree::adapt
