#include "core/export/peft/export_supertuning.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/export/peft/peft_lora.h"

namespace filigree::checkpoint {
namespace {

constexpr const char* kFormat = "peft_supertuning";

/// A linear with an update.
struct Target {
  std::string name;  ///< in the files
  int64_t out = 0, in = 0;
  nn::LowRankForm form;

  int64_t numel() const { return out * in; }
  int64_t entries() const { return form.values ? form.values->value().numel() : 0; }
};

at::Tensor value(const nn::ParameterPtr& parameter) { return parameter->value().detach().cpu(); }

Target target_of(nn::Model& model, const nn::Linear& linear) {
  const nn::FileLinear place = model.file_linear(linear.name());
  const Target target{place.name, linear.out_features(), linear.in_features(), form_of(linear, kFormat)};
  if (place.transposed || place.parts > 1)
    throw UsageError(
        fmt::format("format {}: peft's Super-Tuning accepts only nn.Linear, but transformers stores '{}' as "
                    "a Conv1D; use --format peft, which writes the same update as a LoRA",
                    kFormat, place.name));
  if (target.numel() > std::numeric_limits<int32_t>::max())
    throw UsageError(
        fmt::format("format {}: '{}' has {} entries, but peft stores their positions in 32 bits; use "
                    "--format peft, which writes the same update as a LoRA",
                    kFormat, place.name, target.numel()));
  return target;
}

std::vector<Target> targets_of(nn::Model& model) {
  std::vector<Target> targets;
  for (const nn::Linear* linear : model.linears())
    if (linear->adapter()) targets.push_back(target_of(model, *linear));
  if (std::ranges::none_of(targets, [](const Target& target) { return target.entries() > 0; }))
    throw UsageError(fmt::format("format {}: the model has no sparse update; use --format peft", kFormat));
  return targets;
}

double sparsity_of(const std::vector<Target>& targets) {
  std::vector<std::pair<int64_t, int64_t>> weights;
  for (const Target& target : targets) weights.emplace_back(target.entries(), target.numel());
  return common_sparsity(weights);
}

int64_t rank_of(const std::vector<Target>& targets) {
  int64_t rank = 0;
  for (const Target& target : targets) rank = std::max(rank, target.form.rank());
  return rank;
}

/// s, if all low-rank parts have the same; else 1, and B contains it.
double scale_of(const std::vector<Target>& targets) {
  std::vector<double> scales;
  for (const Target& target : targets)
    if (target.form.u) scales.push_back(target.form.scale);
  const bool same = !scales.empty() && std::ranges::count(scales, scales.front()) == std::ssize(scales);
  return same ? scales.front() : 1.0;
}

/// The values of S and their flat positions: those of t S2, then zeros at other positions, n in all.
void add_entries(const Target& target, int64_t n, NamedTensors& tensors) {
  at::Tensor values = at::zeros({0}, at::kFloat), places = at::zeros({0}, at::kLong);
  if (target.form.values) {
    values = value(target.form.values).to(at::kFloat).mul(target.form.sparse_scale);
    places = value(target.form.rows).mul(target.in).add(value(target.form.cols));
  }
  const at::Tensor free = at::ones({target.numel()}, at::kBool).index_fill_(0, places, 0).nonzero().view({-1});
  const int64_t more = n - values.numel();
  const std::string stem = kPeftPrefix + target.name + ".supertuning_";
  tensors.emplace_back(stem + "values", at::cat({values, at::zeros({more}, at::kFloat)}));
  tensors.emplace_back(stem + "indices", at::cat({places, free.narrow(0, 0, more)}).to(at::kInt));
}

void add_factors(const Target& target, int64_t rank, double scale, NamedTensors& tensors) {
  const at::Tensor a = at::zeros({rank, target.in}, at::kFloat), b = at::zeros({target.out, rank}, at::kFloat);
  if (target.form.u) {
    const int64_t own = target.form.rank();
    a.narrow(0, 0, own).copy_(value(target.form.v));
    b.narrow(1, 0, own).copy_(value(target.form.u).to(at::kFloat).mul(target.form.scale / scale));
  }
  const std::string stem = kPeftPrefix + target.name + ".supertuning_lora_";
  tensors.emplace_back(stem + "A.weight", a);
  tensors.emplace_back(stem + "B.weight", b);
}

nlohmann::json config_of(const std::vector<Target>& targets, double sparsity, int64_t rank, double scale) {
  nlohmann::json names = nlohmann::json::array();
  for (const Target& target : targets) names.push_back(target.name);
  nlohmann::json config = {{"peft_type", "SUPERTUNING"}, {"target_modules", names}, {"sparsity", sparsity},
                           {"select_top", true},         {"init_weights", true},    {"save_precomputed_indices", true}};
  config["r"] = rank > 0 ? nlohmann::json(rank) : nlohmann::json();
  config["lora_alpha"] = rank > 0 ? nlohmann::json(scale * static_cast<double>(rank)) : nlohmann::json();
  config["lora_dropout"] = 0.0;
  return config;
}

}  // namespace

double common_sparsity(const std::vector<std::pair<int64_t, int64_t>>& weights) {
  double share = 0;  // of a weight's entries; the half keeps rounding away from a whole number
  for (const auto& [entries, numel] : weights)
    share = std::max(share, (static_cast<double>(std::max<int64_t>(entries, 1)) + 0.5) / static_cast<double>(numel));
  const double sparsity = share >= 1 ? 0 : 1 - share;
  for (const auto& [entries, numel] : weights)
    FG_CHECK(entries_at(sparsity, numel) >= std::max<int64_t>(entries, 1),
             "sparsity {} leaves {} of {} entries, not {}", sparsity, entries_at(sparsity, numel), numel, entries);
  return sparsity;
}

double export_supertuning(nn::Model& model, const std::string& dir, const std::string& base, const LoadBase& reload) {
  check_expressible(model, kFormat);
  const std::vector<Target> targets = targets_of(model);
  const double sparsity = sparsity_of(targets), scale = scale_of(targets);
  const int64_t rank = rank_of(targets);
  AdapterFiles adapter{config_of(targets, sparsity, rank, scale), {}};
  for (const Target& target : targets) {
    add_entries(target, entries_at(sparsity, target.numel()), adapter.tensors);
    if (rank > 0) add_factors(target, rank, scale, adapter.tensors);
  }
  return write_adapter(model, std::move(adapter), dir, base, reload);
}

}  // namespace filigree::checkpoint
