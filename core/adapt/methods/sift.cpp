#include "core/adapt/methods/sift.h"

#include <memory>

#include "core/adapt/methods/dsee.h"
#include "core/adapt/methods/updates.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

/// The dsee that it is: only S2, unscaled, of int(rate * entries) + 1 entries by the gradient of one batch before the first
/// step. The released code makes no update from that batch; here it is an extra batch.
DseeOptions as_dsee(const SiftOptions& options) {
  DseeOptions dsee;
  dsee.rank = 0;
  dsee.sparse_density = options.rate;
  dsee.extra_entries = 1;
  dsee.support = SupportKind::gradient;
  dsee.support_warmup = 0;
  dsee.targets = options.targets;
  dsee.train_head = options.train_head;
  return dsee;
}

}  // namespace

void SiftOptions::describe(recipe::Schema& schema) {
  schema.field("rate", rate, "share of each target's entries that are updated", recipe::above(0).below(1));
  schema.field("targets", targets, kTargetsHelp).required().patterns();
  schema.field("train_head", train_head, kHeadHelp);
}

void add_sift(Registry& registry) {
  registry.add(
      "sift", "train the entries of some linears that have the largest gradients; freeze the rest",
      [] { return std::make_shared<SiftOptions>(); },
      [](const recipe::MethodOptions& options) {
        return make_dsee(as_dsee(dynamic_cast<const SiftOptions&>(options)), "sift");
      });
}

}  // namespace filigree::adapt
