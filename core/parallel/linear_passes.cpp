#include "core/parallel/linear_passes.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "core/nn/adapter.h"

namespace filigree::train {
namespace {

bool update_trains(const nn::Linear& linear) {
  const auto parameters = linear.added_parameters();
  return std::any_of(parameters.begin(), parameters.end(),
                     [](const auto& parameter) { return parameter->trainable(); });
}

/// "bert.encoder.layer.3." from the names of that layer's linears.
std::string common_prefix(const std::vector<nn::Linear*>& linears) {
  std::string prefix = linears.front()->name();
  for (const nn::Linear* linear : linears) {
    const std::string& name = linear->name();
    const auto [end, other] = std::mismatch(prefix.begin(), prefix.end(), name.begin(), name.end());
    prefix.erase(end, prefix.end());
  }
  const size_t dot = prefix.rfind('.');
  return dot == std::string::npos ? "" : prefix.substr(0, dot + 1);
}

/// Where the base parameters stand in the table, and which of them trains first.
class Order {
 public:
  explicit Order(nn::Model& model) {
    const auto updates = update_parameters(model);
    const std::set<const nn::Parameter*> skipped(updates.begin(), updates.end());
    for (const nn::ParameterPtr& parameter : model.parameters()) {
      if (skipped.contains(parameter.get())) continue;
      if (parameter->trainable()) first_trained_ = std::min(first_trained_, positions_.size());
      positions_[parameter.get()] = positions_.size();
    }
    for (const nn::Embedding* table : model.embeddings()) tables_.insert(table->weight().get());
  }
  /// Whether a base parameter that the forward pass uses before this linear trains.
  bool trains_before(const nn::Linear& linear) const { return first_trained_ < position(linear); }

 private:
  /// A decoder's table may be the embedding's: then its place is that of its bias, or the end.
  size_t position(const nn::Linear& linear) const {
    if (!tables_.contains(linear.weight().get())) return positions_.at(linear.weight().get());
    return linear.bias() ? positions_.at(linear.bias().get()) : positions_.size();
  }

  std::map<const nn::Parameter*, size_t> positions_;
  std::set<const nn::Parameter*> tables_;
  size_t first_trained_ = std::numeric_limits<size_t>::max();
};

struct Place {
  int64_t layer = LinearPass::kHead;
  const nn::Linear* first = nullptr;  ///< of those that read the same input
};

std::map<const nn::Linear*, Place> places_of(nn::Model& model) {
  std::map<const nn::Linear*, Place> places;
  for (const nn::StructureGroup& group : model.structures())
    for (const nn::StructureMember& member : group.members)
      places[member.linear] = {group.layer, member.dim == 0 ? group.members.front().linear : member.linear};
  return places;
}

/// By layer: whether any of its parameters or updates trains.
std::map<int64_t, bool> layers_that_train(nn::Model& model, const std::vector<LinearPass>& passes) {
  std::map<int64_t, std::vector<nn::Linear*>> linears;
  for (const LinearPass& pass : passes)
    if (pass.layer != LinearPass::kHead) linears[pass.layer].push_back(pass.linear);
  std::map<int64_t, bool> train;
  for (const auto& [layer, members] : linears) {
    const std::string prefix = common_prefix(members);
    train[layer] = std::any_of(members.begin(), members.end(),
                               [](const nn::Linear* one) { return !one->added_parameters().empty(); }) ||
                   std::any_of(model.parameters().begin(), model.parameters().end(), [&](const auto& parameter) {
                     return parameter->trainable() && parameter->name.starts_with(prefix);
                   });
  }
  return train;
}

}  // namespace

std::vector<const nn::Parameter*> update_parameters(nn::Model& model) {
  std::vector<const nn::Parameter*> all;
  for (const nn::Linear* linear : model.linears())
    for (const nn::ParameterPtr& parameter : linear->added_parameters()) all.push_back(parameter.get());
  return all;
}

std::vector<LinearPass> linear_passes(nn::Model& model, bool recompute) {
  const Order order(model);
  const auto places = places_of(model);
  std::vector<LinearPass> passes;
  std::map<const nn::Linear*, bool> update_before;  // whether an earlier linear's update trains
  bool updated = false;
  for (nn::Linear* linear : model.linears()) {
    const auto found = places.find(linear);
    const Place place = found == places.end() ? Place{LinearPass::kHead, linear} : found->second;
    update_before[linear] = updated;
    updated = updated || update_trains(*linear);
    passes.push_back({linear, place.layer, order.trains_before(*place.first) || update_before.at(place.first), false});
  }
  if (!recompute) return passes;
  const auto train = layers_that_train(model, passes);
  std::map<int64_t, bool> entered;  // by layer: whether its input needs a gradient
  for (LinearPass& pass : passes) {
    if (pass.layer == LinearPass::kHead) continue;
    pass.again = train.at(pass.layer) || entered.try_emplace(pass.layer, pass.input_gradient).first->second;
  }
  return passes;
}

}  // namespace filigree::train
