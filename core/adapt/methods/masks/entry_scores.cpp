#include "core/adapt/methods/masks/entry_scores.h"

#include <memory>
#include <utility>

#include "core/adapt/mask_scores.h"
#include "core/adapt/methods/updates.h"

namespace filigree::adapt {

void add_scores(nn::Model& model, const std::vector<nn::Linear*>& linears, double first, double ratio, MaskRule rule) {
  for (nn::Linear* linear : linears) {
    refuse_masked(*linear);
    auto scores = std::make_unique<EntryScores>(model.parameters(), *linear, first);
    scores->parameters().front()->lr_scale = ratio;
    add_learned_mask(model.parameters(), *linear, std::move(scores), rule);
  }
}

}  // namespace filigree::adapt
