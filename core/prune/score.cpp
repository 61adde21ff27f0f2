#include "core/prune/score.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/nn/weight_transform.h"
#include "core/prune/scores/by_unit.h"
#include "core/recipe/key_error.h"

namespace filigree::prune {
namespace {

bool asked(const nn::StructureGroup& group, const ScoreRequest& request) {
  return group.kind == nn::StructureKind::head ? request.heads : request.ffn;
}

/// The values of a frozen weight under its mask are gone.
void check_regrow(const nn::Linear& linear) {
  if (!linear.weight()->trainable())
    throw recipe::KeyError("regrow", fmt::format("'{}' is frozen, so that weights zeroed once have no values to "
                                                 "return to; train them (method full), or omit regrow",
                                                 linear.name()));
}

void divide_by_rms(std::vector<double>& scores) {
  double squares = 0;
  for (const double score : scores) squares += score * score;
  const double rms = std::sqrt(squares / static_cast<double>(std::max<size_t>(scores.size(), 1)));
  if (rms > 0) std::for_each(scores.begin(), scores.end(), [rms](double& score) { score /= rms; });
}

/// The scores of all units; the ranks' units are contiguous and in rank order.
std::vector<double> gathered(const std::vector<double>& own, dist::Communicator& tp) {
  return to_vector(at::cat(tp.all_gather_ragged(at::tensor(own, at::kDouble))));
}

ScoreInput input_of(const ScoreRequest& request) {
  return {request.seed, request.regrow, request.data ? &*request.data : nullptr};
}

}  // namespace

ScoreRequest request_of(const recipe::PruneConfig& config, const ScoreRegistry& scores, uint64_t seed) {
  ScoreRequest request;
  request.score = scores.at(config.score);
  request.heads = std::ranges::count(config.structure, recipe::Structure::heads) > 0;
  request.ffn = std::ranges::count(config.structure, recipe::Structure::ffn) > 0;
  request.global = config.scope == recipe::PruneScope::global;
  request.regrow = config.regrow;
  request.seed = seed;
  return request;
}

void check_scores(nn::Model& model, const ScoreRequest& request) {
  for (const nn::StructureGroup& group : model.structures())
    if (asked(group, request)) request.score->check(group);
}

void check_scores(const std::vector<nn::Linear*>& linears, const ScoreRequest& request) {
  const recipe::ScoreTraits traits = request.score->traits();
  if (!traits.of_entries)
    throw recipe::KeyError(
        "score", fmt::format("'{}' is a score of heads and neurons; it is undefined for single weights", traits.name));
  for (const nn::Linear* linear : linears) {
    if (linear->transform())
      throw recipe::KeyError("targets",
                             fmt::format("'{}' has {} of its method, so that it cannot have a mask; name other targets",
                                         linear->name(), linear->transform()->kind()));
    if (request.regrow) check_regrow(*linear);
    request.score->check(*linear);
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
  const Scores own = request.score->of_units(groups, input_of(request));
  Scores scores(structures.size());
  for (size_t i = 0; i < places.size(); ++i) {
    std::vector<double>& of_group = scores[places[i]] = gathered(own[i], tp);
    if (request.global && request.score->traits().scaled_by_layer) divide_by_rms(of_group);
  }
  return scores;
}

std::vector<at::Tensor> score_entries(const std::vector<nn::Linear*>& linears, const ScoreRequest& request) {
  check_scores(linears, request);
  return request.score->of_entries(linears, input_of(request));
}

}  // namespace filigree::prune
