#pragma once
// A method decides what is trained. It is one class with four hooks; a recipe's stage selects it. The trainer calls:
//
//   attach          once, when the stage starts: adds parameters, sets roles
//   before_step     before each forward pass of a step
//   after_backward  after the gradients of a step are summed over all ranks, before clipping and the optimizer
//   finish          after the stage's last step
//
// attach must be reproducible: with the same base weights, seed and options it creates the same parameters in
// the same order on any number of ranks. On resume it is called again, and the checkpoint then overwrites the
// values, including supports.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/nn/adapter.h"
#include "core/nn/model.h"
#include "core/recipe/catalog.h"
#include "dist/communicator.h"

namespace filigree::adapt {

struct AttachContext {
  uint64_t seed = 0;
  dist::Communicator& ranks;  ///< to distribute work over (GreBsmo); results are the same on every rank
  dist::Communicator& tp;     ///< ranks that share one copy of the model
  bool resume = false;        ///< true: values will be overwritten; skip costly searches
  /// Where rank 0 reports warnings for the user (the run's log); unset: stderr.
  std::function<void(const std::string&)> warn = nullptr;
};

class Method {
 public:
  virtual ~Method() = default;
  /// Throws recipe::KeyError for options that do not fit the model; a key is the name of an option.
  virtual void attach(nn::Model& model, const AttachContext& context) = 0;
  /// Called before a run starts, after attach() to a model that has shapes but no values. Throws KeyError for options
  /// that attach() accepts but that no new run should have.
  virtual void check(nn::Model&) {}
  virtual void before_step(nn::Model&, int64_t /*step*/) {}
  virtual void after_backward(nn::Model&, int64_t /*step*/) {}
  virtual void finish(nn::Model&) {}
  virtual std::string name() const = 0;
};

/// Name → options struct and factory. Passed down from main; no global.
class Registry {
 public:
  using Make = std::function<std::unique_ptr<Method>(const recipe::MethodOptions&)>;
  void add(const std::string& name, const std::string& help, recipe::MethodCatalog::Make options, Make make);
  /// Registers a method M that is constructed from its Options.
  template <class Options, class M>
  void add(const std::string& name, const std::string& help) {
    add(
        name, help, [] { return std::make_shared<Options>(); },
        [](const recipe::MethodOptions& options) {
          return std::make_unique<M>(dynamic_cast<const Options&>(options));
        });
  }
  std::unique_ptr<Method> make(const recipe::MethodConfig& config) const;  ///< throws UsageError for an unknown name
  const recipe::MethodCatalog& catalog() const { return catalog_; }

 private:
  recipe::MethodCatalog catalog_;
  std::map<std::string, Make> makers_;
};

/// dsee, lora, full, bitfit, head (only the task head).
Registry builtin_methods();

}  // namespace filigree::adapt
