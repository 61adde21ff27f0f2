#pragma once
// Texts without labels as a data set, for prediction.
#include <cstdint>
#include <vector>

#include "core/data/dataset.h"
#include "core/data/tokenizer.h"

namespace filigree::data {

/// Sample i is texts[i], cut to max_length tokens.
Dataset unlabelled(const std::vector<TextPair>& texts, const Tokenizer& tokenizer, int64_t max_length);

}  // namespace filigree::data
