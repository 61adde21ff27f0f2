#include "core/train/distill.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <c10/core/ScalarType.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "core/data/to_device.h"
#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/hash.h"
#include "core/run/rank_zero.h"
#include "core/safetensors/safetensors.h"
#include "core/train/evaluate.h"
#include "core/train/evaluate_and_log.h"

namespace filigree::train {

namespace {

constexpr const char* kAdvice =
    "Resume from a checkpoint before the prune stage with --resume PATH, which computes them again, or start over with "
    "another --out";

const Teacher& named_teacher(const RunState& state) {
  if (!state.teacher)
    throw DataError(
        fmt::format("distill: the run's state names no logits of the adapted model. A prune stage before this one "
                    "computes them; checkpoints before version 3 do not name them. {}",
                    kAdvice));
  return *state.teacher;
}

at::Tensor read_teacher_logits(const Session& session) {
  const Teacher& teacher = named_teacher(session.state);
  const std::string path = teacher_file(session.run_dir, teacher);
  const std::string stage = session.recipe.stages.at(static_cast<size_t>(teacher.stage)).name;
  const auto refuse = [&](const std::string& problem) {
    throw DataError(fmt::format("{}: the adapted model's logits from before stage {}, which `distill` needs, {}. {}",
                                path, stage, problem, kAdvice));
  };
  if (!std::filesystem::exists(path)) refuse("are missing");
  if (files::hash_file(path).xxh3 != teacher.xxh3) refuse("do not match their checksum: they are damaged");
  const auto reader = checkpoint::SafetensorsReader::open(path);
  const std::vector<int64_t> wanted{session.train_data.size(), session.model->num_labels()};
  if (!reader.contains("logits")) refuse("are not in it");
  const auto& info = reader.info("logits");
  if (info.shape != wanted || info.dtype != at::kFloat)
    refuse(fmt::format("have shape {} and type {}, not {} and Float", fmt::join(info.shape, "x"),
                       at::toString(info.dtype), fmt::join(wanted, "x")));
  return reader.read("logits");
}

}  // namespace

void cache_teacher_logits(Session& session) {
  const auto logits = all_logits(*session.model, session.train_data, eval_options(session), session.mesh->dp());
  Teacher teacher{session.state.stage, fmt::format("teacher-logits-stage{}.safetensors", session.state.stage), ""};
  on_rank_zero(session.mesh->world(), [&] {
    const std::string path = teacher_file(session.run_dir, teacher), aside = path + ".tmp";
    const std::string folder = session.store->run().folder(files::run_names::kCache);
    checkpoint::write_safetensors(aside, {{"logits", logits}});
    teacher.xxh3 = files::hash_file(aside).xxh3;
    std::filesystem::rename(aside, path);
    files::sync_directory(folder);
  });
  teacher.xxh3 = session.mesh->world().broadcast_text(teacher.xxh3);
  session.state.teacher = teacher;
}

Distiller::Distiller(Session& session, recipe::DistillConfig config)
    : config_(config), regression_(session.model->task() == Task::regression) {
  if (is_over_tokens(session.model->task()))
    throw UsageError(
        fmt::format("distill: works for classification and regression, not for {}; remove it from the recipe",
                    enum_name(session.model->task())));
  teacher_ = at::zeros({session.train_data.size(), session.model->num_labels()}, at::kFloat);
  on_rank_zero(session.mesh->world(), [&] { teacher_ = read_teacher_logits(session); });
  teacher_ = teacher_.to(session.device).contiguous();
  session.mesh->world().broadcast(teacher_);
}

at::Tensor Distiller::loss_sum(const nn::Output& output, const data::Batch& batch) const {
  auto rows = to_device(at::tensor(batch.samples, at::kLong), teacher_.device());
  auto teacher = teacher_.index_select(0, rows);
  if (regression_)
    return output.loss_sum * (1 - config_.weight) + (teacher - output.logits).square().sum() * config_.weight;
  const double t = config_.temperature;
  auto target = at::log_softmax(teacher / t, -1);
  auto student = at::log_softmax(output.logits / t, -1);
  auto divergence = (target.exp() * (target - student)).sum();
  return output.loss_sum * (1 - config_.weight) + divergence * (config_.weight * t * t);
}

}  // namespace filigree::train
