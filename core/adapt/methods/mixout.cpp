#include "core/adapt/methods/mixout.h"

#include <utility>

#include "core/adapt/methods/whole.h"
#include "core/adapt/mixture.h"
#include "core/random.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

class Mixout : public Method {
 public:
  explicit Mixout(MixoutOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "mixout"; }

  void attach(nn::Model& model, const AttachContext& context) override {
    seed_ = context.seed;
    train_all(model, options_.freeze);
    refuse_updated(model);
    for (nn::Linear* linear : trained_linears(model))
      add_mixture(model.parameters(), *linear, {options_.probability, options_.exact_gradient});
  }

  void before_step(nn::Model& model, const Step& step) override {
    for (const nn::Linear* linear : model.linears())
      if (Mixture* mixture = mixture_of(*linear))
        mixture->mix(draw_columns(*linear, random::stream(seed_, "mixout", random::hash(linear->name()), step.step),
                                  options_.probability));
  }

  void refresh(nn::Model& model, const Step&) override {
    for (const nn::Linear* linear : model.linears())
      if (Mixture* mixture = mixture_of(*linear)) mixture->mix({});
  }

  void detach(nn::Model& model) override {
    for (nn::Linear* linear : model.linears()) remove_mixture(model.parameters(), *linear);
  }

 private:
  MixoutOptions options_;
  uint64_t seed_ = 0;
};

}  // namespace

void MixoutOptions::describe(recipe::Schema& schema) {
  schema.field("probability", probability, "probability of the pretrained weight, for each column and step",
               recipe::from(0).below(1));
  schema.field("exact_gradient", exact_gradient, "gradient of the mixed weight; false: without 1/(1-p), as published");
  schema.field("freeze", freeze, "parts of the model to keep frozen, by words in parameter names, such as embeddings")
      .patterns();
}

void add_mixout(Registry& registry) {
  registry.add<MixoutOptions, Mixout>("mixout", "train all parameters, mixed with the pretrained ones at random");
}

}  // namespace filigree::adapt
