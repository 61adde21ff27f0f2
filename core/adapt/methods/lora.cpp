#include "core/adapt/methods/lora.h"

#include <memory>
#include <optional>
#include <utility>

#include "core/adapt/init.h"
#include "core/adapt/low_rank_sparse.h"
#include "core/adapt/methods/updates.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

class Lora : public Method {
 public:
  explicit Lora(LoraOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "lora"; }

  void attach(nn::Model& model, const AttachContext& context) override {
    const std::vector<nn::Linear*> linears = free_linears(model, options_.targets, options_.train_head);
    const double scale = options_.alpha / static_cast<double>(options_.rank);
    for (nn::Linear* linear : linears) {
      const at::Tensor v =
          kaiming_values(context.seed, linear->name() + ".lora_V", {options_.rank, linear->in_features()});
      Factors factors = add_factors(model.parameters(), *linear, v.to(linear->weight()->value().device()));
      linear->set_adapter(std::make_shared<LowRankSparse>(std::move(factors), std::nullopt, scale, scale));
    }
    freeze_rest(model, linears, options_.train_head);
  }

  void check(nn::Model& model) override { check_rank(model, options_.targets, "rank", options_.rank); }

 private:
  LoraOptions options_;
};

}  // namespace

void LoraOptions::describe(recipe::Schema& schema) {
  schema.field("rank", rank, "rank r of U V", recipe::from(1).to(65536));
  schema.field("alpha", alpha, "the update is scaled by alpha / rank", recipe::above(0).to(1e6));
  schema.field("targets", targets, kTargetsHelp).required().patterns();
  schema.field("train_head", train_head, kHeadHelp);
}

void add_lora(Registry& registry) {
  registry.add<LoraOptions, Lora>("lora", "train a low-rank update of some linears; freeze the rest");
}

}  // namespace filigree::adapt
