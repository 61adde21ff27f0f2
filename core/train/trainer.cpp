#include "core/train/trainer.h"

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include "core/counted.h"
#include "core/data/collate.h"
#include "core/data/to_device.h"
#include "core/error.h"
#include "core/log/records.h"
#include "core/nn/weight_transform.h"
#include "core/optim/adamw.h"
#include "core/parallel/precision.h"
#include "core/parallel/step_comm.h"
#include "core/random.h"
#include "core/run/state/pins.h"
#include "core/run/state/snapshot.h"
#include "core/run/steps.h"
#include "core/train/evaluate_and_log.h"
#include "core/train/gradient_batches.h"
#include "core/train/stages/prune.h"
#include "core/train/step_of.h"

namespace filigree::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

}  // namespace

Trainer::Trainer(Session& session, const recipe::StageConfig& stage)
    : session_(session),
      stage_(stage),
      config_(*stage.train),
      sampler_(session.train_data.size(), config_.batch_size,
               random::stream(static_cast<uint64_t>(session.recipe.seed), "order", session.state.stage)),
      lengths_(session.train_data.lengths()),
      last_save_(Clock::now()) {
  total_steps_ = stage_steps(config_, session.train_data.size());
  schedule_ = {config_.schedule, config_.lr, warmup_steps(config_, total_steps_), total_steps_};
  optimizer_ = std::make_unique<optim::AdamW>(
      session.model->parameters(),
      optim::AdamWOptions{config_.beta1, config_.beta2, config_.eps, config_.weight_decay});
  make_buckets();
  for (const auto& extent : optimizer_->extents()) session.state.touched.insert(extent.parameter->name);
  if (config_.distill) distiller_ = std::make_unique<Distiller>(session, *config_.distill);
}

Trainer::~Trainer() = default;

void Trainer::make_buckets() {
  const auto& parallel = session_.recipe.parallel;
  dist::BucketOptions options;
  options.bucket_bytes = static_cast<int64_t>(parallel.bucket_mb * 1024 * 1024);
  options.dtype = scalar_type(parallel.grad_dtype);
  options.additions = additions();
  buckets_ = std::make_unique<dist::GradBuckets>(optimizer_->leaves(), session_.mesh->dp(), options);
}

/// A parameter of several transforms gets its gradient from each of them in turn.
std::vector<int> Trainer::additions() const {
  std::map<const nn::Parameter*, int> users;
  for (const nn::Linear* linear : session_.model->linears())
    if (linear->transform())
      for (const nn::ParameterPtr& parameter : linear->transform()->parameters()) ++users[parameter.get()];
  std::vector<int> additions;
  for (const optim::Extent& extent : optimizer_->extents())
    additions.push_back(std::max(1, users[extent.parameter.get()]));
  return additions;
}

void Trainer::shard_frozen() {
  if (session_.recipe.parallel.shard_frozen && session_.mesh->data_parallel() > 1)
    shards_ = std::make_unique<FrozenShards>(*session_.model, session_.mesh->dp());
}

void Trainer::unshard_frozen() {
  if (shards_) shards_->restore();
  shards_ = nullptr;
}

/// Of the mesh's groups and of the group that gathers frozen weights.
CommBytes Trainer::sent() const {
  CommBytes bytes = comm_bytes(*session_.mesh);
  if (shards_)
    for (const auto& [phase, some] : shards_->group().bytes_by_phase()) bytes["dp." + phase] += some;
  return bytes;
}

Outcome Trainer::train() {
  auto& state = session_.state;
  check_space(session_, *optimizer_);
  shard_frozen();
  session_.method->refresh(*session_.model, step());
  session_.log->begin_stage(stage_.name, total_steps_, state.stage_step);
  if (state.evaluation_due && evaluate()) save(true);
  if (state.stage_step > 0) pin_if_due(session_, [this] { save(false); });
  while (!ended()) {
    const auto start = Clock::now();
    prune_if_due();
    read_gradients_if_due();
    const StepReport report = train_step();
    ++state.stage_step;
    ++state.global_step;
    session_.method->refresh(*session_.model, step());
    const double seconds = seconds_since(start);
    log_step(report, seconds);
    if (on_step) on_step(report, seconds);
    const bool improved = evaluate_if_due();
    const bool due = session_.recipe.checkpoint.every > 0 && state.global_step % session_.recipe.checkpoint.every == 0;
    if (improved || due || report.save || report.stop) save(improved);
    pin_if_due(session_, [this] { save(false); });
    if (report.stop) {
      session_.stop->ignore();
      return Outcome::stopped;
    }
  }
  if (state.stage_step < total_steps_)
    session_.log->info("stage {}: {} ends it after {}", stage_.name, session_.method->name(),
                       counted(state.stage_step, "step"));
  unshard_frozen();
  session_.log->end_stage();
  return Outcome::finished;
}

bool Trainer::ended() const {
  return session_.state.stage_step >= total_steps_ || session_.method->ends_stage(*session_.model, step());
}

StepReport Trainer::train_step() {
  auto& state = session_.state;
  if (shards_) shards_->drop();
  const CommBytes before = sent();
  const auto global_batch = sampler_.batch(state.stage_step);

  session_.method->before_step(*session_.model, step());
  buckets_->zero();
  counts_ = {at::zeros({1}, at::TensorOptions().dtype(at::kDouble).device(session_.device))};
  {
    const dist::PhaseScope counted(session_.mesh->dp(), "gradients");
    forward_backward(global_batch);
    buckets_->finish();
  }
  optimizer_->sum_partial(buckets_->flat(), session_.mesh->tp());

  StepReport report = reduce_counts();
  if (!std::isfinite(report.loss)) refuse_non_finite(report, global_batch);
  adapt::Step at = step();
  at.losses = std::max<double>(1.0, static_cast<double>(report.num_targets));
  session_.method->after_backward(*session_.model, at);

  const double scale = 1.0 / at.losses;
  report.grad_norm = optimizer_->grad_norm(buckets_->flat(), scale, session_.mesh->tp());
  if (!std::isfinite(report.grad_norm)) refuse_non_finite(report, global_batch);
  const double clip =
      config_.max_grad_norm > 0 ? std::min(1.0, config_.max_grad_norm / (report.grad_norm + 1e-6)) : 1.0;
  report.lr = schedule_.at(state.stage_step);
  session_.method->before_update(*session_.model, at);
  optimizer_->step(buckets_->flat(), scale, clip, report.lr, session_.method->moving(*session_.model, at));
  report.comm = difference(sent(), before);
  return report;
}

void Trainer::forward_backward(const std::vector<int64_t>& global_batch) {
  const auto& dp = session_.mesh->dp();
  const auto shares = data::share(global_batch, lengths_, dp.rank(), dp.size(), config_.gradient_accumulation);
  auto context = session_.forward_context(true);
  context.label_smoothing = config_.label_smoothing;
  context.recompute = config_.activation_checkpointing;
  const auto mask_epoch = static_cast<uint64_t>(sampler_.epoch(session_.state.stage_step)) + 1;
  for (size_t i = 0; i < shares.size(); ++i) {
    if (i + 1 == shares.size()) buckets_->arm();
    if (shares[i].empty()) {
      join_collectives(global_batch.front(), context, mask_epoch);
      continue;
    }
    const auto batch = to(data::collate(session_.train_data, shares[i], mask_epoch), session_.device);
    const auto output = session_.model->forward(batch, context);
    const auto loss = distiller_ ? distiller_->loss_sum(output, batch) : output.loss_sum;
    loss.backward();
    counts_.loss.add_(loss.detach().to(at::kDouble));
    counts_.num_targets += static_cast<double>(output.count);
    counts_.samples += static_cast<double>(batch.size());
    counts_.tokens += static_cast<double>(batch.tokens());
  }
}

/// A rank without samples still takes part in the gathers of the frozen weights.
void Trainer::join_collectives(int64_t sample, const nn::ForwardContext& context, uint64_t mask_epoch) {
  if (!shards_) return;
  const auto batch = to(data::collate(session_.train_data, {sample}, mask_epoch), session_.device);
  session_.model->forward(batch, context).loss_sum.mul(0).backward();
}

StepReport Trainer::reduce_counts() {
  const auto& checkpoint = session_.recipe.checkpoint;
  const bool due =
      session_.is_rank_zero() && checkpoint.minutes > 0 && seconds_since(last_save_) > checkpoint.minutes * 60;
  // The ranks that share a copy of the model have the same sums: count only those of the first one.
  const double is_reporter = session_.mesh->tp().rank() == 0 ? 1.0 : 0.0;
  auto counts =
      to_device(at::tensor({0.0, is_reporter * counts_.num_targets, is_reporter * counts_.samples,
                            is_reporter * counts_.tokens, session_.stop->received() ? 1.0 : 0.0, due ? 1.0 : 0.0},
                           at::kDouble),
                session_.device);
  if (is_reporter > 0) counts.narrow(0, 0, 1).copy_(counts_.loss);
  session_.mesh->world().all_reduce(counts);
  counts = counts.cpu();
  const double* value = counts.const_data_ptr<double>();
  StepReport report;
  report.num_targets = static_cast<int64_t>(value[1]);
  report.loss = value[0] / std::max(1.0, value[1]);
  report.samples = static_cast<int64_t>(value[2]);
  report.tokens = static_cast<int64_t>(value[3]);
  report.stop = value[4] > 0;
  report.save = value[5] > 0;
  return report;
}

/// The step is logged, so that the report of the run shows it, and is not made.
void Trainer::refuse_non_finite(const StepReport& report, const std::vector<int64_t>& samples) const {
  const auto& state = session_.state;
  const bool is_loss = !std::isfinite(report.loss);
  session_.log->record(TrainRecord{.stage = stage_.name,
                                   .step = state.global_step + 1,
                                   .stage_step = state.stage_step + 1,
                                   .loss = report.loss,
                                   .grad_norm = is_loss ? std::nullopt : std::optional(report.grad_norm),
                                   .not_finite = is_loss ? "loss" : "grad_norm"});
  throw DataError(
      fmt::format("stage {}: the {} became {} at step {} (before the update; the last checkpoint is untouched). "
                  "Samples of the batch: {}. Lower the learning rate, or inspect these samples",
                  stage_.name, is_loss ? "loss" : "gradient norm", is_loss ? report.loss : report.grad_norm,
                  state.stage_step + 1, session_.train_data.where(samples)));
}

void Trainer::prune_if_due() {
  if (!stage_.prune) return;
  auto& state = session_.state;
  while (state.prune_rounds < stage_.prune->steps &&
         state.stage_step >= round_step(*stage_.prune, state.prune_rounds, total_steps_)) {
    unshard_frozen();
    const auto records = prune_round(session_, stage_);
    optimizer_->rebuild(session_.model->parameters(), records);
    make_buckets();
    session_.method->refresh(*session_.model, step());
    shard_frozen();
  }
}

adapt::Step Trainer::step() const { return step_of(session_, stage_); }

void Trainer::read_gradients_if_due() {
  const int64_t batches = session_.method->gradient_batches(step());
  if (batches == 0) return;
  unshard_frozen();
  session_.method->read_gradients(*session_.model, step(),
                                  gradient_batches(session_, batches, config_.batch_size, "support"));
  shard_frozen();
}

void Trainer::log_step(const StepReport& report, double seconds) {
  const auto& state = session_.state;
  if (state.stage_step == 1) log_stage(report);
  session_.log->progress({state.stage_step, total_steps_, report.loss, report.tokens, seconds});
  if (state.stage_step % session_.recipe.log_every != 0 && !ended()) return;
  const double epoch = static_cast<double>(state.stage_step) / static_cast<double>(sampler_.batches_per_epoch());
  session_.log->record(TrainRecord{.stage = stage_.name,
                                   .step = state.global_step,
                                   .stage_step = state.stage_step,
                                   .epoch = epoch,
                                   .loss = report.loss,
                                   .lr = report.lr,
                                   .grad_norm = report.grad_norm,
                                   .tokens_per_s = static_cast<double>(report.tokens) / seconds,
                                   .step_ms = seconds * 1e3,
                                   .comm_bytes = static_cast<int64_t>(total(report.comm)),
                                   .comm = by_axis(report.comm)});
}

/// What full fine-tuning would exchange in the step that this rank has just made.
uint64_t Trainer::full_comm_bytes() const {
  const CommLayout layout{session_.mesh->data_parallel(), session_.mesh->tensor_parallel(),
                          static_cast<int64_t>(at::elementSize(session_.compute)),
                          at::elementSize(scalar_type(session_.recipe.parallel.grad_dtype))};
  const StepWork work{counts_.tokens, counts_.num_targets, config_.activation_checkpointing};
  return total(full_step_comm(*session_.model, layout, work));
}

void Trainer::log_stage(const StepReport& report) {
  const ElementCounts elements = count_elements(*session_.model);
  const uint64_t weights = elements.weight_bytes + (shards_ ? shards_->bytes() : 0);
  session_.log->record(StageRecord{.stage = stage_.name,
                                   .steps = total_steps_,
                                   .trainable = elements.trainable,
                                   .total = elements.total,
                                   .weight_bytes = static_cast<int64_t>(weights),
                                   .comm_bytes_per_step = static_cast<int64_t>(total(report.comm)),
                                   .full_comm_bytes_per_step = static_cast<int64_t>(full_comm_bytes())});
}

bool Trainer::evaluate_if_due() {
  const auto& state = session_.state;
  const int64_t every = session_.recipe.eval.every;
  const bool epoch_end = state.stage_step % sampler_.batches_per_epoch() == 0;
  const bool due = every > 0 ? state.global_step % every == 0 : epoch_end;
  if (!due && !ended()) return false;
  return evaluate();
}

/// The training up to here is kept if the loss is not finite, which all ranks find alike: the checkpoint is collective,
/// so an error of one rank (a full disk under its log) may not lead here. The weights of a model that has diverged are
/// not kept: earlier checkpoints are better.
bool Trainer::evaluate() {
  const auto keep = [this] {
    session_.state.evaluation_due = true;
    save(false);
    session_.log->info(
        "stage {}: the evaluation failed; the training until step {} is kept in a checkpoint, and "
        "--resume repeats the evaluation",
        stage_.name, session_.state.global_step);
  };
  try {
    const bool improved = evaluate_and_log(session_, stage_.name, session_.method->counts_for_best(step()), keep);
    session_.state.evaluation_due = false;
    return improved;
  } catch (const DivergedError& error) {
    refuse_diverged(error);
  }
}

/// The losses of its steps were finite, so the last update is the one to look at.
void Trainer::refuse_diverged(const DivergedError& error) {
  const int64_t step = session_.state.stage_step;
  if (step == 0) throw error;
  throw DivergedError(fmt::format(
      "stage {}: {}, after step {} (the last checkpoint is untouched). Samples of that step's batch: {}. Lower "
      "the learning rate, or inspect these samples",
      stage_.name, error.what(), step, session_.train_data.where(sampler_.batch(step - 1))));
}

void Trainer::save(bool best) {
  save_checkpoint(session_, optimizer_.get(), best);
  last_save_ = Clock::now();
}

}  // namespace filigree::train
