#include "core/adapt/methods/full_bitfit_head.h"

#include <utility>

#include "core/adapt/methods/targets.h"
#include "core/adapt/methods/whole.h"
#include "core/name_pattern.h"
#include "core/recipe/key_error.h"
#include "core/recipe/schema.h"

namespace filigree::adapt {
namespace {

class Full : public Method {
 public:
  explicit Full(FullOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "full"; }

  void attach(nn::Model& model, const AttachContext&) override { train_all(model, options_.freeze); }

 private:
  FullOptions options_;
};

class Bitfit : public Method {
 public:
  explicit Bitfit(BitfitOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "bitfit"; }

  void attach(nn::Model& model, const AttachContext&) override {
    train_modules(model, options_.modules, [](const std::string& module, const std::string& parameter) {
      return names(module + ".bias", parameter);
    });
  }

 private:
  BitfitOptions options_;
};

class Head : public Method {
 public:
  explicit Head(const HeadOptions&) {}
  std::string name() const override { return "head"; }
  void attach(nn::Model& model, const AttachContext&) override { set_trainable(model, in_head(model)); }
};

}  // namespace

void FullOptions::describe(recipe::Schema& schema) {
  schema.field("freeze", freeze, "parts of the model to keep frozen, by words in parameter names, such as embeddings")
      .patterns();
}

void BitfitOptions::describe(recipe::Schema& schema) {
  schema.field("modules", modules, "modules whose biases are trained, by the last words of their names; empty: all")
      .patterns();
}

void HeadOptions::describe(recipe::Schema&) {}

void add_subset_methods(Registry& registry) {
  registry.add<FullOptions, Full>("full", "train all parameters");
  registry.add<BitfitOptions, Bitfit>("bitfit", "train the biases and the task head");
  registry.add<HeadOptions, Head>("head", "train only the task head");
}

}  // namespace filigree::adapt
