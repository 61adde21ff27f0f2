#pragma once
// Generates texts with a served language model: distributes prompts over the data-parallel ranks, and
// computes metrics of the continuations of a split with contexts and references.
#include <map>
#include <string>
#include <vector>

#include "core/data/dataset.h"
#include "core/generate/options.h"
#include "core/inference/open_for_inference.h"
#include "core/recipe/recipe.h"

namespace filigree::train {

struct Continuation {
  std::vector<int32_t> ids;
  std::string text;  ///< without special tokens
};

/// Options from a recipe's eval.generate section; a text ends with the tokenizer's end-of-text token.
generate::Options generate_options(const recipe::GenerateConfig& config, const data::Tokenizer& tokenizer);

/// Continuations in the order of the prompts, on every rank. Collective over the served ranks.
std::vector<Continuation> continue_prompts(InferenceModel& served, const std::vector<std::vector<int32_t>>& prompts,
                                           const generate::Options& options, int64_t batch);

/// The prompts whose texts end because the model has no more positions, before max_new_tokens and without a stop token.
std::vector<size_t> cut_short(const std::vector<std::vector<int32_t>>& prompts,
                              const std::vector<Continuation>& continued, int64_t max_new_tokens, int64_t positions);

/// BLEU, NIST, ROUGE-L and CIDEr (core/metrics/text) of the continuations of each distinct context of a
/// split, against all its references. Warns on stderr if texts were cut short. Collective.
std::map<std::string, double> text_metrics_of(InferenceModel& served, const data::Dataset& dataset,
                                              const recipe::GenerateConfig& config);

/// Whether a split has contexts with references, rather than plain texts. Of a conversation, the context is what precedes
/// the first answer, and the reference is that answer.
bool has_contexts(const data::Dataset& dataset);

}  // namespace filigree::train
