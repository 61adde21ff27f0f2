// DseeOptions of dsee.h.
#include <algorithm>
#include <cstdint>

#include "core/adapt/methods/dsee.h"
#include "core/adapt/methods/updates.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {

void DseeOptions::describe(recipe::Schema& schema) {
  schema.field("rank", rank, "rank r of U V; 0: no low-rank part", recipe::from(0).to(65536));
  schema.field("alpha", alpha, "the update is scaled by alpha / rank (by 1 when rank is 0)", recipe::above(0).to(1e6))
      .only("rank", "is not 0", [this] { return rank != 0; });
  schema.field("num_sparse", num_sparse, "entries N of S2 in each target; 0: no sparse part", recipe::from(0).to(1e9))
      .rule("rank and num_sparse are not both 0",
            [this] { return rank == 0 && !sparse() ? "is 0 and rank is 0: nothing to train" : ""; })
      .only("sparse_density", "is 0", [this] { return sparse_density == 0; })
      .formerly("sparse");
  schema.field("sparse_density", sparse_density,
               "share of each target's entries that S2 has; 0: num_sparse says how many", recipe::from(0).to(1));
  schema.field("targets", targets, kTargetsHelp).required().patterns();
  schema.field("support", support, "how the positions of S2 are chosen")
      .only("num_sparse", "or sparse_density is not 0", [this] { return sparse(); });
  schema
      .field("support_rank", support_rank, "rank of the truncation by which svd and principal choose; 0: rank",
             recipe::from(0).to(65536))
      .rule("support_rank and rank are not both 0",
            [this] { return truncates() && sparse() && support_rank == 0 && rank == 0 ? "is 0 and rank is 0" : ""; })
      .only("num_sparse", "or sparse_density is not 0", [this] { return sparse(); })
      .only("support", "is svd or principal", [this] { return truncates(); });
  schema
      .field("support_warmup", support_warmup,
             "steps that do not train S2, before its positions are chosen from gradients", recipe::from(0).to(1e9))
      .only("num_sparse", "or sparse_density is not 0", [this] { return sparse(); })
      .only("support", "is gradient", [this] { return by_gradient(); });
  schema
      .field("support_batches", support_batches, "batches whose squared gradients are added up",
             recipe::from(1).to(1e6))
      .only("num_sparse", "or sparse_density is not 0", [this] { return sparse(); })
      .only("support", "is gradient", [this] { return by_gradient(); });
  schema
      .field("passes", passes, "number of GreBsmo passes; 0: end at about 0.65 of the full rank",
             recipe::from(0).to(10000))
      .only("num_sparse", "or sparse_density is not 0", [this] { return sparse(); })
      .only("support", "is grebsmo", [this] { return support == SupportKind::grebsmo; });
  schema
      .field("scale_sparse", scale_sparse,
             "scale S2 by alpha / rank, as DSEE does; false: S2 is not scaled, as in RoSA and SHiRA")
      .only("num_sparse", "or sparse_density is not 0", [this] { return sparse(); })
      .only("rank", "is not 0", [this] { return rank != 0; });
  schema.field("train_head", train_head, kHeadHelp);
}

int64_t DseeOptions::entries(int64_t numel) const {
  if (sparse_density == 0) return num_sparse;
  return std::max<int64_t>(1, static_cast<int64_t>(sparse_density * static_cast<double>(numel)) + extra_entries);
}

}  // namespace filigree::adapt
