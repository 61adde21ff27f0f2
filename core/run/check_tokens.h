#pragma once
// Checks that a model has a row for each token id and token type of a text. A tokenizer may have more ids
// than the model has rows, as long as no text uses them.
#include <string>
#include <vector>

#include "core/data/dataset.h"
#include "core/nn/model.h"
#include "core/tokenizer/tokenizer.h"

namespace filigree::train {

/// Throws DataError with file and line of the first sample that has an id or a type without a row, or if
/// [MASK] has none. Limits the tokens that masked LM draws to the model's rows. path: of the model, for
/// messages.
void check_tokens(data::Dataset& dataset, const data::Tokenizer& tokenizer, const nn::Model& model,
                  const std::string& path);

/// The same for the ids of one text from `where` ("file:line").
void check_ids(const std::vector<int32_t>& ids, const std::string& where, const data::Tokenizer& tokenizer,
               const nn::Model& model, const std::string& path);

/// UsageError, which names the recipe's line, if a sample of data.max_length tokens has more positions than the model.
void check_length(const recipe::Recipe& recipe, const nn::Model& model, const std::string& path);

}  // namespace filigree::train
