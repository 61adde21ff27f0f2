#include "core/adapt/methods/lora_dsee.h"

#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "core/adapt/init.h"
#include "core/adapt/low_rank_sparse.h"
#include "core/adapt/methods/targets.h"
#include "core/adapt/support.h"
#include "core/nn/full_tensor.h"
#include "core/recipe/key_error.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

constexpr double kDseeDeviation = 0.02;

/// The linears to adapt. Throws KeyError if one has an adapter of an earlier stage or is itself trained.
std::vector<nn::Linear*> free_linears(nn::Model& model, const std::vector<std::string>& targets, bool train_head) {
  const std::vector<nn::Linear*> linears = matching_linears(model, targets);
  const auto head = in_head(model);
  for (const nn::Linear* linear : linears) {
    if (linear->adapter())
      throw recipe::KeyError(
          "targets", fmt::format("{} already has an update ({}) from an earlier stage; leave 'method' out of this "
                                 "stage to continue training it, or name other targets",
                                 linear->name(), linear->adapter()->kind()));
    if (train_head && head(*linear->weight()))
      throw recipe::KeyError("targets",
                             fmt::format("{} belongs to the task head, which is trained directly; remove it from the "
                                         "targets, or set train_head: false",
                                         linear->name()));
  }
  return linears;
}

/// A product U V has at most the rank of a full matrix.
void check_rank(nn::Model& model, const std::vector<std::string>& targets, int64_t rank) {
  for (const nn::Linear* linear : matching_linears(model, targets)) {
    const auto& shape = linear->weight()->logical_shape;
    const int64_t most = std::min(shape.at(0), shape.at(1));
    if (rank > most)
      throw recipe::KeyError(
          "rank", fmt::format("is {}, but {} is a matrix of {} x {}, whose rank is at most {}; a larger rank only adds "
                              "parameters",
                              rank, linear->name(), shape[0], shape[1], most));
  }
}

/// Trains only the adapters and, with train_head, the head.
void freeze_rest(nn::Model& model, const std::vector<nn::Linear*>& adapted, bool train_head) {
  std::set<std::string> mine;
  for (const nn::Linear* linear : adapted)
    for (const nn::ParameterPtr& parameter : linear->adapter()->parameters()) mine.insert(parameter->name);
  const auto head = in_head(model);
  set_trainable(model, [&](const nn::Parameter& parameter) {
    return mine.contains(parameter.name) || (train_head && head(parameter));
  });
}

/// The full weight on the rank that searches it; on other ranks a tensor of its shape that takes no memory.
/// Collective over the tensor-parallel ranks.
at::Tensor whole_weight(const nn::Linear& linear, bool mine, const AttachContext& context) {
  const at::Tensor& local = linear.weight()->value();
  if (context.tp.size() == 1) return local;
  const at::Tensor whole = nn::full_tensor(local, linear.weight()->placement, context.tp);
  return mine ? whole : at::zeros({}, whole.options()).expand(whole.sizes());
}

std::vector<Support> supports_of(const std::vector<nn::Linear*>& linears, const DseeOptions& options,
                                 const AttachContext& context) {
  if (context.resume) {
    std::vector<Support> supports;
    for (const nn::Linear* linear : linears) {
      const auto& shape = linear->weight()->logical_shape;
      if (options.num_sparse > shape.at(0) * shape.at(1))
        throw recipe::KeyError("num_sparse", fmt::format("{} entries are requested, but {} has only {}",
                                                         options.num_sparse, linear->name(), shape[0] * shape[1]));
      supports.push_back(first_places(options.num_sparse, linear->in_features()));
    }
    return supports;
  }
  std::vector<Matrix> matrices;
  for (const nn::Linear* linear : linears) {
    const bool mine = searched_by(matrices.size(), context.ranks);
    matrices.push_back({linear->name(), whole_weight(*linear, mine, context)});
  }
  const SupportOptions search{options.support, options.num_sparse, options.rank, options.passes, context.seed};
  return select_supports(matrices, search, context.ranks, context.warn);
}

class Dsee : public Method {
 public:
  explicit Dsee(DseeOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "dsee"; }

  void attach(nn::Model& model, const AttachContext& context) override {
    const std::vector<nn::Linear*> linears = free_linears(model, options_.targets, options_.train_head);
    std::vector<Support> supports;
    if (options_.num_sparse > 0) supports = supports_of(linears, options_, context);
    for (size_t i = 0; i < linears.size(); ++i) {
      linears[i]->set_adapter(make(model, *linears[i], supports.empty() ? nullptr : &supports[i], context.seed));
    }
    freeze_rest(model, linears, options_.train_head);
  }
  void check(nn::Model& model) override { check_rank(model, options_.targets, options_.rank); }

 private:
  Factors factors(nn::Model& model, const nn::Linear& linear, uint64_t seed) const {
    const at::Tensor v =
        normal_values(seed, linear.name() + ".lora_V", {options_.rank, linear.in_features()}, kDseeDeviation);
    return add_factors(model.parameters(), linear.name(), linear.out_features(),
                       v.to(linear.weight()->value().device()), linear.weight()->placement);
  }

  static SparseEntries entries(nn::Model& model, const nn::Linear& linear, const Support& support) {
    const at::Device device = linear.weight()->value().device();
    return add_entries(model.parameters(), linear.name(), linear.out_features(), linear.in_features(),
                       support.rows.to(device), support.cols.to(device), linear.weight()->placement);
  }

  std::shared_ptr<nn::Adapter> make(nn::Model& model, const nn::Linear& linear, const Support* support,
                                    uint64_t seed) const {
    if (options_.rank == 0) return std::make_shared<SparseDelta>(entries(model, linear, *support), 1.0);
    const double scale = options_.alpha / static_cast<double>(options_.rank);
    Factors low_rank = factors(model, linear, seed);
    if (!support) return std::make_shared<LowRank>(std::move(low_rank), scale);
    return std::make_shared<LowRankSparse>(std::move(low_rank), entries(model, linear, *support), scale);
  }

  DseeOptions options_;
};

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
      Factors factors = add_factors(model.parameters(), linear->name(), linear->out_features(),
                                    v.to(linear->weight()->value().device()), linear->weight()->placement);
      linear->set_adapter(std::make_shared<LowRank>(std::move(factors), scale));
    }
    freeze_rest(model, linears, options_.train_head);
  }
  void check(nn::Model& model) override { check_rank(model, options_.targets, options_.rank); }

 private:
  LoraOptions options_;
};

constexpr const char* kTargetsHelp =
    "linears that get an update, by the last words of their names; '*' stands for one word";
constexpr const char* kHeadHelp = "also train the task head";

}  // namespace

void DseeOptions::describe(recipe::Schema& schema) {
  schema.field("rank", rank, "rank r of U V; 0: no low-rank part", recipe::from(0).to(65536));
  schema.field("alpha", alpha, "the update is scaled by alpha / rank (by 1 when rank is 0)", recipe::above(0).to(1e6))
      .only("rank", "is not 0", [this] { return rank != 0; });
  schema.field("num_sparse", num_sparse, "entries N of S2 in each target; 0: no sparse part", recipe::from(0).to(1e9))
      .rule("rank and num_sparse are not both 0",
            [this] { return rank == 0 && num_sparse == 0 ? "is 0 and rank is 0: nothing to train" : ""; })
      .formerly("sparse");
  schema.field("targets", targets, kTargetsHelp).required().patterns();
  schema.field("support", support, "how the positions of S2 are chosen").only("num_sparse", "is not 0", [this] {
    return num_sparse != 0;
  });
  schema
      .field("passes", passes, "number of GreBsmo passes; 0: end at about 0.65 of the full rank",
             recipe::from(0).to(10000))
      .only("num_sparse", "is not 0", [this] { return num_sparse != 0; })
      .only("support", "is grebsmo", [this] { return support == SupportKind::grebsmo; });
  schema.field("train_head", train_head, kHeadHelp);
}

void LoraOptions::describe(recipe::Schema& schema) {
  schema.field("rank", rank, "rank r of U V", recipe::from(1).to(65536));
  schema.field("alpha", alpha, "the update is scaled by alpha / rank", recipe::above(0).to(1e6));
  schema.field("targets", targets, kTargetsHelp).required().patterns();
  schema.field("train_head", train_head, kHeadHelp);
}

void add_update_methods(Registry& registry) {
  registry.add<DseeOptions, Dsee>("dsee", "train a low-rank and a sparse update of some linears; freeze the rest");
  registry.add<LoraOptions, Lora>("lora", "train a low-rank update of some linears; freeze the rest");
}

}  // namespace filigree::adapt
