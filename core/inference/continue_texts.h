#pragma once
// Texts from a served language model: prompts shared out over the data-parallel ranks, and the metrics of what a split
// of contexts and references is continued with.
#include <map>
#include <string>
#include <vector>

#include "core/data/dataset.h"
#include "core/generate/options.h"
#include "core/inference/serve.h"
#include "core/recipe/recipe.h"

namespace filigree::train {

struct Continuation {
  std::vector<int32_t> ids;
  std::string text;  ///< without special tokens
};

/// How a recipe's eval.generate section decodes; the text ends with the tokenizer's end-of-text token.
generate::Options generate_options(const recipe::GenerateConfig& config, const data::Tokenizer& tokenizer);

/// In the order of the prompts, on every rank. Collective over the served ranks.
std::vector<Continuation> continue_prompts(ServedModel& served, const std::vector<std::vector<int32_t>>& prompts,
                                           const generate::Options& options, int64_t batch);

/// BLEU, NIST, ROUGE-L and CIDEr (core/text_metrics) of the continuations of each different context of a split, against
/// all its references. Collective.
std::map<std::string, double> text_metrics_of(ServedModel& served, const data::Dataset& dataset,
                                              const recipe::GenerateConfig& config);

/// Whether a split holds contexts with references, and not plain texts.
bool has_contexts(const data::Dataset& dataset);

}  // namespace filigree::train
