#include "core/adapt/methods/updates.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/adapt/methods/targets.h"
#include "core/recipe/key_error.h"

namespace filigree::adapt {

std::vector<nn::Linear*> free_linears(nn::Model& model, const std::vector<std::string>& targets, bool train_head) {
  const std::vector<nn::Linear*> linears = targets.empty() ? model.encoder_linears() : matching_linears(model, targets);
  const auto head = in_head(model);
  for (const nn::Linear* linear : linears) {
    if (linear->adapter())
      throw recipe::KeyError(
          "targets", fmt::format("{} already has an update ({}) from an earlier stage; leave 'method' out of this "
                                 "stage to continue training it, or name other targets",
                                 linear->name(), linear->adapter()->kind()));
    if (train_head && head(*linear->weight()))
      throw recipe::KeyError("targets",
                             fmt::format("{} belongs to the task head, which is trained directly; remove it from the "
                                         "targets, or set train_head: false",
                                         linear->name()));
  }
  return linears;
}

void check_rank(nn::Model& model, const std::vector<std::string>& targets, const std::string& key, int64_t rank) {
  const auto linears = targets.empty() ? model.encoder_linears() : matching_linears(model, targets);
  for (const nn::Linear* linear : linears) {
    const auto& shape = linear->weight()->logical_shape;
    const int64_t most = std::min(shape.at(0), shape.at(1));
    if (rank > most)
      throw recipe::KeyError(
          key, fmt::format("is {}, but {} is a matrix of {} x {}, whose rank is at most {}; a larger rank only adds "
                           "parameters",
                           rank, linear->name(), shape[0], shape[1], most));
  }
}

void refuse_masked(const nn::Linear& linear) {
  if (linear.mask() || linear.transform())
    throw recipe::KeyError("targets",
                           fmt::format("{} has a mask from an earlier stage; name other targets", linear.name()));
}

void freeze_rest(nn::Model& model, const std::vector<nn::Linear*>& adapted, bool train_head) {
  std::set<std::string> mine;
  for (const nn::Linear* linear : adapted)
    for (const nn::ParameterPtr& parameter : linear->added_parameters()) mine.insert(parameter->name);
  const auto head = in_head(model);
  set_trainable(model, [&](const nn::Parameter& parameter) {
    return mine.contains(parameter.name) || (train_head && head(parameter));
  });
}

}  // namespace filigree::adapt
