#include "core/train/stages/prune.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

#include "core/counted.h"
#include "core/error.h"
#include "core/files/disk.h"
#include "core/log/records.h"
#include "core/prune/inspect.h"
#include "core/prune/plan.h"
#include "core/prune/rebalance.h"
#include "core/prune/schedule.h"
#include "core/prune/score.h"
#include "core/prune/unstructured.h"
#include "core/random.h"
#include "core/run/rank_zero.h"
#include "core/run/steps.h"
#include "core/train/gradient_batches.h"

namespace filigree::train {
namespace {

prune::ScoreRequest score_request(Session& session, const recipe::StageConfig& stage) {
  const auto& config = *stage.prune;
  prune::ScoreRequest request =
      prune::request_of(config, session.registries->scores, static_cast<uint64_t>(session.recipe.seed));
  if (!request.score->traits().reads_data) return request;
  session.log->info("stage {}: computing the score {} over {}", stage.name, config.score,
                    counted(config.batches, "batch"));
  request.data.emplace(
      gradient_batches(session, config.batches, scoring_batch_size(session.recipe, session.state.stage), "scores"));
  return request;
}

/// All ranks must have made the same decision; a difference is a bug, detected before it does harm.
void check_agreement(dist::Communicator& ranks, uint64_t hash) {
  const auto mine = at::tensor({static_cast<int64_t>(hash >> 1), -static_cast<int64_t>(hash >> 1)}, at::kLong);
  ranks.all_reduce(mine, dist::ReduceOp::max);
  const auto* extremes = mine.const_data_ptr<int64_t>();
  FG_CHECK(extremes[0] == -extremes[1], "the ranks made different prune plans (rank {} has {:x})", ranks.rank(), hash);
}

/// Rank 0 writes the plan of a round.
void write_plan(Session& session, const std::string& stage, const nlohmann::json& plan) {
  on_rank_zero(session.mesh->world(), [&] {
    const std::string folder = session.store->run().folder(files::run_names::kPlans);
    files::write_file(fmt::format("{}/{}-{}.json", folder, stage, session.state.prune_rounds + 1), plan.dump(1) + "\n");
  });
}

/// Shares are of the original model, so that one that was reached before removes nothing.
void warn_of_no_effect(Session& session, const recipe::StageConfig& stage, const std::string& what) {
  if (stage.prune->below)
    return session.log->warn("stage {}: removes nothing: no unit has a score of at most {}", stage.name,
                             *stage.prune->below);
  session.log->warn("stage {}: removes nothing: the share is of the original model, which has already lost as much{}",
                    stage.name, what);
}

std::vector<nn::Reslice> structured_round(Session& session, const recipe::StageConfig& stage, double part) {
  const auto& config = *stage.prune;
  const auto request = score_request(session, stage);
  const auto scores = prune::score_structures(*session.model, request, session.mesh->tp());
  const auto plan = prune::make_plan(session.model->structures(), scores,
                                     {request.heads ? config.heads * part : 0, request.ffn ? config.ffn * part : 0,
                                      request.global, config.score, config.below});
  check_agreement(session.mesh->world(), plan.hash());
  session.log->info("stage {}: pruning\n{}", stage.name, prune::to_text(plan));
  if (config.steps == 1 && !plan.removes_units()) warn_of_no_effect(session, stage, " of its heads and neurons");
  write_plan(session, stage.name, prune::to_json(plan));
  auto records = prune::apply(*session.model, plan);
  for (auto& record : prune::rebalance(*session.model, session.mesh->tp())) records.push_back(std::move(record));
  session.state.events.push_back({Event::Kind::prune, session.state.stage, prune::to_json(plan)});
  return records;
}

uint64_t mask_hash(const std::vector<nn::Linear*>& linears) {
  uint64_t hash = 0;
  for (const auto* linear : linears) {
    const auto mask = linear->mask()->value().cpu().contiguous();
    const auto* bytes = reinterpret_cast<const char*>(mask.const_data_ptr<uint8_t>());
    hash = random::combine(hash, random::hash({bytes, static_cast<size_t>(mask.numel())}));
  }
  return hash;
}

void unstructured_round(Session& session, const recipe::StageConfig& stage, double part) {
  const auto& config = *stage.prune;
  const auto linears = prune::select_linears(*session.model, config.targets);
  const int64_t before = prune::zeros_in(linears, session.mesh->tp());
  const auto result = prune::prune_weights(*session.model, linears,
                                           {config.sparsity * part, config.scope == recipe::PruneScope::global,
                                            config.mask == recipe::PruneMask::merged, score_request(session, stage)},
                                           session.mesh->tp());
  check_agreement(session.mesh->dp(), mask_hash(linears));  // these ranks hold the same parts
  if (session.state.prune_rounds == 0 && masked_with_update(*session.model) > 0) warn_of_dense_sums(session, stage);
  session.state.events.push_back({Event::Kind::mask, session.state.stage, prune::names_of_masks(linears)});
  session.log->info("stage {}: the mask zeroes {} of {} in {}; {} were zero before", stage.name, result.zeros,
                    counted(result.entries, "entry", "entries"), counted(linears.size(), "matrix", "matrices"), before);
  if (config.steps == 1 && result.zeros <= before) warn_of_no_effect(session, stage, " of its weights");
}

void log_prune(Session& session, const recipe::StageConfig& stage) {
  const auto summary = prune::summarize(*session.model, session.mesh->tp(), prune::flops_length(*session.model));
  session.log->record(PruneRecord{.stage = stage.name,
                                  .step = session.state.global_step,
                                  .round = session.state.prune_rounds,
                                  .heads_left = summary.heads_left,
                                  .ffn_left = summary.ffn_left,
                                  .sparsity = summary.sparsity,
                                  .merged_sparsity = summary.merged_sparsity,
                                  .flops_ratio = summary.flops / summary.unpruned_flops});
}

}  // namespace

size_t masked_with_update(nn::Model& model) {
  const auto linears = model.linears();
  return static_cast<size_t>(std::ranges::count_if(linears, [](const nn::Linear* linear) {
    return linear->mask() && linear->adapter() && !linear->covers_update();
  }));
}

void warn_of_dense_sums(Session& session, const recipe::StageConfig& stage) {
  const auto linears = session.model->linears();
  const auto masked =
      std::ranges::count_if(linears, [](const nn::Linear* linear) { return linear->mask() != nullptr; });
  const size_t updated = masked_with_update(*session.model);
  session.log->warn(
      "stage {}: {} of {} that a mask prunes {} an update D, which it does not cover: the sparsity is that of "
      "their base weights, and the merged weights of final/ and of exports are mask * W0 + D, which is dense",
      stage.name, updated, counted(masked, "matrix", "matrices"), updated == 1 ? "has" : "have");
}

std::vector<nn::Reslice> prune_round(Session& session, const recipe::StageConfig& stage) {
  const double part = prune::part_removed(*stage.prune, session.state.prune_rounds + 1);
  std::vector<nn::Reslice> records;
  if (stage.prune->structure.empty())
    unstructured_round(session, stage, part);
  else
    records = structured_round(session, stage, part);
  ++session.state.prune_rounds;
  log_prune(session, stage);
  return records;
}

}  // namespace filigree::train
