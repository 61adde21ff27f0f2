#pragma once
// Shared by the methods that train a score per entry: the penalty on the scores, and how SMP divides what stays.
#include <cstdint>
#include <string>
#include <vector>

#include "core/nn/model.h"
#include "dist/communicator.h"

namespace filigree::adapt {

/// Adds the gradient of `weight` * mean over matrices of mean(sigmoid(S)) to those of the scores; `weight` is for gradients
/// that are sums over losses: lambda times their number.
void penalize_scores(nn::Model& model, double weight);

/// Sets the levels of all masks by share so that they keep `kept` of the entries of each kind of matrix together: matrix l of
/// L of one kind (the words of its name without the layer's number) keeps
///
///   kept * L * mean(sigmoid(S_l / temperature)) / sum over l of the same, at most 1
///
/// What exceeds 1 is not given to others, as published. Collective over tp.
void divide_by_score(nn::Model& model, double kept, double temperature, dist::Communicator& tp);

}  // namespace filigree::adapt
