#include "core/adapt/methods/whole.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/adapt/methods/targets.h"
#include "core/error.h"

namespace filigree::adapt {
namespace {

/// Whether the words of `part` occur consecutively anywhere in `name`, such as "embeddings" in
/// "bert.embeddings.LayerNorm.bias".
bool stands_in(const std::string& part, const std::string& name) {
  return ("." + name + ".").find("." + part + ".") != std::string::npos;
}

}  // namespace

void train_all(nn::Model& model, const std::vector<std::string>& freeze) {
  refuse_idle(model, freeze, "freeze", stands_in);
  set_trainable(model, [&](const nn::Parameter& parameter) {
    return parameter.value().is_floating_point() &&
           std::none_of(freeze.begin(), freeze.end(),
                        [&](const std::string& part) { return stands_in(part, parameter.name); });
  });
}

std::vector<nn::Linear*> trained_linears(nn::Model& model) {
  std::set<const nn::Parameter*> tables;
  for (const nn::Embedding* embedding : model.embeddings()) tables.insert(embedding->weight().get());
  std::vector<nn::Linear*> trained;
  for (nn::Linear* linear : model.linears())
    if (linear->weight()->trainable() && !tables.contains(linear->weight().get())) trained.push_back(linear);
  return trained;
}

void refuse_updated(nn::Model& model) {
  for (const nn::Linear* linear : trained_linears(model))
    if (linear->adapter() || linear->mask() || linear->transform())
      throw UsageError(
          fmt::format("{} has an update or a mask from an earlier stage, which this method cannot train; name it in "
                      "'freeze', or use a method that trains such a linear, as full does",
                      linear->name()));
}

}  // namespace filigree::adapt
