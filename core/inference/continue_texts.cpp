#include "core/inference/continue_texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <span>

#include "core/counted.h"
#include "core/error.h"
#include "core/generate/generate.h"
#include "core/metrics/text/registry.h"

namespace filigree::train {
namespace {

using Ids = std::vector<int32_t>;

Ids slice(const data::Dataset& dataset, int64_t sample, int64_t begin, int64_t end) {
  const auto first = dataset.ids.begin() + dataset.offsets[static_cast<size_t>(sample)];
  return {first + begin, first + end};
}

/// The text as the metrics read it: without spaces at the ends.
std::string trimmed_text(const data::Tokenizer& tokenizer, std::span<const int32_t> ids) {
  const std::string text = tokenizer.decode(ids, /*skip_special=*/true);
  const size_t begin = text.find_first_not_of(" \n\t"), end = text.find_last_not_of(" \n\t");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

/// The contexts of a split, each once, with all its references.
struct Contexts {
  std::vector<Ids> prompts;
  std::vector<text_metrics::References> references;
};

Contexts contexts_of(const data::Dataset& dataset, const data::Tokenizer& tokenizer) {
  Contexts contexts;
  std::map<Ids, size_t> place;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const int64_t from = dataset.first_target(i);
    Ids prompt = slice(dataset, i, 0, from);
    const auto [found, fresh] = place.emplace(prompt, contexts.prompts.size());
    if (fresh) {
      contexts.prompts.push_back(std::move(prompt));
      contexts.references.emplace_back();
    }
    contexts.references[found->second].push_back(
        trimmed_text(tokenizer, slice(dataset, i, from, dataset.targets_end(i))));
  }
  return contexts;
}

}  // namespace

generate::Options generate_options(const recipe::GenerateConfig& config, const data::Tokenizer& tokenizer) {
  generate::Options options;
  options.max_new_tokens = config.max_new_tokens;
  options.beams = config.beams;
  options.length_penalty = config.length_penalty;
  options.no_repeat_ngram = config.no_repeat_ngram;
  options.stop = {tokenizer.special().eos};
  return options;
}

std::vector<Continuation> continue_prompts(InferenceModel& served, const std::vector<Ids>& prompts,
                                           const generate::Options& options, int64_t batch) {
  dist::Communicator& dp = served.mesh->dp();
  std::vector<generate::Prompt> own;
  for (auto i = static_cast<size_t>(dp.rank()); i < prompts.size(); i += static_cast<size_t>(dp.size()))
    own.push_back({static_cast<int64_t>(i), prompts[i]});
  // Prompts of similar length are batched, so that a batch finishes at once.
  std::stable_sort(own.begin(), own.end(),
                   [](const auto& a, const auto& b) { return a.tokens.size() < b.tokens.size(); });
  const auto ids = generate::generate(*served.opened.model, own, options, batch, served.options.compute);
  nlohmann::json mine = nlohmann::json::array();
  for (size_t i = 0; i < own.size(); ++i) mine.push_back({own[i].number, ids[i]});
  std::vector<Continuation> all(prompts.size());
  for (const std::string& part : dp.all_gather_text(mine.dump())) {
    for (const auto& one : nlohmann::json::parse(part)) all[one[0].get<size_t>()].ids = one[1].get<Ids>();
  }
  for (Continuation& one : all) one.text = served.opened.tokenizer->decode(one.ids, /*skip_special=*/true);
  return all;
}

std::vector<size_t> cut_short(const std::vector<Ids>& prompts, const std::vector<Continuation>& continued,
                              int64_t max_new_tokens, int64_t positions) {
  std::vector<size_t> cut;
  for (size_t i = 0; i < continued.size(); ++i) {
    const auto made = static_cast<int64_t>(continued[i].ids.size());
    if (made < max_new_tokens && static_cast<int64_t>(prompts[i].size()) + made == positions) cut.push_back(i);
  }
  return cut;
}

bool has_contexts(const data::Dataset& dataset) {
  for (int64_t i = 0; !dataset.targets.empty() && i < dataset.size(); ++i)
    if (dataset.first_target(i) > 1) return true;
  return false;
}

std::map<std::string, double> text_metrics_of(InferenceModel& served, const data::Dataset& dataset,
                                              const recipe::GenerateConfig& config) {
  const data::Tokenizer& tokenizer = *served.opened.tokenizer;
  const Contexts contexts = contexts_of(dataset, tokenizer);
  std::vector<text_metrics::TextSample> samples;
  const auto continued =
      continue_prompts(served, contexts.prompts, generate_options(config, tokenizer), config.batch_size);
  const int64_t positions = served.opened.model->max_positions();
  const auto cut = cut_short(contexts.prompts, continued, config.max_new_tokens, positions);
  if (!cut.empty() && served.mesh->world().rank() == 0)
    std::cerr << fmt::format(
        "warning: {} of {} generated for '{}' {} at position {}, the model's last, before the {} of "
        "eval.generate.max_new_tokens\n",
        cut.size(), counted(continued.size(), "text"), dataset.split, cut.size() == 1 ? "ends" : "end", positions,
        counted(config.max_new_tokens, "token"));
  for (size_t i = 0; i < continued.size(); ++i)
    samples.push_back({trimmed_text(tokenizer, continued[i].ids), contexts.references[i]});
  return text_metrics::compute(text_metrics::text_metric_names(), samples);
}

}  // namespace filigree::train
