#include "core/data/unlabelled.h"

#include <fmt/format.h>

#include "core/error.h"

namespace filigree::data {

Dataset unlabelled(const InputLines& input, const Tokenizer& tokenizer, int64_t max_length) {
  Dataset dataset;
  dataset.task = "input";
  dataset.files = {input.file()};
  for (const Encoding& encoding : tokenizer.encode_batch(input.texts(), max_length)) {
    const auto number = static_cast<size_t>(dataset.size());
    if (encoding.ids.empty()) throw DataError(fmt::format("{}: {}", input.where(number), kNoTokens));
    dataset.add(encoding);
    dataset.file.push_back(0);
    dataset.lines.push_back(static_cast<int64_t>(number) + 1);
  }
  return dataset;
}

}  // namespace filigree::data
