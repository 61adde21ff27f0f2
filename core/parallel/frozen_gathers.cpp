#include "core/parallel/frozen_gathers.h"

#include <algorithm>
#include <map>
#include <vector>

#include "core/parallel/frozen_shards.h"
#include "core/parallel/linear_passes.h"

namespace filigree::train {
namespace {

struct UnitSize {
  uint64_t part = 0, whole = 0;  ///< bytes: of a rank's shard, and gathered
  bool backward = true;
};

UnitSize size_of(const FrozenUnit& unit, int64_t ranks) {
  int64_t elements = 0;
  for (const nn::ParameterPtr& weight : unit.weights) elements += weight->numel();
  const uint64_t element = unit.weights.front()->element_size();
  const auto part = static_cast<uint64_t>((elements + ranks - 1) / ranks) * element;
  return {part, part * static_cast<uint64_t>(ranks), unit.backward};
}

/// FrozenShards without tensors: which units are there, by the same rules.
class Holder {
 public:
  Holder(const std::vector<FrozenUnit>& units, int64_t ranks) : held_(units.size()) {
    for (const FrozenUnit& unit : units) units_.push_back(size_of(unit, ranks));
  }

  void use(size_t index, bool backward, bool early) {
    const size_t next = backward ? index - 1 : index + 1;  // backward of unit 0: wraps, so no unit
    for (size_t other = 0; other < units_.size(); ++other)
      if (other != index && other != next) held_[other] = false;
    gather(index);
    if (next < units_.size() && (!backward || units_[next].backward)) gather(next);
    uint64_t there = 0;
    for (size_t unit = 0; unit < units_.size(); ++unit) there += held_[unit] ? units_[unit].whole : 0;
    uint64_t& most = early ? total_.held_early : total_.held;
    most = std::max(most, there);
  }

  const FrozenGathers& total() const { return total_; }

 private:
  void gather(size_t index) {
    if (held_[index]) return;
    held_[index] = true;
    total_.bytes += units_[index].part;
  }

  std::vector<UnitSize> units_;
  std::vector<bool> held_;
  FrozenGathers total_;
};

/// A pass over one micro-batch: who uses which unit, in order.
class Walk {
 public:
  Walk(nn::Model& model, const std::vector<FrozenUnit>& units, bool recompute, Holder& holder)
      : model_(model), passes_(linear_passes(model, recompute)), holder_(holder) {
    for (size_t i = 0; i < units.size(); ++i)
      for (const nn::ParameterPtr& weight : units[i].weights) unit_of_[weight.get()] = i;
  }

  void run() {
    for (const nn::Embedding* table : model_.embeddings()) use(*table->weight(), false, /*early=*/true);
    for (const LinearPass& pass : passes_) use(*pass.linear->weight(), false, false);
    for (size_t end = passes_.size(); end > 0;) {
      size_t begin = end - 1;
      const LinearPass& last = passes_[begin];
      while (last.layer != LinearPass::kHead && begin > 0 && passes_[begin - 1].layer == last.layer) --begin;
      backward(begin, end);
      end = begin;
    }
  }

 private:
  void backward(size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i)
      if (passes_[i].again) use(*passes_[i].linear->weight(), false, false);
    for (size_t i = end; i-- > begin;)
      if (passes_[i].input_gradient) use(*passes_[i].linear->weight(), true, false);
  }

  void use(const nn::Parameter& weight, bool backward, bool early) {
    const auto unit = unit_of_.find(&weight);
    if (unit != unit_of_.end()) holder_.use(unit->second, backward, early);
  }

  nn::Model& model_;
  std::vector<LinearPass> passes_;
  std::map<const nn::Parameter*, size_t> unit_of_;
  Holder& holder_;
};

}  // namespace

FrozenGathers frozen_gathers(nn::Model& model, int64_t ranks, int64_t passes, bool recompute) {
  const std::vector<FrozenUnit> units = frozen_units(model);
  Holder holder(units, ranks);
  Walk walk(model, units, recompute, holder);
  for (int64_t pass = 0; pass < passes; ++pass) walk.run();
  return holder.total();
}

}  // namespace filigree::train
