// `filigree predict`; declared in command.h.
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/data/input_lines.h"
#include "core/data/unlabelled.h"
#include "core/error.h"
#include "core/inference/open_for_inference.h"
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
