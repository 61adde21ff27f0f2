#include "core/adapt/methods/updates.h"

#include <fmt/format.h>

#include <set>

#include "core/adapt/methods/targets.h"
#include "core/error.h"

namespace filigree::adapt {

std::vector<nn::Linear*> free_linears(nn::Model& model, const std::vector<std::string>& targets,
                                      const std::string& method, bool train_head) {
  const std::vector<nn::Linear*> linears =
      targets.empty() ? model.encoder_linears() : matching_linears(model, targets, method + ".targets");
  const auto head = in_head(model);
  for (const nn::Linear* linear : linears) {
    if (linear->adapter())
      throw UsageError(
          fmt::format("{}.targets: {} already has an update ({}) from an earlier stage; leave 'method' out of this "
                      "stage to continue training it, or name other targets",
                      method, linear->name(), linear->adapter()->kind()));
    if (train_head && head(*linear->weight()))
      throw UsageError(
          fmt::format("{}.targets: {} belongs to the task head, which is trained directly; remove it from the "
                      "targets, or set train_head: false",
                      method, linear->name()));
  }
  return linears;
}

void refuse_masked(const nn::Linear& linear, const std::string& method) {
  if (linear.mask() || linear.transform())
    throw UsageError(fmt::format("{}.targets: {} has a mask from an earlier stage; name other targets", method,
                                 linear.name()));
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
