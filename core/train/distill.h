#pragma once
// Distillation from the adapted model's own logits. They are computed once, before the prune, over the training set,
// and cached in the run directory, so that no second model is held:
//   loss = (1 - w) task + w T^2 KL(softmax(teacher / T) || softmax(student / T)),  summed over samples (Hinton et al.
//   2015);
// for regression the second term is (teacher - student)^2.
#include <ATen/core/Tensor.h>

#include <string>

#include "core/train/session.h"

namespace filigree::train {

/// Path of the cache within a run.
std::string teacher_cache(const std::string& run_dir);

/// Computes the logits of session.train_data with the model as it is (no dropout), shared out over the dp ranks, and
/// writes the cache (rank 0). Collective.
void cache_teacher_logits(Session& session);

class Distiller {
 public:
  /// Reads the cache on rank 0 and broadcasts it. DataError when it is missing or of another data set. Collective.
  Distiller(Session& session, recipe::DistillConfig config);

  /// The loss to backpropagate, summed over the batch's samples.
  at::Tensor loss_sum(const nn::Output& output, const data::Batch& batch) const;

 private:
  recipe::DistillConfig config_;
  bool regression_;
  at::Tensor teacher_;  ///< fp32 [samples, labels]
};

}  // namespace filigree::train
