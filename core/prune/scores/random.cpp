// One of the scores of builtin.h.
#include <ATen/ops/empty.h>

#include "core/prune/scores/builtin.h"
#include "core/random.h"
#include "core/selection/entry_numbers.h"

namespace filigree::prune {
namespace {

at::Tensor drawn_entries(const nn::Linear& linear, uint64_t seed) {
  const uint64_t stream = random::stream(seed, "prune", random::hash(linear.name()));
  const selection::EntryNumbers numbers(*linear.weight());
  at::Tensor values = at::empty(linear.weight()->value().sizes(), at::kFloat);
  float* out = values.data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i)
    out[i] = static_cast<float>(random::uniform(stream, static_cast<uint64_t>(numbers.of(i))));
  return values.to(linear.weight()->value().device());
}

/// A function of the seed and the original index, the same on any mesh.
class Random : public Score {
 public:
  recipe::ScoreTraits traits() const override { return {.name = "random", .help = "uniform, by the seed"}; }

  Scores of_units(const std::vector<nn::StructureGroup*>& groups, const ScoreInput& input) const override {
    Scores scores;
    for (const nn::StructureGroup* group : groups) {
      const uint64_t stream =
          random::stream(input.seed, "prune", random::hash(nn::to_string(group->kind)), group->layer);
      scores.emplace_back();
      for (const int64_t unit : group->held())
        scores.back().push_back(random::uniform(stream, static_cast<uint64_t>(unit)));
    }
    return scores;
  }

  std::vector<at::Tensor> of_entries(const std::vector<nn::Linear*>& linears, const ScoreInput& input) const override {
    std::vector<at::Tensor> scores;
    for (const nn::Linear* linear : linears) scores.push_back(drawn_entries(*linear, input.seed));
    return scores;
  }
};

}  // namespace

ScorePtr random_score() { return std::make_shared<Random>(); }

}  // namespace filigree::prune
