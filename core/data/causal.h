#pragma once
// Samples of causal language modeling, with end = the tokenizer's end-of-text token:
//
//   one text column    text end                             a loss on all tokens except the first
//   two                context end " "reference end         a loss only on the reference and its end, as LoRA
//                                                           trains data-to-text (Hu et al., 2021, examples/NLG)
//   other formats      their own segments (format.h)        a loss on the segments that have one
//   packed             text end text end ..., cut into blocks of max_length; a loss on all but a block's first
//
// A sample is truncated to max_length tokens.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/dataset.h"
#include "core/data/format.h"
#include "core/tokenizer/tokenizer.h"

namespace filigree::data {

struct CausalOptions {
  int64_t max_length = 128;
  bool pack = false;
  bool skip_bad = false;  ///< skip a row that has nothing to learn; Dataset::skipped counts it
};

/// Appends the samples of `rows` (the fields of `format`) to `out`, with Dataset::targets. Returns the first row of each
/// sample. Throws DataError if the tokenizer has no end-of-text token or, without skip_bad and without packing, if a row
/// has nothing to learn: an empty text, an empty reference, a context that leaves no room for its reference (`where(row)`
/// names the row).
std::vector<size_t> add_causal(const std::vector<std::vector<std::string>>& rows, const Format& format,
                               const Tokenizer& tokenizer, const CausalOptions& options,
                               const std::function<std::string(size_t)>& where, Dataset& out);

/// The tokens of segments, without a limit of length. Throws DataError if the tokenizer has no end-of-text token.
std::vector<int32_t> causal_ids(const std::vector<Segment>& segments, const Tokenizer& tokenizer);

}  // namespace filigree::data
