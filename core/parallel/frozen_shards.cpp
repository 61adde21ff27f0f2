#include "core/parallel/frozen_shards.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <map>

#include "core/error.h"

namespace filigree::train {
namespace {

bool is_frozen(const nn::ParameterPtr& weight) { return weight->role == nn::Role::frozen; }

/// Frozen weights of the prunable linears, by layer.
std::map<int64_t, std::vector<nn::ParameterPtr>> layers_of(nn::Model& model) {
  std::map<int64_t, std::vector<nn::ParameterPtr>> layers;
  for (const nn::StructureGroup& group : model.structures()) {
    std::vector<nn::ParameterPtr>& weights = layers[group.layer];
    for (const nn::StructureMember& member : group.members) {
      const nn::ParameterPtr& weight = member.linear->weight();
      if (is_frozen(weight) && std::find(weights.begin(), weights.end(), weight) == weights.end())
        weights.push_back(weight);
    }
  }
  return layers;
}

}  // namespace

std::vector<FrozenUnit> frozen_units(nn::Model& model) {
  std::vector<FrozenUnit> units;
  for (const nn::Embedding* embedding : model.embeddings())
    if (is_frozen(embedding->weight())) units.push_back({{embedding->weight()}, false});
  for (const auto& [layer, weights] : layers_of(model))
    if (!weights.empty()) units.push_back({weights, true});
  return units;
}

FrozenShards::FrozenShards(nn::Model& model, dist::Communicator& dp) : group_(dp.split(0, dp.rank(), "weights")) {
  const at::NoGradGuard no_grad;
  for (nn::Linear* linear : model.linears()) linear->mask_frozen_weight();  // masks are not applied to gathered weights
  for (const FrozenUnit& unit : frozen_units(model)) add_unit(unit);
}

FrozenShards::~FrozenShards() {
  for (Unit& unit : units_)
    for (const nn::ParameterPtr& weight : unit.weights)
      weight->shard([name = weight->name](bool) -> at::Tensor {
        FG_CHECK(false, "'{}': its shards were already released", name);
        return {};
      });
}

void FrozenShards::add_unit(const FrozenUnit& unit) {
  std::vector<at::Tensor> flat;
  int64_t elements = 0;
  for (const nn::ParameterPtr& weight : unit.weights) {
    flat.push_back(weight->value().detach().flatten());
    elements += flat.back().numel();
    FG_CHECK(flat.back().dtype() == flat.front().dtype(), "the frozen weights of a layer differ in type");
  }
  const int64_t ranks = group_->size(), part = (elements + ranks - 1) / ranks;
  flat.push_back(at::zeros({part * ranks - elements}, flat.front().options()));
  units_.push_back({unit, at::cat(flat).narrow(0, part * group_->rank(), part).clone(), {}, nullptr});
  const size_t number = units_.size() - 1;
  for (size_t i = 0; i < unit.weights.size(); ++i)
    unit.weights[i]->shard([this, number, i](bool backward) { return weight(number, i, backward); });
}

void FrozenShards::start(size_t index) {
  Unit& unit = units_[index];
  if (unit.whole.defined()) return;
  const dist::PhaseScope counted(*group_, "weights");
  unit.whole = at::empty({unit.part.numel() * group_->size()}, unit.part.options());
  unit.work = group_->all_gather_async(unit.part, unit.whole);
}

const at::Tensor& FrozenShards::wait(size_t index) {
  start(index);
  Unit& unit = units_[index];
  if (unit.work) unit.work->wait();
  unit.work = nullptr;
  return unit.whole;
}

at::Tensor FrozenShards::weight(size_t index, size_t number, bool backward) {
  const at::NoGradGuard no_grad;
  const size_t next = backward ? index - 1 : index + 1;  // backward of unit 0: wraps, so no unit
  for (size_t other = 0; other < units_.size(); ++other) {
    if (other == index || other == next) continue;
    units_[other].work = nullptr;  // waits if in flight
    units_[other].whole = at::Tensor();
  }
  const at::Tensor whole = wait(index);
  if (next < units_.size() && (!backward || units_[next].backward)) start(next);
  const auto& weights = units_[index].weights;
  int64_t begin = 0;
  for (size_t i = 0; i < number; ++i) begin += weights[i]->numel();
  return whole.narrow(0, begin, weights[number]->numel()).view(weights[number]->sizes());
}

void FrozenShards::drop() {
  for (Unit& unit : units_) {
    unit.work = nullptr;  // waits if in flight
    unit.whole = at::Tensor();
  }
}

uint64_t FrozenShards::bytes() const {
  uint64_t sum = 0;
  for (const Unit& unit : units_) sum += static_cast<uint64_t>(unit.part.nbytes());
  return sum;
}

void FrozenShards::restore() {
  const at::NoGradGuard no_grad;
  for (size_t index = 0; index < units_.size(); ++index) {
    const at::Tensor whole = wait(index);
    int64_t begin = 0;
    for (const nn::ParameterPtr& weight : units_[index].weights) {
      const auto sizes = weight->sizes().vec();
      const int64_t elements = weight->numel();
      weight->set_value(whole.narrow(0, begin, elements).view(sizes).clone());
      begin += elements;
    }
    units_[index].whole = at::Tensor();
  }
  units_.clear();
}

}  // namespace filigree::train
