#include "core/prune/score.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/nn/adapter.h"
#include "core/nn/column_gates.h"
#include "core/nn/weight_transform.h"
#include "core/prune/coefficients.h"
#include "core/prune/taylor.h"
#include "core/random.h"
#include "core/recipe/key_error.h"
#include "core/selection/entry_numbers.h"
#include "dist/communicator.h"

namespace filigree::prune {
namespace {

bool asked(const nn::StructureGroup& group, const ScoreRequest& request) {
  return group.kind == nn::StructureKind::head ? request.heads : request.ffn;
}

/// W0 as used in the forward pass, fp32, with its transform; with a mask or a transform of W0 + D, the transformed sum.
/// unmasked: without the mask.
at::Tensor base_weight(const nn::Linear& linear, bool unmasked) {
  const at::NoGradGuard no_grad;
  const at::Tensor weight = linear.weight()->value().detach().to(at::kFloat);
  if (linear.covers_update())
    return linear.mask() && unmasked ? at::add(weight, linear.adapter()->delta()) : linear.merged_weight();
  if (linear.transform()) return linear.transform()->apply(weight);
  return linear.mask() && !unmasked ? at::mul(weight, linear.mask()->value().to(at::kFloat)) : weight;
}

/// Scores of single entries, computed only from the weights.
at::Tensor weight_score(const nn::Linear& linear, PruneScore kind, bool unmasked) {
  const at::Tensor base = base_weight(linear, unmasked);
  const at::Tensor delta = linear.adapter() ? linear.adapter()->delta() : at::Tensor();
  switch (kind) {
    case PruneScore::magnitude:
      return base.abs();
    case PruneScore::delta:
      return delta.defined() ? delta.abs() : at::zeros_like(base);
    case PruneScore::magnitude_delta:
      return delta.defined() ? at::add(base.abs(), delta.abs()) : base.abs();
    case PruneScore::merged:
      return delta.defined() && !linear.covers_update() ? at::add(base, delta).abs_() : base.abs();
    default:
      break;
  }
  throw InternalError(fmt::format("score '{}' is not computed from weights", enum_name(kind)));
}

bool counts(const nn::StructureMember& member) {
  return member.role == "query" || member.role == "value" || member.role == "ffn_in" || member.role == "ffn_out" ||
         member.linear->adapter();
}

[[noreturn]] void refuse_delta(const std::string& what) {
  throw recipe::KeyError("score",
                         fmt::format("'delta' is undefined for {}: no adapter is attached; use magnitude+delta, "
                                     "or extend the method's targets",
                                     what));
}

/// The values of a frozen weight under its mask are gone.
void check_regrow(const std::vector<nn::Linear*>& linears) {
  for (const nn::Linear* linear : linears)
    if (!linear->weight()->trainable())
      throw recipe::KeyError("regrow", fmt::format("'{}' is frozen, so that weights zeroed once have no values to "
                                                   "return to; train them (method full), or omit regrow",
                                                   linear->name()));
}

/// The linear that takes the outputs of the group's units, as columns.
const nn::Linear& output_linear(const nn::StructureGroup& group) {
  for (const nn::StructureMember& member : group.members)
    if (member.dim == 1) return *member.linear;
  throw InternalError(fmt::format("no linear takes the outputs of the {}s of layer {}", nn::to_string(group.kind),
                                  group.layer));
}

void check_has_gates(const nn::StructureGroup& group) {
  if (!nn::column_gates(output_linear(group)))
    throw recipe::KeyError("score", fmt::format("'gates' is undefined for the {}s of layer {}: train a stage with the "
                                                "method gates before this one, and no other method in between",
                                                nn::to_string(group.kind), group.layer));
}

void check_has_adapter(const nn::StructureGroup& group) {
  for (const nn::StructureMember& member : group.members) {
    if (member.linear->adapter()) return;
  }
  refuse_delta(fmt::format("the {}s of layer {}", nn::to_string(group.kind), group.layer));
}

/// Sums a matrix of entry scores (or a vector of bias scores) over each unit's slice: fp64 [units].
at::Tensor by_unit(const at::Tensor& entries, int64_t dim, int64_t unit) {
  const at::Tensor lines = entries.dim() == 1 ? entries.to(at::kDouble) : entries.sum(1 - dim, false, at::kDouble);
  return lines.view({-1, unit}).sum(1).to(at::kCPU);
}

std::vector<double> to_vector(const at::Tensor& values) {
  const at::Tensor copy = values.contiguous();
  return {copy.data_ptr<double>(), copy.data_ptr<double>() + copy.numel()};
}

std::vector<double> weight_scores(const nn::StructureGroup& group, PruneScore kind) {
  at::Tensor sum;
  for (const nn::StructureMember& member : group.members) {
    if (!counts(member)) continue;
    const at::Tensor part = by_unit(weight_score(*member.linear, kind, false), member.dim, group.unit);
    sum = sum.defined() ? sum.add_(part) : part;
  }
  FG_CHECK(sum.defined(), "no score reads a linear of the {}s of layer {}", nn::to_string(group.kind), group.layer);
  return to_vector(sum);
}

std::vector<double> gate_scores(const nn::StructureGroup& group) {
  return to_vector(nn::column_gates(output_linear(group))->gates()->value().detach().to(at::kCPU, at::kDouble));
}

std::vector<double> live_entries(const nn::StructureGroup& group) {
  return to_vector(by_unit(output_linear(group).merged_weight().ne(0), 1, group.unit));
}

/// Whether scores of several layers are made comparable: those that are sums over weights.
bool scaled_by_layer(PruneScore kind) {
  return !reads_data(kind) && kind != PruneScore::gates && kind != PruneScore::live;
}

std::vector<double> own_scores(const nn::StructureGroup& group, PruneScore kind) {
  if (kind == PruneScore::gates) return gate_scores(group);
  if (kind == PruneScore::live) return live_entries(group);
  return weight_scores(group, kind);
}

void divide_by_rms(std::vector<double>& scores) {
  double squares = 0;
  for (const double score : scores) squares += score * score;
  const double rms = std::sqrt(squares / static_cast<double>(std::max<size_t>(scores.size(), 1)));
  if (rms > 0) std::for_each(scores.begin(), scores.end(), [rms](double& score) { score /= rms; });
}

std::vector<double> random_scores(const nn::StructureGroup& group, uint64_t seed) {
  const uint64_t stream = random::stream(seed, "prune", random::hash(nn::to_string(group.kind)), group.layer);
  std::vector<double> scores;
  for (const int64_t unit : group.kept) scores.push_back(random::uniform(stream, static_cast<uint64_t>(unit)));
  return scores;
}

std::vector<nn::Linear*> linears_of(const std::vector<nn::StructureGroup*>& groups) {
  std::vector<nn::Linear*> linears;
  for (const nn::StructureGroup* group : groups) {
    for (const nn::StructureMember& member : group->members) {
      if (std::find(linears.begin(), linears.end(), member.linear) == linears.end()) linears.push_back(member.linear);
    }
  }
  return linears;
}

Scores taylor_scores(const std::vector<nn::StructureGroup*>& groups, const nn::GradientBatches& data) {
  const std::vector<nn::Linear*> linears = linears_of(groups);
  const std::vector<Importance> importance = taylor_importance(linears, data);
  Scores scores;
  for (const nn::StructureGroup* group : groups) {
    at::Tensor sum;
    for (const nn::StructureMember& member : group->members) {
      const auto place = std::find(linears.begin(), linears.end(), member.linear) - linears.begin();
      const Importance& of = importance[static_cast<size_t>(place)];
      at::Tensor part = by_unit(of.weight, member.dim, group->unit);
      if (member.dim == 0 && of.bias.defined()) part = part.add(by_unit(of.bias, 0, group->unit));
      sum = sum.defined() ? sum.add_(part) : part;
    }
    scores.push_back(to_vector(sum));
  }
  return scores;
}

at::Tensor random_entries(const nn::Linear& linear, uint64_t seed) {
  const uint64_t stream = random::stream(seed, "prune", random::hash(linear.name()));
  const selection::EntryNumbers numbers(*linear.weight());
  at::Tensor values = at::empty(linear.weight()->value().sizes(), at::kFloat);
  float* out = values.data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i) {
    out[i] = static_cast<float>(random::uniform(stream, static_cast<uint64_t>(numbers.of(i))));
  }
  return values.to(linear.weight()->value().device());
}

const nn::GradientBatches& data_of(const ScoreRequest& request) {
  FG_CHECK(request.data, "score '{}' needs batches", enum_name(request.kind));
  return *request.data;
}

/// Scores of the local units.
Scores own_scores(const std::vector<nn::StructureGroup*>& groups, const ScoreRequest& request) {
  if (request.kind == PruneScore::taylor) return taylor_scores(groups, data_of(request));
  if (request.kind == PruneScore::l1) return l1_scores(groups, data_of(request));
  Scores scores;
  for (const nn::StructureGroup* group : groups) scores.push_back(own_scores(*group, request.kind));
  return scores;
}

/// The scores of all units; the ranks' units are contiguous and in rank order.
std::vector<double> gathered(const std::vector<double>& own, dist::Communicator& tp) {
  return to_vector(at::cat(tp.all_gather_ragged(at::tensor(own, at::kDouble))));
}

Scores scores_of(const std::vector<nn::StructureGroup*>& groups, const ScoreRequest& request, dist::Communicator& tp) {
  Scores scores;
  if (request.kind == PruneScore::random) {
    for (const nn::StructureGroup* group : groups) scores.push_back(random_scores(*group, request.seed));
    return scores;
  }
  scores = own_scores(groups, request);
  for (std::vector<double>& of_group : scores) {
    of_group = gathered(of_group, tp);
    if (request.global && scaled_by_layer(request.kind)) divide_by_rms(of_group);
  }
  return scores;
}

}  // namespace

bool reads_data(PruneScore kind) { return kind == PruneScore::l1 || kind == PruneScore::taylor; }

ScoreRequest request_of(const recipe::PruneConfig& config, uint64_t seed) {
  ScoreRequest request;
  request.kind = config.score;
  request.heads = std::ranges::count(config.structure, recipe::Structure::heads) > 0;
  request.ffn = std::ranges::count(config.structure, recipe::Structure::ffn) > 0;
  request.global = config.scope == recipe::PruneScope::global;
  request.regrow = config.regrow;
  request.seed = seed;
  return request;
}

void check_scores(nn::Model& model, const ScoreRequest& request) {
  for (const nn::StructureGroup& group : model.structures()) {
    if (!asked(group, request)) continue;
    if (request.kind == PruneScore::delta) check_has_adapter(group);
    if (request.kind == PruneScore::gates) check_has_gates(group);
  }
}

Scores score_structures(nn::Model& model, const ScoreRequest& request, dist::Communicator& tp) {
  check_scores(model, request);
  std::vector<nn::StructureGroup*> groups;
  std::vector<size_t> places;
  std::vector<nn::StructureGroup>& structures = model.structures();
  for (size_t g = 0; g < structures.size(); ++g) {
    if (!asked(structures[g], request)) continue;
    groups.push_back(&structures[g]);
    places.push_back(g);
  }
  Scores of_groups = scores_of(groups, request, tp);
  Scores scores(structures.size());
  for (size_t i = 0; i < places.size(); ++i) scores[places[i]] = std::move(of_groups[i]);
  return scores;
}

void check_scores(const std::vector<nn::Linear*>& linears, const ScoreRequest& request) {
  if (request.kind == PruneScore::l1)
    throw recipe::KeyError("score",
                           "'l1' trains a coefficient per head and neuron; it is undefined for single weights");
  for (const nn::Linear* linear : linears)
    if (linear->transform())
      throw recipe::KeyError("targets",
                             fmt::format("'{}' has {} of its method, so that it cannot have a mask; name other targets",
                                         linear->name(), linear->transform()->kind()));
  if (request.regrow) check_regrow(linears);
  if (request.kind != PruneScore::delta) return;
  for (const nn::Linear* linear : linears)
    if (!linear->adapter()) refuse_delta(fmt::format("'{}'", linear->name()));
}

std::vector<at::Tensor> score_entries(const std::vector<nn::Linear*>& linears, const ScoreRequest& request) {
  check_scores(linears, request);
  std::vector<at::Tensor> scores;
  if (request.kind == PruneScore::taylor) {
    for (const Importance& importance : taylor_importance(linears, data_of(request)))
      scores.push_back(importance.weight);
    return scores;
  }
  for (const nn::Linear* linear : linears) {
    scores.push_back(request.kind == PruneScore::random ? random_entries(*linear, request.seed)
                                                        : weight_score(*linear, request.kind, request.regrow));
  }
  return scores;
}

}  // namespace filigree::prune
