#include "core/adapt/methods/dsee.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

#include "core/adapt/gradient_support.h"
#include "core/adapt/init.h"
#include "core/adapt/low_rank_sparse.h"
#include "core/adapt/methods/updates.h"
#include "core/adapt/support.h"
#include "core/counted.h"
#include "core/recipe/key_error.h"

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
      throw recipe::KeyError(
          "support_warmup",
          fmt::format("is {}, but the stage has {}, so that the positions of S2 are never chosen; set "
                      "it to at most {}",
                      options_.support_warmup, counted(step.steps, "step"), step.steps - 1));
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
