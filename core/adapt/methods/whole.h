#pragma once
// Shared by the methods that train all parameters and choose, step by step, which of them change.
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/nn/model.h"

namespace filigree::adapt {

/// Trains everything except what `freeze` names, by consecutive words of the parameters' names. Throws KeyError of `freeze`
/// if a word matches none.
void train_all(nn::Model& model, const std::vector<std::string>& freeze);

/// The linears whose weight trains, without a decoder that shares the table of the word embedding.
std::vector<nn::Linear*> trained_linears(nn::Model& model);

/// Throws UsageError if a linear that trains has an update, a mask or a transform of an earlier stage.
void refuse_updated(nn::Model& model);

}  // namespace filigree::adapt
