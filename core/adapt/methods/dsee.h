#pragma once
// dsee: a low-rank and a sparse update of some linears; the rest is frozen. With other supports and scales it is RoSA
// (arXiv 2401.04679: support gradient, scale_sparse false) and, with rank 0, SHiRA (arXiv 2406.13175: random) or LIFT
// (arXiv 2506.00772: principal).
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/adapt/support.h"
#include "core/recipe/recipe.h"

namespace filigree::adapt {

/// DSEE: D = s U V + t S2 with s = alpha / rank, V ~ N(0, 0.02^2), U = S2 = 0, S2 on a fixed support chosen from the
/// pretrained weight. t = s, or 1 with scale_sparse: false or with rank 0.
struct DseeOptions : recipe::MethodOptions {
  int64_t rank = 16;
  double alpha = 32;
  int64_t num_sparse = 64;
  double sparse_density = 0;  ///< 0: num_sparse
  std::vector<std::string> targets = {"query", "value"};
  SupportKind support = SupportKind::grebsmo;
  int64_t support_rank = 0;  ///< 0: rank
  int64_t support_warmup = 64;
  int64_t support_batches = 1;
  int64_t passes = 0;
  bool scale_sparse = true;
  bool train_head = true;
  int64_t extra_entries = 0;  ///< no key: entries besides those of sparse_density
  void describe(recipe::Schema& schema) override;
  std::vector<std::string> updated_linears() const override { return targets; }
  bool sparse() const { return num_sparse != 0 || sparse_density != 0; }
  bool by_gradient() const { return sparse() && support == SupportKind::gradient; }
  bool truncates() const { return support == SupportKind::svd || support == SupportKind::principal; }
  int64_t entries(int64_t numel) const;  ///< N of a target with so many entries
};

/// The method under another name, for methods that are a choice of its options.
std::unique_ptr<Method> make_dsee(DseeOptions options, std::string name = "dsee");

void add_dsee(Registry& registry);

}  // namespace filigree::adapt
