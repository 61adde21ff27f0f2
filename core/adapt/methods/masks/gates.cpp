#include "core/adapt/methods/masks/gates.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <memory>
#include <utility>

#include "core/adapt/followers.h"
#include "core/adapt/gate_draws.h"
#include "core/adapt/methods/updates.h"
#include "core/adapt/methods/whole.h"
#include "core/nn/column_gates.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

constexpr const char* kDraws = "gates.draws";  // uint8 [draws, units]
constexpr const char* kState = "gates.state";  // int64: the step of the last draw; 1 when the draws have become alike

void add_gates_to(nn::Model& model, const nn::StructureGroup& group, double lr_ratio) {
  for (const nn::StructureMember& member : group.members) {
    if (member.dim != 1) continue;
    nn::Linear& linear = *member.linear;
    refuse_masked(linear);
    const auto options = at::TensorOptions(at::kFloat).device(linear.weight()->device());
    const nn::ParameterPtr gates = add_follower(model.parameters(), linear, "gates", at::ones({group.left()}, options),
                                                nn::Role::trainable, -1, 0, group.unit);
    gates->lr_scale = lr_ratio;
    linear.set_transform(std::make_shared<nn::ColumnGates>(gates, group.unit));
  }
}

class Gates : public Method {
 public:
  explicit Gates(GatesOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "gates"; }

  void attach(nn::Model& model, const AttachContext&) override {
    train_all(model, options_.freeze);
    int64_t units = 0;
    for (const nn::StructureGroup& group : model.structures()) {
      add_gates_to(model, group, options_.gate_lr_ratio);
      units += group.left();
    }
    if (!options_.may_end_early()) return;
    model.parameters().add(kDraws, at::zeros({options_.draws, units}, at::kByte), nn::Role::buffer);
    model.parameters().add(kState, at::zeros({2}, at::kLong), nn::Role::buffer);
  }

  void detach(nn::Model& model) override {
    const at::NoGradGuard no_grad;
    for (nn::Linear* linear : model.linears()) {
      const nn::ColumnGates* gates = nn::column_gates(*linear);
      if (!gates) continue;
      const nn::ParameterPtr of_units = gates->gates();
      linear->weight()->value().copy_(gates->apply(linear->weight()->value()));
      linear->set_transform(nullptr);
      linear->leave(*of_units);
      model.parameters().remove(of_units->name);
    }
    for (const char* buffer : {kDraws, kState})
      if (model.parameters().find(buffer)) model.parameters().remove(buffer);
  }

  void after_backward(nn::Model& model, const Step& step) override {
    const at::NoGradGuard no_grad;
    for (const nn::Linear* linear : model.linears())
      if (const nn::ColumnGates* gates = nn::column_gates(*linear))
        gates->gates()->value().mutable_grad().add_(gates->gates()->value().sign(), options_.penalty * step.losses);
  }

  void refresh(nn::Model& model, const Step& step) override {
    const nn::ParameterPtr state = model.parameters().find(kState), draws = model.parameters().find(kDraws);
    if (!state || !step.attached || step.step == 0 || step.step % options_.draw_every != 0) return;
    const at::NoGradGuard no_grad;
    auto* last = state->value().data_ptr<int64_t>();
    if (last[0] == step.step) return;  // a resumed run has drawn here
    const at::Tensor drawn = draw_units(model, {options_.heads, options_.ffn}, step.tp);
    if (drawn.numel() != draws->value().size(1)) return;  // units were removed since
    const double distance = push_draw(draws->value(), drawn);
    last[0] = step.step;
    last[1] = step.step > options_.draw_every * options_.draws && distance <= options_.stop_distance ? 1 : 0;
  }

  bool ends_stage(nn::Model& model, const Step& step) const override {
    const nn::ParameterPtr state = model.parameters().find(kState);
    return state && step.attached && state->value().data_ptr<int64_t>()[1] == 1;
  }

 private:
  GatesOptions options_;
};

}  // namespace

void GatesOptions::describe(recipe::Schema& schema) {
  const auto stops = [this] { return may_end_early(); };
  schema.field("penalty", penalty, "factor of the sum of the gates' absolute values in the loss",
               recipe::from(0).to(1e9));
  schema.field("gate_lr_ratio", gate_lr_ratio, "learning rate of the gates, as a multiple of the recipe's",
               recipe::above(0).to(1e6));
  schema.field("stop_distance", stop_distance,
               "the stage ends when the heads and neurons with the lowest gates differ from those of each of the last "
               "draws in at most this share; 0: it trains all its steps",
               recipe::from(0).below(1));
  schema.field("draw_every", draw_every, "steps between two draws", recipe::from(1).to(1e6))
      .only("stop_distance", "is above 0", stops);
  schema.field("draws", draws, "draws that must be alike", recipe::from(1).to(1000))
      .only("stop_distance", "is above 0", stops);
  schema.field("heads", heads, "share of each layer's heads in a draw", recipe::from(0).below(1))
      .only("stop_distance", "is above 0", stops);
  schema.field("ffn", ffn, "share of all FFN neurons in a draw", recipe::from(0).below(1))
      .only("stop_distance", "is above 0", stops);
  schema.field("freeze", freeze, "parts of the model to keep frozen, by words in parameter names, such as embeddings")
      .patterns();
}

void add_gates(Registry& registry) {
  registry.add<GatesOptions, Gates>("gates",
                                    "train all parameters and a gate per head and neuron, for a prune by gates");
}

}  // namespace filigree::adapt
