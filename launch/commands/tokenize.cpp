// `filigree tokenize`; declared in command.h.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>

#include "core/data/input_lines.h"
#include "core/run/open_model.h"
#include "launch/commands/command.h"
#include "launch/registries.h"

namespace filigree::launch {
namespace {

/// From the model's folder if the files are there; a run or checkpoint must be opened to find its base model.
std::unique_ptr<data::Tokenizer> tokenizer_of(const std::string& model) {
  if (data::has_tokenizer(model)) return data::load_tokenizer(model);
  return train::open_model(model, make_registries()).tokenizer;
}

}  // namespace

int cmd_tokenize(const TokenizeOptions& options, dist::Environment& environment) {
  if (environment.world_rank() != 0) return 0;
  const auto tokenizer = tokenizer_of(options.model);
  const data::InputLines lines(options.input);
  constexpr size_t kChunk = 4096;
  for (size_t begin = 0; begin < lines.texts().size(); begin += kChunk) {
    const size_t end = std::min(begin + kChunk, lines.texts().size());
    const std::vector<data::TextPair> texts(lines.texts().begin() + static_cast<std::ptrdiff_t>(begin),
                                            lines.texts().begin() + static_cast<std::ptrdiff_t>(end));
    for (const data::Encoding& encoding : tokenizer->encode_batch(texts))
      std::cout << fmt::format("{{\"ids\":[{}],\"type_ids\":[{}]}}\n", fmt::join(encoding.ids, ","),
                               fmt::join(encoding.type_ids, ","));
  }
  return 0;
}

}  // namespace filigree::launch
