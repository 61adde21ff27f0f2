#pragma once
// The recipe keys with fixed choices, as enums: the values, and the word that a recipe writes for each. model.task is
// core/task.h; data.format, data.task and prune.score are registered names (catalog.h).
#include "core/enum_names.h"

namespace filigree::recipe {

/// model.init
enum class InitialWeights { pretrained, random };
constexpr std::array<EnumName<InitialWeights>, 2> enum_names(InitialWeights) {
  return {{{InitialWeights::pretrained, "pretrained"}, {InitialWeights::random, "random"}}};
}

/// model.reset_head: what happens to a task head that does not fit the task's labels (another number of classes, other
/// names, another kind of model).
enum class ResetHead {
  automatic,  ///< a new head replaces it
  always,     ///< a new head, even if the file's head fits
  never,      ///< an error
};
constexpr std::array<EnumName<ResetHead>, 3> enum_names(ResetHead) {
  return {{{ResetHead::automatic, "auto"}, {ResetHead::always, "true"}, {ResetHead::never, "false"}}};
}

/// data.bad_rows
enum class BadRows { error, skip };
constexpr std::array<EnumName<BadRows>, 2> enum_names(BadRows) {
  return {{{BadRows::error, "error"}, {BadRows::skip, "skip"}}};
}

/// parallel.device
enum class Device { automatic, cpu, cuda };
constexpr std::array<EnumName<Device>, 3> enum_names(Device) {
  return {{{Device::automatic, "auto"}, {Device::cpu, "cpu"}, {Device::cuda, "cuda"}}};
}

/// parallel.backend
enum class Backend { automatic, single, mpi, nccl };
constexpr std::array<EnumName<Backend>, 4> enum_names(Backend) {
  return {{{Backend::automatic, "auto"}, {Backend::single, "single"}, {Backend::mpi, "mpi"}, {Backend::nccl, "nccl"}}};
}

/// parallel.precision
enum class Precision { automatic, fp32, bf16 };
constexpr std::array<EnumName<Precision>, 3> enum_names(Precision) {
  return {{{Precision::automatic, "auto"}, {Precision::fp32, "fp32"}, {Precision::bf16, "bf16"}}};
}

/// parallel.grad_dtype
enum class GradDtype { fp32, bf16 };
constexpr std::array<EnumName<GradDtype>, 2> enum_names(GradDtype) {
  return {{{GradDtype::fp32, "fp32"}, {GradDtype::bf16, "bf16"}}};
}

/// train.optimizer
enum class Optimizer { adamw };
constexpr std::array<EnumName<Optimizer>, 1> enum_names(Optimizer) { return {{{Optimizer::adamw, "adamw"}}}; }

/// train.schedule: the learning rate after the warm-up (core/optim/schedule.h)
enum class LrSchedule { linear, cosine, constant };
constexpr std::array<EnumName<LrSchedule>, 3> enum_names(LrSchedule) {
  return {{{LrSchedule::linear, "linear"}, {LrSchedule::cosine, "cosine"}, {LrSchedule::constant, "constant"}}};
}

/// prune.structure
enum class Structure { heads, ffn };
constexpr std::array<EnumName<Structure>, 2> enum_names(Structure) {
  return {{{Structure::heads, "heads"}, {Structure::ffn, "ffn"}}};
}

/// prune.scope
enum class PruneScope { layer, matrix, global };
constexpr std::array<EnumName<PruneScope>, 3> enum_names(PruneScope) {
  return {{{PruneScope::layer, "layer"}, {PruneScope::matrix, "matrix"}, {PruneScope::global, "global"}}};
}

/// prune.mask of unstructured pruning: mask * W0 + D or mask * (W0 + D)
enum class PruneMask { base, merged };
constexpr std::array<EnumName<PruneMask>, 2> enum_names(PruneMask) {
  return {{{PruneMask::base, "base"}, {PruneMask::merged, "merged"}}};
}

/// prune.schedule: how the share that is removed grows over the rounds (core/prune/schedule.h)
enum class PruneSchedule { linear, cubic };
constexpr std::array<EnumName<PruneSchedule>, 2> enum_names(PruneSchedule) {
  return {{{PruneSchedule::linear, "linear"}, {PruneSchedule::cubic, "cubic"}}};
}

/// export.dtype: of the weights in the files (core/export/export.h)
enum class ExportDtype { automatic, fp32, bf16 };
constexpr std::array<EnumName<ExportDtype>, 3> enum_names(ExportDtype) {
  return {{{ExportDtype::automatic, "auto"}, {ExportDtype::fp32, "fp32"}, {ExportDtype::bf16, "bf16"}}};
}

/// export.format (core/export/export.h)
enum class ExportFormat { hf, hf_pruned, filigree };
constexpr std::array<EnumName<ExportFormat>, 3> enum_names(ExportFormat) {
  return {{{ExportFormat::hf, "hf"}, {ExportFormat::hf_pruned, "hf_pruned"}, {ExportFormat::filigree, "filigree"}}};
}

}  // namespace filigree::recipe
