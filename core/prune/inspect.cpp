#include "core/prune/inspect.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>

#include "core/counted.h"
#include "core/error.h"
#include "core/prune/merged_sparsity.h"
#include "core/prune/unstructured.h"
#include "dist/communicator.h"

namespace filigree::prune {
namespace {

/// Number of zeros of the local W, in the weight or by the mask; of the transformed weight, if there is a transform.
int64_t zeros(const nn::Linear& linear) {
  const at::NoGradGuard no_grad;
  at::Tensor nonzero = linear.transform() ? linear.merged_weight().ne(0) : linear.weight()->value().ne(0);
  if (linear.mask()) nonzero = nonzero.logical_and(linear.mask()->value());
  return nonzero.numel() - nonzero.sum(at::kLong).item<int64_t>();
}

std::vector<int64_t> units_made(nn::Model& model, nn::StructureKind kind) {
  std::vector<int64_t> totals;
  for (const nn::StructureGroup& group : model.structures()) {
    if (group.kind == kind) totals.push_back(group.total);
  }
  return totals;
}

/// FLOPs of the group's removed units for one token at sequence length n.
double removed_flops(const nn::StructureGroup& group, int64_t n) {
  const auto lines = static_cast<double>((group.total - group.left()) * group.unit);
  double per_line = group.kind == nn::StructureKind::head ? 4.0 * static_cast<double>(n) : 0.0;
  for (const nn::StructureMember& member : group.members) {
    per_line +=
        2.0 * static_cast<double>(member.dim == 0 ? member.linear->in_features() : member.linear->out_features());
  }
  return lines * per_line;
}

std::string counts(const std::vector<int64_t>& left, const std::vector<int64_t>& total) {
  int64_t left_sum = 0, total_sum = 0;
  for (const int64_t n : left) left_sum += n;
  for (const int64_t n : total) total_sum += n;
  return fmt::format("{} of {}  (by layer: {})", left_sum, total_sum, fmt::join(left, " "));
}

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

}  // namespace

std::vector<int64_t> units_left(nn::Model& model, nn::StructureKind kind) {
  std::vector<int64_t> left;
  for (const nn::StructureGroup& group : model.structures()) {
    if (group.kind == kind) left.push_back(group.left());
  }
  return left;
}

int64_t zeros_in(const std::vector<nn::Linear*>& linears, dist::Communicator& tp) {
  int64_t split = 0, whole = 0;
  for (const nn::Linear* linear : linears) (linear->weight()->placement.replicated() ? whole : split) += zeros(*linear);
  const at::Tensor sum = at::tensor({split}, at::kLong);
  tp.all_reduce(sum);
  return sum.item<int64_t>() + whole;
}

double sparsity(nn::Model& model, dist::Communicator& tp) {
  const std::vector<nn::Linear*> linears = select_linears(model, {});
  int64_t entries = 0;
  for (const nn::Linear* linear : linears) entries += linear->weight()->logical_numel();
  return ratio(static_cast<double>(zeros_in(linears, tp)), static_cast<double>(entries));
}

int64_t flops_length(const nn::Model& model) { return std::min<int64_t>(128, model.max_positions()); }

double unpruned_flops(nn::Model& model, int64_t n) {
  double flops = model.flops(n);
  for (const nn::StructureGroup& group : model.structures()) flops += static_cast<double>(n) * removed_flops(group, n);
  return flops;
}

ModelSummary summarize(nn::Model& model, dist::Communicator& tp, int64_t sequence) {
  FG_CHECK(sequence >= 1 && sequence <= model.max_positions(), "FLOPs of {} tokens with {} positions", sequence,
           model.max_positions());
  ModelSummary summary;
  summary.family = model.family();
  summary.task = enum_name(model.task());
  for (const nn::ParameterPtr& parameter : model.parameters()) {
    if (parameter->role != nn::Role::frozen && parameter->role != nn::Role::trainable) continue;
    summary.parameters += parameter->logical_numel();
    if (parameter->trainable()) summary.trainable += parameter->logical_numel();
  }
  summary.sparsity = sparsity(model, tp);
  summary.merged_sparsity = merged_sparsity(model, tp);
  summary.heads_left = units_left(model, nn::StructureKind::head);
  summary.heads_total = units_made(model, nn::StructureKind::head);
  summary.ffn_left = units_left(model, nn::StructureKind::neuron);
  summary.ffn_total = units_made(model, nn::StructureKind::neuron);
  summary.sequence = sequence;
  summary.flops = model.flops(sequence);
  summary.unpruned_flops = unpruned_flops(model, sequence);
  return summary;
}

nlohmann::json to_json(const ModelSummary& summary) {
  nlohmann::json json = {
      {"family", summary.family},
      {"task", summary.task},
      {"parameters", summary.parameters},
      {"trainable", summary.trainable},
      {"trainable_share", ratio(static_cast<double>(summary.trainable), static_cast<double>(summary.parameters))},
      {"sparsity", summary.sparsity},
      {"heads_left", summary.heads_left},
      {"heads_total", summary.heads_total},
      {"ffn_left", summary.ffn_left},
      {"ffn_total", summary.ffn_total},
      {"sequence", summary.sequence},
      {"flops", summary.flops},
      {"flops_per_token", ratio(summary.flops, static_cast<double>(summary.sequence))},
      {"flops_ratio", ratio(summary.flops, summary.unpruned_flops)}};
  if (summary.merged_sparsity) json["merged_sparsity"] = *summary.merged_sparsity;
  return json;
}

std::string to_text(const ModelSummary& summary) {
  const double share = 100 * ratio(static_cast<double>(summary.trainable), static_cast<double>(summary.parameters));
  std::string text = fmt::format("family      {}, {}\n", summary.family, summary.task);
  text += fmt::format("parameters  {}, trainable {} ({:.3f}%)\n", summary.parameters, summary.trainable, share);
  text += fmt::format("sparsity    {:.2f}% of the encoder's {}weights are zero{}\n", 100 * summary.sparsity,
                      summary.merged_sparsity ? "base " : "",
                      summary.merged_sparsity
                          ? fmt::format(", {:.2f}% when the updates are merged", 100 * *summary.merged_sparsity)
                          : "");
  text += fmt::format("heads       {}\n", counts(summary.heads_left, summary.heads_total));
  text += fmt::format("FFN         {}\n", counts(summary.ffn_left, summary.ffn_total));
  text += fmt::format("FLOPs       {:.3e} for a sequence of {} ({:.3e} per token), {:.1f}% of the unpruned model's\n",
                      summary.flops, counted(summary.sequence, "token"),
                      ratio(summary.flops, static_cast<double>(summary.sequence)),
                      100 * ratio(summary.flops, summary.unpruned_flops));
  return text;
}

}  // namespace filigree::prune
