#include "core/parallel/step_comm.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "core/parallel/linear_passes.h"

namespace filigree::train {
namespace {

/// As if everything trained.
std::vector<LinearPass> full_passes(nn::Model& model, bool recompute) {
  std::vector<LinearPass> passes = linear_passes(model, recompute);
  for (LinearPass& pass : passes) {
    pass.input_gradient = true;
    pass.again = recompute && pass.layer != LinearPass::kHead;
  }
  return passes;
}

/// The sums on the tensor-parallel axis: of the rows of a split embedding; after each linear that is split by its
/// inputs; in the backward pass, of the input of each block. A decoder sharded over the vocabulary adds its input's
/// gradient and three numbers per predicted token.
void add_activations(nn::Model& model, const std::vector<LinearPass>& passes, const CommLayout& layout,
                     const StepWork& work, CommBytes& comm) {
  const auto bytes = [&](double rows, int64_t width) {
    return static_cast<uint64_t>(rows * static_cast<double>(width * layout.element));
  };
  std::map<const nn::Linear*, LinearPass> pass_of;
  for (const LinearPass& pass : passes) pass_of[pass.linear] = pass;
  for (const nn::Embedding* table : model.embeddings())
    if (table->weight()->placement.split(0)) comm["tp.forward"] += bytes(work.tokens, table->weight()->size(1));
  for (const nn::StructureGroup& group : model.structures()) {
    const nn::Linear& first = *group.members.front().linear;
    if (pass_of.at(&first).input_gradient) comm["tp.backward"] += bytes(work.tokens, first.in_features());
    for (const nn::StructureMember& member : group.members)
      if (member.dim == 1)
        comm["tp.forward"] +=
            (pass_of.at(member.linear).again ? 2 : 1) * bytes(work.tokens, member.linear->out_features());
  }
  for (const LinearPass& pass : passes) {
    if (pass.layer != LinearPass::kHead || !pass.linear->weight()->placement.split(0)) continue;
    comm["tp.forward"] += static_cast<uint64_t>(work.predicted * 3 * sizeof(float));
    if (pass.input_gradient) comm["tp.backward"] += bytes(work.predicted, pass.linear->in_features());
  }
}

/// This rank's elements of the base model.
int64_t base_elements(nn::Model& model) {
  const auto updates = update_parameters(model);
  const std::set<const nn::Parameter*> skipped(updates.begin(), updates.end());
  int64_t elements = 0;
  for (const nn::ParameterPtr& parameter : model.parameters()) {
    const bool weight = parameter->role == nn::Role::trainable || parameter->role == nn::Role::frozen;
    if (weight && !skipped.contains(parameter.get())) elements += parameter->numel();
  }
  return elements;
}

CommBytes comm_of(nn::Model& model, const std::vector<LinearPass>& passes, int64_t trained, const CommLayout& layout,
                  const StepWork& work) {
  CommBytes comm;
  if (layout.data * layout.tensor > 1) comm["world.other"] = kCounterBytes;
  if (layout.data > 1) comm["dp.gradients"] = layout.gradient * static_cast<uint64_t>(trained);
  if (layout.tensor == 1) return comm;
  comm["tp.other"] = sizeof(double);  // the gradient norm
  add_activations(model, passes, layout, work, comm);
  return comm;
}

}  // namespace

CommBytes step_comm(nn::Model& model, const CommLayout& layout, const StepWork& work) {
  CommBytes comm =
      comm_of(model, linear_passes(model, work.recompute), count_elements(model).trainable_here, layout, work);
  if (layout.tensor == 1) return comm;
  for (const nn::ParameterPtr& parameter : model.parameters())
    if (parameter->trainable() && parameter->partial_gradient)
      comm["tp.gradients"] += 4 * static_cast<uint64_t>(parameter->numel());
  return comm;
}

CommBytes full_step_comm(nn::Model& model, const CommLayout& layout, const StepWork& work) {
  return comm_of(model, full_passes(model, work.recompute), base_elements(model), layout, work);
}

}  // namespace filigree::train
