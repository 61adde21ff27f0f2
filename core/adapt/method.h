#pragma once
// A method decides what is trained. It is one class with a few hooks; a recipe's stage selects it. The trainer calls:
//
//   detach          of the method of an earlier stage, before attach
//   attach          once, when the stage starts: adds parameters, sets roles
//   read_gradients  before a step for which gradient_batches() is not 0
//   before_step     before each forward pass of a step
//   refresh         when a stage starts, after each update and after each prune
//   after_backward  after the gradients of a step are summed over all ranks, before clipping and the optimizer; they are
//                   sums over the losses of the batch, not means
//   before_update   after the norm of the gradients is measured for clipping
//   moving          for the optimizer: the entries that may change
//   ends_stage      after each update
//
// What a hook does may depend only on the parameters, the step and what attach() got: a resumed run calls the hooks of the
// steps that are left. A method keeps its state in buffers of the parameter table, which checkpoints contain.
//
// attach must be reproducible: with the same base weights, seed and options it creates the same parameters in
// the same order on any number of ranks. On resume it is called again, and the checkpoint then overwrites the
// values, including supports.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/nn/adapter.h"
#include "core/nn/model.h"
#include "core/nn/weight_gradients.h"
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

/// Where a stage is when a hook is called.
struct Step {
  int64_t step = 0;           ///< updates done in the stage
  int64_t steps = 1;          ///< updates of the whole stage
  bool attached = true;       ///< the method was attached in this stage; false: an earlier stage's is trained further
  dist::Communicator& ranks;  ///< all ranks, to distribute work over
  dist::Communicator& tp;     ///< ranks that share one copy of the model
  double losses = 1;          ///< number of losses that the gradients are summed over, once they are summed
};

class Method {
 public:
  virtual ~Method() = default;
  /// Throws recipe::KeyError for options that do not fit the model; a key is the name of an option.
  virtual void attach(nn::Model& model, const AttachContext& context) = 0;
  /// Called before a run starts, after attach() to a model that has shapes but no values. Throws KeyError for options
  /// that attach() accepts but that no new run should have.
  virtual void check(nn::Model&) {}
  virtual int64_t gradient_batches(const Step&) const { return 0; }
  /// Whether read_gradients() chooses the positions of S2, whose values are 0 until then.
  virtual bool places_entries() const { return false; }
  /// Frozen weights are whole here. Collective.
  virtual void read_gradients(nn::Model&, const Step&, const nn::GradientBatches&) {}
  virtual void before_step(nn::Model&, const Step&) {}
  virtual void after_backward(nn::Model&, const Step&) {}
  virtual void before_update(nn::Model&, const Step&) {}
  virtual std::vector<nn::EntryMask> moving(nn::Model&, const Step&) const { return {}; }
  /// Makes what follows from the parameters and the step. Called when a stage starts, after each update and after each
  /// prune. Collective over step.tp.
  virtual void refresh(nn::Model&, const Step&) {}
  /// Whether an evaluation after `step` may become the best: not before the final sparsity.
  virtual bool counts_for_best(const Step&) const { return true; }
  /// Whether the stage ends after `step`, although it has steps left. The same on all ranks.
  virtual bool ends_stage(nn::Model&, const Step&) const { return false; }
  /// Called before another method is attached: removes what that method should not train further.
  virtual void detach(nn::Model&) {}
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

/// dsee, lora, pst, full, bitfit, head (only the task head).
Registry builtin_methods();

}  // namespace filigree::adapt
