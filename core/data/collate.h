#pragma once
// Samples of a data set -> one packed Batch.
//
// Masked LM: each token that is not special is chosen with Masking::probability; of the chosen, 80% become [MASK], 10%
// a token drawn from the whole vocabulary, 10% stay (Devlin et al., BERT, 2019, appendix A.1). Each draw is a function
// of (Masking::seed, draw, sample, position), so it depends neither on ranks nor on the make-up of the batch.
//
// Causal LM: a token's label is the token after it, where that one is predicted (causal.h).
#include <cstdint>
#include <vector>

#include "core/data/batch.h"
#include "core/data/dataset.h"

namespace filigree::data {

/// `draw` selects the masks of masked LM: in training the epoch + 1, so that each epoch masks anew; 0 in evaluation.
/// `samples` may be empty: the batch then has tensors of zero elements.
Batch collate(const Dataset& dataset, const std::vector<int64_t>& samples, uint64_t draw = 0);

}  // namespace filigree::data
