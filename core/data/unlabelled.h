#pragma once
// Texts without labels as a data set, for prediction.
#include <cstdint>

#include "core/data/dataset.h"
#include "core/data/input_lines.h"
#include "core/tokenizer/tokenizer.h"

namespace filigree::data {

/// Sample i is line i + 1 of the input, truncated to max_length tokens. Throws DataError with file:line on a
/// text without tokens.
Dataset unlabelled(const InputLines& input, const Tokenizer& tokenizer, int64_t max_length);

}  // namespace filigree::data
