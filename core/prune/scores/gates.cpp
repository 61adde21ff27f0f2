// One of the scores of builtin.h.
#include <fmt/format.h>

#include "core/nn/column_gates.h"
#include "core/prune/scores/builtin.h"
#include "core/prune/scores/by_unit.h"
#include "core/recipe/key_error.h"

namespace filigree::prune {
namespace {

/// Signed, as in EarlyBERT's released code.
class Gates : public Score {
 public:
  recipe::ScoreTraits traits() const override {
    return {.name = "gates", .help = "the gate of each head and neuron, signed", .of_entries = false};
  }

  void check(const nn::StructureGroup& group) const override {
    if (!nn::column_gates(output_linear(group)))
      throw recipe::KeyError("score",
                             fmt::format("'gates' is undefined for the {}s of layer {}: train a stage with the "
                                         "method gates before this one, and no other method in between",
                                         nn::to_string(group.kind), group.layer));
  }

  Scores of_units(const std::vector<nn::StructureGroup*>& groups, const ScoreInput&) const override {
    Scores scores;
    for (const nn::StructureGroup* group : groups) {
      const at::Tensor& gates = nn::column_gates(output_linear(*group))->gates()->value();
      scores.push_back(to_vector(gates.detach().to(at::kCPU, at::kDouble)));
    }
    return scores;
  }
};

}  // namespace

ScorePtr gates_score() { return std::make_shared<Gates>(); }

}  // namespace filigree::prune
