// `filigree generate`; declared in command.h.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "core/counted.h"
#include "core/data/causal.h"
#include "core/data/input_lines.h"
#include "core/error.h"
#include "core/inference/continue_texts.h"
#include "core/recipe/data_rules.h"
#include "core/run/check_tokens.h"
#include "launch/commands/command.h"
#include "launch/commands/given.h"
#include "launch/registries.h"

namespace filigree::launch {
namespace {

/// The segments before the answer, if the model was trained to answer contexts; nullopt: it continues the text.
std::optional<std::vector<data::Segment>> context_of(const std::string& text,
                                                     const std::optional<recipe::Recipe>& recipe,
                                                     const data::FormatRegistry& formats) {
  if (!recipe) return std::nullopt;
  const auto format = formats.find(recipe::format_of(recipe->data));
  const auto& columns = recipe->data.text;
  return format->prompt(text, columns.empty() ? format->default_columns().size() : columns.size());
}

/// The tokens of a text to continue; for an empty text, the token that a text begins with.
std::vector<int32_t> start_of_text(std::string_view text, const data::Tokenizer& tokenizer, const std::string& where) {
  std::vector<int32_t> ids;
  tokenizer.tokenize(text, ids);
  if (!ids.empty()) return ids;
  const auto& special = tokenizer.special();
  const int32_t start = special.bos >= 0 ? special.bos : special.eos;
  if (start < 0)
    throw DataError(
        fmt::format("{}: the prompt is empty, and the tokenizer has no token to begin with (bos_token)", where));
  return {start};
}

void check_room(size_t tokens, const std::string& where, const nn::Model& model) {
  if (static_cast<int64_t>(tokens) >= model.max_positions())
    throw DataError(
        fmt::format("{}: the prompt has {}, but the model has {}, which leaves none for its "
                    "continuation; shorten the prompt",
                    where, counted(tokens, "token"), counted(model.max_positions(), "position")));
}

std::vector<std::vector<int32_t>> prompts_of(const data::InputLines& lines, const train::OpenedModel& opened,
                                             const data::FormatRegistry& formats) {
  std::vector<std::vector<int32_t>> prompts;
  const data::Tokenizer& tokenizer = *opened.tokenizer;
  for (size_t i = 0; i < lines.texts().size(); ++i) {
    const data::TextPair& line = lines.texts()[i];
    if (line.b) throw DataError(fmt::format("{}: contains a tab; a prompt is one text", lines.where(i)));
    const auto context = context_of(std::string(line.a), opened.recipe, formats);
    prompts.push_back(context ? data::causal_ids(*context, tokenizer) : std::vector<int32_t>{});
    if (prompts.back().empty()) prompts.back() = start_of_text(line.a, tokenizer, lines.where(i));
    train::check_ids(prompts.back(), lines.where(i), tokenizer, *opened.model, opened.files);
    check_room(prompts.back().size(), lines.where(i), *opened.model);
  }
  return prompts;
}

generate::Options options_of(const GenerateOptions& given, const data::Tokenizer& tokenizer) {
  generate::Options options;
  options.max_new_tokens = given.max_new_tokens;
  options.beams = given.beams;
  options.length_penalty = given.length_penalty;
  options.no_repeat_ngram = given.no_repeat_ngram;
  options.sample = given.temperature > 0 || given.top_k > 0 || given.top_p > 0;
  options.temperature = given.temperature > 0 ? given.temperature : 1;
  options.top_k = given.top_k;
  options.top_p = given.top_p > 0 ? given.top_p : 1;
  options.seed = static_cast<uint64_t>(given.seed);
  options.stop = {tokenizer.special().eos};
  if (options.sample && options.beams > 1)
    throw UsageError("filigree generate: --beams cannot be combined with sampling (--temperature, --top-k, --top-p)");
  if (options.beams == 1 && options.length_penalty != 1)
    throw UsageError("filigree generate: --length-penalty has no effect: it is used only with --beams of at least 2");
  return options;
}

void warn_of_cut_texts(const std::vector<std::vector<int32_t>>& prompts,
                       const std::vector<train::Continuation>& continued, const data::InputLines& lines,
                       int64_t max_new_tokens, int64_t positions) {
  const auto cut = train::cut_short(prompts, continued, max_new_tokens, positions);
  if (cut.empty()) return;
  const std::string others = cut.size() == 1 ? "" : fmt::format(" (and {})", counted(cut.size() - 1, "more prompt"));
  std::cerr << fmt::format(
      "warning: {}{}: the text ends at the last of the model's {}, after {} instead of the {} of "
      "--max-new-tokens; shorten the prompt\n",
      lines.where(cut[0]), others, counted(positions, "position"), counted(continued[cut[0]].ids.size(), "token"),
      max_new_tokens);
}

}  // namespace

int cmd_generate(const GenerateOptions& options, dist::Environment& environment) {
  const auto registries = make_registries();
  const data::InputLines lines(options.input);
  auto served = train::open_for_inference(options.model, registries, environment,
                                          {given_arguments(options), given_lines(options.input, lines)}, std::nullopt,
                                          options.tensor);
  if (served.opened.model->task() != Task::causal_lm)
    throw UsageError(fmt::format("{}: is a {}; generate needs a causal language model (GPT2LMHeadModel)", options.model,
                                 served.opened.model->architecture()));
  const auto prompts = prompts_of(lines, served.opened, registries.formats);
  const auto decoding = options_of(options, *served.opened.tokenizer);
  const auto continued = train::continue_prompts(served, prompts, decoding, options.batch);
  if (environment.world_rank() != 0) return 0;
  warn_of_cut_texts(prompts, continued, lines, options.max_new_tokens, served.opened.model->max_positions());
  for (const train::Continuation& one : continued) {
    nlohmann::ordered_json json = {{"text", one.text}, {"ids", one.ids}};
    std::cout << json.dump() << '\n';
  }
  return 0;
}

}  // namespace filigree::launch
