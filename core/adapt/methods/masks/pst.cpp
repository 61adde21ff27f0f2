#include "core/adapt/methods/masks/pst.h"

#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

#include "core/adapt/init.h"
#include "core/adapt/learned_mask.h"
#include "core/adapt/low_rank_sparse.h"
#include "core/adapt/mask_scores.h"
#include "core/adapt/methods/masks/level_method.h"
#include "core/adapt/methods/updates.h"
#include "core/error.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

struct Product {
  at::Tensor left, right;  ///< [out, r], [r, in]
};

class Pst : public LevelMethod {
 public:
  explicit Pst(PstOptions options) : LevelMethod(sparsity_curve(options)), options_(std::move(options)) {}
  std::string name() const override { return "pst"; }

  void attach(nn::Model& model, const AttachContext& context) override {
    const std::vector<nn::Linear*> linears = free_linears(model, options_.targets, options_.train_head);
    for (nn::Linear* linear : linears) {
      refuse_masked(*linear);
      add(model.parameters(), *linear, context.seed);
    }
    freeze_rest(model, linears, options_.train_head);
  }

  void check(nn::Model& model) override {
    check_rank(model, options_.targets, "rank", options_.rank);
    check_rank(model, options_.targets, "score_rank", options_.score_rank);
  }

 private:
  /// First values of a product that is 0, on the linear's device.
  Product first_values(const nn::Linear& linear, const std::string& left, const std::string& right, int64_t rank,
                       uint64_t seed) const {
    const int64_t out = linear.out_features(), in = linear.in_features();
    const auto zero = [](int64_t rows, int64_t columns) { return at::zeros({}, at::kFloat).expand({rows, columns}); };
    Product product;
    if (options_.init == PstInit::released)
      product = {normal_values(seed, linear.name() + left, {out, rank}, 1.0), zero(rank, in)};
    else
      product = {zero(out, rank), kaiming_values(seed, linear.name() + right, {rank, in})};
    const at::Device device = linear.weight()->device();
    return {product.left.to(device), product.right.to(device)};
  }

  void add(nn::ParameterTable& table, nn::Linear& linear, uint64_t seed) const {
    const Product update = first_values(linear, ".lora_U", ".lora_V", options_.rank, seed);
    Factors factors = add_factors(table, linear, {"lora_U", "lora_V"}, update.left, update.right);
    linear.set_adapter(
        std::make_shared<LowRankSparse>(std::move(factors), std::nullopt, options_.scale, options_.scale));
    const Product score = first_values(linear, ".score_A", ".score_B", options_.score_rank, seed);
    add_learned_mask(table, linear,
                     std::make_unique<LowRankScores>(table, linear, score.left, score.right, options_.score_scale,
                                                     options_.line_scale));
  }

  PstOptions options_;
};

}  // namespace

void PstOptions::describe(recipe::Schema& schema) {
  schema.field("rank", rank, "rank of the update U V", recipe::from(1).to(65536));
  schema.field("score_rank", score_rank, "rank of the score A B", recipe::from(1).to(65536));
  schema.field("scale", scale, "factor beta of U V", recipe::above(0).to(1e6));
  schema.field("score_scale", score_scale, "factor of the score A B", recipe::from(0).to(1e6));
  schema.field("line_scale", line_scale, "factor of the row and column scores R and C", recipe::from(0).to(1e6));
  describe_sparsity(schema, *this);
  schema.field("init", init, "first values of U V and A B; released: N(0, 1) and 0; lora: 0 and LoRA's");
  schema
      .field("targets", targets,
             "linears that get a learned mask and an update, by the last words of their names; '*' stands for one "
             "word; empty: all in the encoder")
      .patterns();
  schema.field("train_head", train_head, kHeadHelp);
}

void add_pst(Registry& registry) {
  registry.add<PstOptions, Pst>("pst", "train a low-rank update and the scores of a mask that grows; freeze the rest");
}

}  // namespace filigree::adapt
