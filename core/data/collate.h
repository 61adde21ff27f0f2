#pragma once
// Samples of a data set -> one packed Batch.
//
// Masked LM: each token that is not special is selected with Masking::probability. Of the selected tokens,
// 80% become [MASK], 10% become a token drawn from the whole vocabulary, and 10% stay (Devlin et al., BERT,
// 2019, appendix A.1). Each mask is a function of (Masking::seed, mask_epoch, sample, position), so it does not
// depend on the ranks or on the other samples of the batch.
//
// Causal LM: a token's label is the next token, if that one has a loss (causal.h).
#include <cstdint>
#include <vector>

#include "core/data/batch.h"
#include "core/data/dataset.h"

namespace filigree::data {

/// `mask_epoch` selects the masks of masked LM: epoch + 1 in training, so that each epoch has new masks; 0 in
/// evaluation. `samples` may be empty; the tensors of the batch then have no elements.
Batch collate(const Dataset& dataset, const std::vector<int64_t>& samples, uint64_t mask_epoch = 0);

}  // namespace filigree::data
