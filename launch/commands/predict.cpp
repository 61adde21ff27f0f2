// `filigree predict`; declared in command.h.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/data/input_lines.h"
#include "core/data/presets.h"
#include "core/data/unlabelled.h"
#include "core/error.h"
#include "core/inference/open_for_inference.h"
#include "core/recipe/data_rules.h"
#include "core/run/check_tokens.h"
#include "launch/commands/command.h"
#include "launch/commands/given.h"
#include "launch/registries.h"

namespace filigree::launch {
namespace {

/// {"label":…,"logits":[…]}; a regression's label is its score.
nlohmann::ordered_json prediction(const at::Tensor& logits, const std::vector<std::string>& labels, Task task) {
  const auto* values = logits.const_data_ptr<float>();
  const std::vector<float> row(values, values + logits.numel());
  nlohmann::ordered_json json;
  if (task == Task::regression) {
    json["label"] = row.front();
  } else {
    const auto best = static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    json["label"] = best < labels.size() ? labels[best] : std::to_string(best);
  }
  json["logits"] = row;
  return json;
}

/// How many texts a sample of the run that made the model has: the columns of data.text, of the preset or of the format.
size_t text_columns(const recipe::DataConfig& config, const data::FormatRegistry& formats) {
  if (!config.text.empty()) return config.text.size();
  const auto format = formats.find(recipe::format_of(config));
  const bool preset = !config.task.empty() && config.task != format->name();
  return preset ? data::preset_task(config.task).splits.at("train").text.size() : format->default_columns().size();
}

/// The first line that is a pair although `pairs` is false, or the other way round; nullopt if there is none.
std::optional<size_t> other_line(const data::InputLines& lines, bool pairs) {
  const auto& texts = lines.texts();
  for (size_t i = 0; i < texts.size(); ++i)
    if (texts[i].b.has_value() != pairs) return i;
  return std::nullopt;
}

/// The model of a run reads single texts or pairs, as it was trained.
void refuse_other_lines(const data::InputLines& lines, const recipe::DataConfig& trained, const std::string& model,
                        const data::FormatRegistry& formats) {
  const bool pairs = text_columns(trained, formats) > 1;
  const auto other = other_line(lines, pairs);
  if (!other) return;
  throw DataError(fmt::format(
      "{}: is a {}, but {} was trained on {}; {}", lines.where(*other), pairs ? "single text" : "pair of texts", model,
      pairs ? "pairs of texts" : "single texts",
      pairs ? "separate the texts by a tab, also if one is empty" : "remove the tab, which separates a pair"));
}

/// What a model without a recipe was trained on is not known, so that a mixture may be meant.
void warn_of_mixed_lines(const data::InputLines& lines) {
  if (lines.texts().empty()) return;
  const bool pairs = lines.texts().front().b.has_value();
  if (const auto other = other_line(lines, pairs))
    std::cerr << fmt::format("warning: {}: is a {}, but the first line is a {}\n", lines.where(*other),
                             pairs ? "single text" : "pair of texts", pairs ? "pair of texts" : "single text");
}

}  // namespace

int cmd_predict(const PredictOptions& options, dist::Environment& environment) {
  const auto registries = make_registries();
  const data::InputLines lines(options.input);
  auto served = train::open_for_inference(options.model, registries, environment,
                                          {given_arguments(options), given_lines(options.input, lines)});
  auto& model = *served.opened.model;
  if (is_over_tokens(model.task()))
    throw UsageError(
        fmt::format("{}: is a language model; predict needs a classification or regression model", options.model));
  if (served.opened.recipe)
    refuse_other_lines(lines, served.opened.recipe->data, options.model, registries.formats);
  else if (environment.world_rank() == 0)
    warn_of_mixed_lines(lines);
  const int64_t max_length = served.opened.recipe ? served.opened.recipe->data.max_length : model.max_positions();
  auto dataset = data::unlabelled(lines, *served.opened.tokenizer, max_length);
  train::check_tokens(dataset, *served.opened.tokenizer, model, served.opened.files);
  const auto logits = train::all_logits(model, dataset, served.options, served.mesh->dp());
  if (environment.world_rank() != 0) return 0;
  for (int64_t i = 0; i < logits.size(0); ++i)
    std::cout << prediction(logits[i].contiguous(), served.opened.labels, model.task()).dump() << '\n';
  return 0;
}

}  // namespace filigree::launch
