#include "core/run/check_tokens.h"

#include <algorithm>

#include "core/counted.h"
#include "core/error.h"
#include "core/recipe/key_error.h"

namespace filigree::train {
namespace {

[[noreturn]] void fail_id(int32_t id, const std::string& where, const data::Tokenizer& tokenizer,
                          const nn::Model& model, const std::string& path) {
  const std::string token = tokenizer.decode({&id, 1}, false);
  throw DataError(fmt::format(
      "{}: token id {}{} is beyond the {} of the embedding of {} (vocab_size in config.json); the "
      "tokenizer and the weights are not of the same model, or tokens were added without new rows",
      where, id, token.empty() ? "" : fmt::format(" ('{}')", token), counted(model.vocab_size(), "row"), path));
}

[[noreturn]] void fail_type(int type, const std::string& where, const nn::Model& model, const std::string& path) {
  throw DataError(
      fmt::format("{}: the tokenizer produces token type {}, but {} has {} (type_vocab_size in config.json); "
                  "use single texts, or a model that accepts pairs",
                  where, type, path, counted(model.type_vocab_size(), "type")));
}

}  // namespace

void check_ids(const std::vector<int32_t>& ids, const std::string& where, const data::Tokenizer& tokenizer,
               const nn::Model& model, const std::string& path) {
  for (const int32_t id : ids)
    if (id >= model.vocab_size()) fail_id(id, where, tokenizer, model, path);
}

void check_tokens(data::Dataset& dataset, const data::Tokenizer& tokenizer, const nn::Model& model,
                  const std::string& path) {
  const int64_t rows = model.vocab_size(), types = model.type_vocab_size();
  for (int64_t sample = 0; sample < dataset.size(); ++sample) {
    const auto begin = static_cast<size_t>(dataset.offsets[static_cast<size_t>(sample)]);
    const size_t end = begin + static_cast<size_t>(dataset.length(sample));
    for (size_t i = begin; i < end; ++i) {
      if (dataset.ids[i] >= rows) fail_id(dataset.ids[i], dataset.where(sample), tokenizer, model, path);
      if (dataset.type_ids[i] >= types) fail_type(dataset.type_ids[i], dataset.where(sample), model, path);
    }
  }
  if (dataset.model_task != Task::masked_lm) return;
  if (dataset.masking.mask_id >= rows) fail_id(dataset.masking.mask_id, path, tokenizer, model, path);
  dataset.masking.vocab_size = std::min(dataset.masking.vocab_size, rows);
}

void check_length(const recipe::Recipe& recipe, const nn::Model& model, const std::string& path) {
  if (recipe.data.max_length > model.max_positions())
    throw UsageError(recipe::at_key(recipe, "data.max_length",
                                    fmt::format("{} is more than the {} of {}", recipe.data.max_length,
                                                counted(model.max_positions(), "position"), path)));
}

}  // namespace filigree::train
