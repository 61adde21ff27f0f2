// The registry of method.h.
#include <fmt/ranges.h>

#include <utility>
#include <vector>

#include "core/adapt/method.h"
#include "core/adapt/methods/child_tuning.h"
#include "core/adapt/methods/dps.h"
#include "core/adapt/methods/dsee.h"
#include "core/adapt/methods/full_bitfit_head.h"
#include "core/adapt/methods/layernorm.h"
#include "core/adapt/methods/lora.h"
#include "core/adapt/methods/masks/block_movement.h"
#include "core/adapt/methods/masks/gates.h"
#include "core/adapt/methods/masks/movement.h"
#include "core/adapt/methods/masks/pst.h"
#include "core/adapt/methods/masks/smp.h"
#include "core/adapt/methods/mixout.h"
#include "core/adapt/methods/sift.h"
#include "core/error.h"

namespace filigree::adapt {

void Registry::add(const std::string& name, const std::string& help, recipe::MethodCatalog::Make options, Make make) {
  const bool fresh = makers_.emplace(name, std::move(make)).second;
  FG_CHECK(fresh, "method '{}' already exists", name);
  catalog_.add(name, help, std::move(options));
}

std::unique_ptr<Method> Registry::make(const recipe::MethodConfig& config) const {
  const auto it = makers_.find(config.name);
  if (it == makers_.end()) {
    std::vector<std::string> known;
    for (const auto& [name, maker] : makers_) known.push_back(name);
    throw UsageError(fmt::format("method: unknown method '{}'; use one of {}", config.name, fmt::join(known, ", ")));
  }
  const auto options = config.options ? config.options : catalog_.entries().at(config.name).make();
  return it->second(*options);
}

Registry builtin_methods() {
  Registry registry;
  add_dsee(registry);
  add_lora(registry);
  add_pst(registry);
  add_dps(registry);
  add_child_tuning(registry);
  add_mixout(registry);
  add_movement(registry);
  add_smp(registry);
  add_gates(registry);
  add_block_movement(registry);
  add_sift(registry);
  add_layernorm(registry);
  add_subset_methods(registry);
  return registry;
}

}  // namespace filigree::adapt
