#include "core/data/unlabelled.h"

namespace filigree::data {

Dataset unlabelled(const std::vector<TextPair>& texts, const Tokenizer& tokenizer, int64_t max_length) {
  Dataset dataset;
  dataset.task = "input";
  for (const Encoding& encoding : tokenizer.encode_batch(texts, max_length)) dataset.add(encoding);
  return dataset;
}

}  // namespace filigree::data
