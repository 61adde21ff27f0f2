#pragma once
// The tokenizations of the text metrics.
//
//   words        split at whitespace (Unicode's and the control characters 1C to 1F, as str.split() of
//                Python); sacrebleu's 'none'
//   mteval_13a   mteval-v13a.pl of NIST, sacrebleu's '13a': drops "<skipped>", joins lines (removes "-\n"),
//                resolves &quot; &amp; &lt; &gt;, separates every ASCII symbol except ' , - . and also '.' and
//                ',' unless between digits, and '-' after a digit; then `words`:
//                "$1,000.50 (10-12)." -> "$ 1,000.50 ( 10 - 12 ) ."
//   caption      the tokens of the caption metrics (ROUGE-L, CIDEr) of pycocoevalcap: Penn Treebank tokens in
//                lower case without punctuation. The original is PTBTokenizer of Stanford CoreNLP 3.4.1 (Java)
//                with `-lowerCase`, minus a list of 19 marks; caption.cpp lists the rules used here.
//                "It isn't £20, really." -> "it is n't # 20 really"
//
// To score tokens from elsewhere (for example PTBTokenizer itself), join them with spaces and use `words`.
#include <string>
#include <string_view>
#include <vector>

#include "core/metrics/text/text_sample.h"

namespace filigree::text_metrics {

enum class Tokenization { words, mteval_13a, caption };
enum class Case { kept, lower };

using Tokens = std::vector<std::string>;

Tokens split_words(std::string_view text);
Tokens split_13a(std::string_view text);
Tokens split_caption(std::string_view text);  ///< in lower case

/// Lowercases by Unicode's full mapping (ICU's version of it), with the Greek final sigma, as str.lower() of
/// Python. A byte that is not UTF-8 becomes U+FFFD.
std::string lower(std::string_view text);

struct TokenizedSample {
  Tokens hypothesis;
  std::vector<Tokens> references;
};

/// Throws DataError if a sample has no reference. Lowercases before it splits the text.
std::vector<TokenizedSample> tokenize(const std::vector<TextSample>& samples, Tokenization tokenization, Case letters);

}  // namespace filigree::text_metrics
