#pragma once
// Distillation from the adapted model's own logits. They are computed before each prune stage on the training set
// and kept in a file of the run directory, one per prune stage, so that no second model is in memory. The run's state
// names the file and its hash: a resumed run learns from the same logits as an uninterrupted one.
//   loss = (1 - w) task + w T^2 KL(softmax(teacher / T) || softmax(student / T)),  summed over samples (Hinton et al.
//   2015);
// for regression the second term is (teacher - student)^2.
#include <ATen/core/Tensor.h>

#include <string>

#include "core/run/session.h"

namespace filigree::train {

/// Computes the logits of session.train_data with the current model (no dropout), distributed over the dp
/// ranks. Rank 0 writes them, and the state names them. Collective.
void cache_teacher_logits(Session& session);

class Distiller {
 public:
  /// Reads the logits that the state names on rank 0 and broadcasts them. DataError if they are missing,
  /// damaged or do not fit the model and the training set. Collective.
  Distiller(Session& session, recipe::DistillConfig config);

  /// The loss to backpropagate, summed over the batch's samples.
  at::Tensor loss_sum(const nn::Output& output, const data::Batch& batch) const;

 private:
  recipe::DistillConfig config_;
  bool regression_;
  at::Tensor teacher_;  ///< fp32 [samples, labels]
};

}  // namespace filigree::train
