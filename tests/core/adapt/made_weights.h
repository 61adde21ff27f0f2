#pragma once
// Linears of a toy model whose weight is made in each pass: one case per kind of mask, transform and merged update.
#include <ATen/ops/arange.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/adapt/followers.h"
#include "core/adapt/low_rank_sparse.h"
#include "core/adapt/mask_scores.h"
#include "dist/factory.h"
#include "tests/core/adapt/dense_form.h"
#include "tests/support/toy_model.h"

namespace filigree::test {

inline constexpr double kScoreScale = 0.4, kLineScale = 0.6, kProbability = 0.3, kMaskLevel = 0.4;
inline constexpr int64_t kBlock = 2;

struct MadeWeight {
  std::string name;
  ToyModel::Member member;
  std::function<void(ToyModel&, nn::Linear&)> make;
  FormOptions form = {};
};

inline at::Tensor drawn_for(const nn::Linear& linear, const std::string& name, const std::vector<int64_t>& shape,
                            double scale = 0.5) {
  return drawn(random::hash(linear.name() + name), shape, scale);
}

inline at::Tensor drawn_bits(const nn::Linear& linear, const std::string& name) {
  return drawn_for(linear, name, linear.weight()->logical_shape).gt(0).to(at::kByte);
}

/// A mask over W, or over W + D.
inline void add_mask(ToyModel& model, nn::Linear& linear, bool covers_update) {
  linear.set_mask(model.parameters().add(linear.name() + ".mask", drawn_bits(linear, "mask"), nn::Role::mask));
  if (covers_update) linear.mask_update();
}

/// s U V + t S2 with `entries` places in S2, evenly spread; 0: no S2.
inline void add_update(ToyModel& model, nn::Linear& linear, int64_t entries) {
  const int64_t out = linear.out_features(), in = linear.in_features(), rank = 2;
  const adapt::Factors factors =
      adapt::add_factors(model.parameters(), linear, {"lora_U", "lora_V"}, drawn_for(linear, "U", {out, rank}),
                         drawn_for(linear, "V", {rank, in}));
  std::optional<adapt::SparseEntries> sparse;
  if (entries > 0) {
    const at::Tensor places = at::arange(entries, at::kLong).mul(out * in / entries);
    sparse =
        adapt::add_entries(model.parameters(), linear.name(), out, in, places.div(in, "floor"), places.remainder(in));
  }
  linear.set_adapter(std::make_shared<adapt::LowRankSparse>(factors, sparse, 0.7, 1.3));
}

/// Enough entries for the update to be merged.
inline int64_t many_entries(const nn::Linear& linear) { return linear.out_features() * linear.in_features() / 3; }

template <class Scores, class... Arguments>
void add_scores(ToyModel& model, nn::Linear& linear, Arguments&&... arguments) {
  auto scores = std::make_unique<Scores>(model.parameters(), linear, std::forward<Arguments>(arguments)...);
  adapt::add_learned_mask(model.parameters(), linear, std::move(scores));
}

inline void add_low_rank_scores(ToyModel& model, nn::Linear& linear) {
  add_scores<adapt::LowRankScores>(model, linear, drawn_for(linear, "A", {linear.out_features(), 3}),
                                   drawn_for(linear, "B", {3, linear.in_features()}), kScoreScale, kLineScale);
}

inline void add_line_scores(ToyModel& model, nn::Linear& linear, int64_t dim) {
  const nn::ParameterPtr scores = adapt::LineScores::add(model.parameters(), linear, dim, 0.0);
  adapt::add_learned_mask(model.parameters(), linear, std::make_unique<adapt::LineScores>(scores, dim));
}

/// Mixed with a drawn target, by drawn columns or drawn entries.
inline void add_mixture(ToyModel& model, nn::Linear& linear, bool columns, bool exact) {
  adapt::add_mixture(model.parameters(), linear, {kProbability, exact});
  adapt::Mixture& mixture = *adapt::mixture_of(linear);
  mixture.target()->value().copy_(drawn_for(linear, "target", linear.weight()->logical_shape));
  mixture.mix(columns ? adapt::draw_columns(linear, 5, kProbability) : drawn_bits(linear, "n"));
}

inline void add_gates(ToyModel& model, nn::Linear& linear) {
  const int64_t unit = linear.in_features() / 4;
  const nn::ParameterPtr gates =
      adapt::add_follower(model.parameters(), linear, "gates", drawn(6, {4}, 1.0), nn::Role::trainable, -1, 0, unit);
  linear.set_transform(std::make_shared<nn::ColumnGates>(gates, unit));
}

inline void train_weight(ToyModel& model, nn::Linear& linear) {
  model.parameters().set_role(*linear.weight(), nn::Role::trainable);
}

inline std::vector<MadeWeight> made_mixtures() {
  std::vector<MadeWeight> all;
  for (const bool columns : {true, false})
    for (const bool exact : {true, false})
      all.push_back({fmt::format("mixture_by_{}_{}", columns ? "columns" : "entries", exact ? "exact" : "released"),
                     ToyModel::ffn_in,
                     [=](ToyModel& model, nn::Linear& linear) {
                       train_weight(model, linear);
                       add_mixture(model, linear, columns, exact);
                     },
                     {.probability = kProbability, .exact_gradient = exact}});
  all.push_back({"mixture_beside_a_merged_update",
                 ToyModel::ffn_in,
                 [](ToyModel& model, nn::Linear& linear) {
                   train_weight(model, linear);
                   add_update(model, linear, many_entries(linear));
                   add_mixture(model, linear, true, false);
                 },
                 {.probability = kProbability}});
  return all;
}

/// Fixed masks and merged updates.
inline std::vector<MadeWeight> made_masks() {
  const auto masked = [](bool trains, bool updates, bool covers) {
    return [=](ToyModel& model, nn::Linear& linear) {
      if (trains) train_weight(model, linear);
      if (updates) add_update(model, linear, covers ? 0 : many_entries(linear));
      add_mask(model, linear, covers);
    };
  };
  const auto merged = [](ToyModel& model, nn::Linear& linear) { add_update(model, linear, many_entries(linear)); };
  return {{"mask", ToyModel::ffn_in, masked(true, false, false)},
          {"merged_update", ToyModel::ffn_in, merged},
          {"merged_update_beside_a_mask", ToyModel::ffn_in, masked(false, true, false)},
          {"merged_update_beside_a_mask_of_a_trained_weight", ToyModel::ffn_in, masked(true, true, false)},
          {"mask_over_the_update", ToyModel::ffn_in, masked(false, true, true)},
          {"mask_over_the_update_of_a_trained_weight", ToyModel::ffn_out, masked(true, true, true)}};
}

inline std::vector<MadeWeight> made_learned_masks() {
  const auto scored = [](const std::function<void(ToyModel&, nn::Linear&)>& add) {
    return [=](ToyModel& model, nn::Linear& linear) {
      train_weight(model, linear);
      add(model, linear);
    };
  };
  const auto pst = [](ToyModel& model, nn::Linear& linear) {
    add_update(model, linear, 0);
    add_low_rank_scores(model, linear);
  };
  const auto entries = [](ToyModel& model, nn::Linear& linear) { add_scores<adapt::EntryScores>(model, linear, 0.0); };
  const auto blocks = [](ToyModel& model, nn::Linear& linear) {
    add_scores<adapt::BlockScores>(model, linear, kBlock, 0.0);
  };
  const FormOptions form{.score_scale = kScoreScale, .line_scale = kLineScale};
  return {{"low_rank_scores", ToyModel::ffn_in, scored(pst), form},
          {"low_rank_scores_of_a_frozen_weight", ToyModel::ffn_out, pst, form},
          {"entry_scores", ToyModel::ffn_in, scored(entries)},
          {"entry_scores_of_a_frozen_weight", ToyModel::ffn_in, entries},
          {"block_scores", ToyModel::attention_out, scored(blocks)},
          {"row_scores", ToyModel::ffn_in,
           scored([](ToyModel& model, nn::Linear& linear) { add_line_scores(model, linear, 0); })},
          {"column_scores", ToyModel::ffn_out,
           scored([](ToyModel& model, nn::Linear& linear) { add_line_scores(model, linear, 1); })}};
}

inline std::vector<MadeWeight> made_gates() {
  const auto gated = [](bool updates) {
    return [=](ToyModel& model, nn::Linear& linear) {
      train_weight(model, linear);
      if (updates) add_update(model, linear, 0);
      add_gates(model, linear);
    };
  };
  return {{"gates", ToyModel::attention_out, gated(false)},
          {"gates_over_an_update", ToyModel::attention_out, gated(true)}};
}

inline std::vector<MadeWeight> made_weights() {
  std::vector<MadeWeight> all;
  for (const auto& some : {made_masks(), made_learned_masks(), made_mixtures(), made_gates()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

/// The linear of a case: bias trained, nothing that trains at 0, masks made.
struct Made {
  ToyModel model;
  nn::Linear& linear;

  explicit Made(const MadeWeight& made, ToySizes sizes = {}) : model(sizes), linear(model.linear(0, made.member)) {
    model.parameters().set_role(*linear.bias(), nn::Role::trainable);
    made.make(model, linear);
    for (const nn::ParameterPtr& parameter : linear.added_parameters())
      if (parameter->trainable() && parameter->value().detach().eq(0).all().item<bool>())
        parameter->value().detach().copy_(drawn_for(linear, parameter->name, parameter->logical_shape));
    adapt::set_mask_levels(model, kMaskLevel);
    adapt::refresh_masks(model, *dist::make_single());
  }
};

}  // namespace filigree::test
