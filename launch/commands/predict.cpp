// `filigree predict`; declared in command.h.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

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

/// A model reads single texts or pairs, as it was trained; without its recipe, as in the first line.
void refuse_mixed_lines(const data::InputLines& lines, const train::OpenedModel& opened, const std::string& model,
                        const data::FormatRegistry& formats) {
  const auto& texts = lines.texts();
  if (texts.empty()) return;
  const bool pairs = opened.recipe ? text_columns(opened.recipe->data, formats) > 1 : texts.front().b.has_value();
  const std::string others = opened.recipe
                                 ? fmt::format("{} was trained on {}", model, pairs ? "pairs of texts" : "single texts")
                                 : fmt::format("the first line {}", pairs ? "is a pair of texts" : "is a single text");
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].b.has_value() == pairs) continue;
    throw DataError(fmt::format(
        "{}: is a {}, but {}; {}", lines.where(i), pairs ? "single text" : "pair of texts", others,
        pairs ? "separate the texts by a tab, also if one is empty" : "remove the tab, which separates a pair"));
  }
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
  refuse_mixed_lines(lines, served.opened, options.model, registries.formats);
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
