#include "core/adapt/methods/dsee.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "core/adapt/gradient_support.h"
#include "core/adapt/init.h"
#include "core/adapt/low_rank_sparse.h"
#include "core/adapt/methods/updates.h"
#include "core/adapt/support.h"
#include "core/error.h"
#include "core/recipe/key_error.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

constexpr double kDseeDeviation = 0.02;

std::vector<Support> supports_of(const std::vector<nn::Linear*>& linears, const DseeOptions& options,
                                 const AttachContext& context) {
  if (context.resume || options.by_gradient()) {
    std::vector<Support> supports;
    for (const nn::Linear* linear : linears) {
      const int64_t numel = linear->weight()->logical_numel();
      if (options.entries(numel) > numel)
        throw recipe::KeyError("num_sparse", fmt::format("{} entries are requested, but {} has only {}",
                                                         options.num_sparse, linear->name(), numel));
      supports.push_back(first_places(options.entries(numel), linear->in_features()));
    }
    return supports;
  }
  std::vector<Matrix> matrices;
  for (const nn::Linear* linear : linears) {
    const bool mine = searched_by(matrices.size(), context.ranks);
    matrices.push_back({linear->name(), whole_matrix(linear->weight()->value(), *linear, mine, context.tp),
                        options.entries(linear->weight()->logical_numel())});
  }
  const SupportOptions search{.kind = options.support,
                              .rank = options.support_rank > 0 ? options.support_rank : options.rank,
                              .passes = options.passes,
                              .seed = context.seed};
  return select_supports(matrices, search, context.ranks, context.warn);
}

class Dsee : public Method {
 public:
  Dsee(DseeOptions options, std::string name) : options_(std::move(options)), name_(std::move(name)) {}
  std::string name() const override { return name_; }

  void attach(nn::Model& model, const AttachContext& context) override {
    linears_ = free_linears(model, options_.targets, options_.train_head);
    std::vector<Support> supports;
    if (options_.sparse()) supports = supports_of(linears_, options_, context);
    for (size_t i = 0; i < linears_.size(); ++i) {
      linears_[i]->set_adapter(make(model, *linears_[i], supports.empty() ? nullptr : &supports[i], context.seed));
    }
    freeze_rest(model, linears_, options_.train_head);
  }

  void check(nn::Model& model) override { check_rank(model, options_.targets, "rank", options_.rank); }

  int64_t gradient_batches(const Step& step) const override {
    if (!options_.by_gradient() || !step.attached) return 0;
    if (options_.support_warmup >= step.steps)
      throw UsageError(fmt::format("dsee.support_warmup: is {}, but the stage has only {} steps",
                                   options_.support_warmup, step.steps));
    return step.step == options_.support_warmup ? options_.support_batches : 0;
  }

  bool places_entries() const override { return options_.by_gradient(); }

  void read_gradients(nn::Model&, const Step& step, const nn::GradientBatches& data) override {
    place_by_gradients(linears_, step, data);
  }

  void after_backward(nn::Model&, const Step& step) override {
    if (options_.by_gradient() && step.attached && step.step < options_.support_warmup) hold_sparse_values(linears_);
  }

 private:
  Factors factors(nn::Model& model, nn::Linear& linear, uint64_t seed) const {
    const at::Tensor v =
        normal_values(seed, linear.name() + ".lora_V", {options_.rank, linear.in_features()}, kDseeDeviation);
    return add_factors(model.parameters(), linear, v.to(linear.weight()->value().device()));
  }

  static SparseEntries entries(nn::Model& model, const nn::Linear& linear, const Support& support) {
    const at::Device device = linear.weight()->value().device();
    return add_entries(model.parameters(), linear.name(), linear.out_features(), linear.in_features(),
                       support.rows.to(device), support.cols.to(device), linear.weight()->placement);
  }

  std::shared_ptr<nn::Adapter> make(nn::Model& model, nn::Linear& linear, const Support* support, uint64_t seed) const {
    std::optional<Factors> low_rank;
    std::optional<SparseEntries> sparse;
    if (options_.rank > 0) low_rank = factors(model, linear, seed);
    if (support) sparse = entries(model, linear, *support);
    const double scale = options_.rank > 0 ? options_.alpha / static_cast<double>(options_.rank) : 1.0;
    return std::make_shared<LowRankSparse>(std::move(low_rank), std::move(sparse), scale,
                                           options_.scale_sparse ? scale : 1.0);
  }

  DseeOptions options_;
  std::string name_;
  std::vector<nn::Linear*> linears_;
};

}  // namespace

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

std::unique_ptr<Method> make_dsee(DseeOptions options, std::string name) {
  return std::make_unique<Dsee>(std::move(options), std::move(name));
}

void add_dsee(Registry& registry) {
  registry.add(
      "dsee", "train a low-rank and a sparse update of some linears; freeze the rest",
      [] { return std::make_shared<DseeOptions>(); },
      [](const recipe::MethodOptions& options) { return make_dsee(dynamic_cast<const DseeOptions&>(options)); });
}

}  // namespace filigree::adapt
