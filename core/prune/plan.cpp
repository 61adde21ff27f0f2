#include "core/prune/plan.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "core/error.h"
#include "core/random.h"

namespace filigree::prune {
namespace {

/// A unit that may be removed: its score, its group's index, its index among the group's kept units.
struct Candidate {
  double score = 0;
  size_t group = 0;
  size_t position = 0;
};

/// Lowest score first; ties: the deeper, then the higher-numbered unit first.
bool goes_before(const Candidate& a, const Candidate& b) {
  return std::tuple(a.score, b.group, b.position) < std::tuple(b.score, a.group, a.position);
}

int64_t share_of(double share, int64_t units) {
  return static_cast<int64_t>(std::floor(share * static_cast<double>(units) + 0.5));
}

/// Marks in `gone` the units to remove from the groups in `pool`, ranked together: a share of them, or those up to a score.
void choose(const std::vector<nn::StructureGroup>& structures, const Scores& scores, const std::vector<size_t>& pool,
            double share, std::optional<double> below, std::vector<std::set<size_t>>& gone) {
  std::vector<Candidate> candidates;
  int64_t total = 0, left = 0;
  for (const size_t g : pool) {
    total += structures[g].total;
    left += structures[g].left();
    for (size_t i = 0; i < scores[g].size(); ++i) candidates.push_back({scores[g][i], g, i});
  }
  std::sort(candidates.begin(), candidates.end(), goes_before);
  int64_t to_remove = share_of(share, total) - (total - left);
  if (below) to_remove = std::ranges::count_if(candidates, [&](const Candidate& one) { return one.score <= *below; });
  for (const Candidate& candidate : candidates) {
    if (to_remove <= 0) break;
    if (gone[candidate.group].size() + 1 >= scores[candidate.group].size()) continue;  // its layer's last unit
    gone[candidate.group].insert(candidate.position);
    --to_remove;
  }
}

void check_scores(const nn::StructureGroup& group, const std::vector<double>& scores) {
  FG_CHECK(static_cast<int64_t>(scores.size()) == group.left(), "{} scores for the {} {}s of layer {}", scores.size(),
           group.left(), nn::to_string(group.kind), group.layer);
  for (const double score : scores) {
    FG_CHECK(!std::isnan(score), "a score of a {} in layer {} is NaN", nn::to_string(group.kind), group.layer);
  }
}

GroupPlan plan_of(const nn::StructureGroup& group, const std::vector<double>& scores, const std::set<size_t>& gone) {
  GroupPlan plan{group.kind, group.layer, group.total, {}, scores, {}};
  for (size_t i = 0; i < group.kept.size(); ++i) {
    if (!gone.contains(i)) plan.kept.push_back(group.kept[i]);
  }
  if (!scores.empty()) plan.candidates = group.kept;
  return plan;
}

}  // namespace

PrunePlan make_plan(const std::vector<nn::StructureGroup>& structures, const Scores& scores,
                    const PruneRequest& request) {
  FG_CHECK(scores.size() == structures.size(), "{} lists of scores for {} groups", scores.size(), structures.size());
  std::vector<std::set<size_t>> gone(structures.size());
  for (const nn::StructureKind kind : {nn::StructureKind::head, nn::StructureKind::neuron}) {
    const double share = kind == nn::StructureKind::head ? request.heads : request.ffn;
    if (share <= 0 && !request.below) continue;
    std::vector<size_t> pool;
    for (size_t g = 0; g < structures.size(); ++g) {
      if (structures[g].kind != kind || (request.below && scores[g].empty())) continue;
      check_scores(structures[g], scores[g]);
      pool.push_back(g);
      if (request.global) continue;
      choose(structures, scores, pool, share, request.below, gone);
      pool.clear();
    }
    if (request.global) choose(structures, scores, pool, share, request.below, gone);
  }
  PrunePlan plan{request.score_name, request.global ? "global" : "layer", {}};
  for (size_t g = 0; g < structures.size(); ++g) plan.groups.push_back(plan_of(structures[g], scores[g], gone[g]));
  return plan;
}

bool PrunePlan::removes_units() const {
  return std::ranges::any_of(groups,
                             [](const GroupPlan& group) { return group.kept.size() < group.candidates.size(); });
}

uint64_t PrunePlan::hash() const {
  uint64_t h = random::stream(groups.size(), "prune plan");
  for (const GroupPlan& group : groups) {
    for (const int64_t word :
         {static_cast<int64_t>(group.kind), group.layer, group.total, static_cast<int64_t>(group.kept.size())}) {
      h = random::combine(h, static_cast<uint64_t>(word));
    }
    for (const int64_t unit : group.kept) h = random::combine(h, static_cast<uint64_t>(unit));
  }
  return h;
}

}  // namespace filigree::prune
