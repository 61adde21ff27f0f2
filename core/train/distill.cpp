#include "core/train/distill.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <filesystem>

#include "core/checkpoint/safetensors.h"
#include "core/error.h"
#include "core/to_device.h"
#include "core/train/evaluate.h"
#include "core/train/evaluate_and_log.h"
#include "core/train/first_rank.h"
#include "core/train/snapshot.h"

namespace filigree::train {

namespace {

at::Tensor read_teacher_logits(const Session& session) {
  const std::string path = teacher_cache(session.run_dir);
  if (!std::filesystem::exists(path))
    throw DataError(
        fmt::format("{}: the adapted model's logits are missing, which `distill` needs; they are written by the "
                    "prune stage before it. Run the recipe from its start, or remove `distill`",
                    path));
  const auto reader = checkpoint::SafetensorsReader::open(path);
  const auto data = reader.metadata().find("data");
  if (data == reader.metadata().end() || data->second != data_hash(session))
    throw DataError(fmt::format("{}: was made for another training set than this recipe's", path));
  return reader.read("logits");
}

}  // namespace

std::string teacher_cache(const std::string& run_dir) { return run_dir + "/cache/teacher-logits.safetensors"; }

void cache_teacher_logits(Session& session) {
  const auto logits = all_logits(*session.model, session.train_data, eval_options(session), session.mesh->dp());
  on_first_rank(session, [&] {
    const std::string path = teacher_cache(session.run_dir);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    checkpoint::write_safetensors(path + ".tmp", {{"logits", logits}}, {{"data", data_hash(session)}});
    std::filesystem::rename(path + ".tmp", path);
  });
}

Distiller::Distiller(Session& session, recipe::DistillConfig config)
    : config_(config), regression_(session.model->task() == nn::Task::regression) {
  if (nn::is_over_tokens(session.model->task()))
    throw UsageError(
        fmt::format("distill: works for classification and regression, not for {}; remove it from the recipe",
                    nn::to_string(session.model->task())));
  teacher_ = at::zeros({session.train_data.size(), session.model->num_labels()}, at::kFloat);
  on_first_rank(session, [&] { teacher_ = read_teacher_logits(session); });
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
