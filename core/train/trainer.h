#pragma once
// The training loop of one stage. train_step() is a list of verbs: fetch, forward and backward, reduce, clip, update.
// Saving, evaluating and pruning are called from train(), never from the step.
//
// A step's loss is the mean over the samples of the global batch (over the predicted tokens in language
// modeling), for any number of ranks: gradients are summed over micro-batches and ranks, and divided once by the
// global count.
#include <chrono>
#include <functional>
#include <memory>

#include "core/data/sampler.h"
#include "core/optim/optimizer.h"
#include "core/optim/schedule.h"
#include "core/parallel/comm_bytes.h"
#include "core/parallel/frozen_shards.h"
#include "core/run/session.h"
#include "core/train/distill.h"
#include "core/train/evaluate.h"
#include "dist/grad_buckets.h"

namespace filigree::train {

/// What a step reports; the same on every rank, except `comm`.
struct StepReport {
  double loss = 0;          ///< mean over the global batch
  int64_t num_targets = 0;  ///< number of losses in the mean
  int64_t samples = 0;
  int64_t tokens = 0;    ///< real tokens, over all ranks
  double grad_norm = 0;  ///< before clipping
  double lr = 0;
  CommBytes comm;     ///< bytes that this rank handed to the communicators in this step
  bool stop = false;  ///< some rank received a stop signal
  bool save = false;  ///< a checkpoint is due by rank 0's clock
};

enum class Outcome { finished, stopped };

class Trainer {
 public:
  Trainer(Session& session, const recipe::StageConfig& stage);
  ~Trainer();

  /// Trains from state.stage_step to the stage's last step.
  Outcome train();

  /// The optimizer, whose moments are saved and restored.
  optim::Optimizer& optimizer() { return *optimizer_; }

  /// Called after each step with its wall time; for measurements.
  std::function<void(const StepReport&, double seconds)> on_step;

 private:
  /// This rank's sums over the step's samples; summed over the data-parallel ranks by reduce_counts().
  struct Counts {
    at::Tensor loss;  ///< fp64 [1] on the device: reading it here would make the host wait for each micro-batch
    double num_targets = 0, samples = 0, tokens = 0;
  };

  bool ended() const;  ///< the stage's steps are done, or its method ends it
  StepReport train_step();
  void forward_backward(const std::vector<int64_t>& global_batch);
  void join_collectives(int64_t sample, const nn::ForwardContext& context, uint64_t mask_epoch);
  StepReport reduce_counts();
  [[noreturn]] void refuse_non_finite(const StepReport& report, const std::vector<int64_t>& samples) const;

  void make_buckets();
  std::vector<int> additions() const;  ///< BucketOptions::additions
  void shard_frozen();
  void unshard_frozen();
  CommBytes sent() const;
  void prune_if_due();
  adapt::Step step() const;
  void read_gradients_if_due();
  void log_step(const StepReport& report, double seconds);
  void log_stage(const StepReport& report);
  uint64_t full_comm_bytes() const;
  bool evaluate_if_due();  ///< true if it reached the best metric so far
  bool evaluate();
  [[noreturn]] void refuse_diverged(const DivergedError& error);
  void save(bool best);

  Session& session_;
  const recipe::StageConfig& stage_;
  const recipe::TrainConfig& config_;
  data::Sampler sampler_;
  std::vector<int64_t> lengths_;  ///< tokens of each training sample
  int64_t total_steps_ = 0;
  optim::Schedule schedule_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  std::unique_ptr<dist::GradBuckets> buckets_;
  std::unique_ptr<FrozenShards> shards_;  ///< only with parallel.shard_frozen
  std::unique_ptr<Distiller> distiller_;
  Counts counts_;
  std::chrono::steady_clock::time_point last_save_;
};

}  // namespace filigree::train
