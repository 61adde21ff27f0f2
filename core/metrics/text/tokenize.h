#pragma once
// The tokenisations of the text metrics.
//
//   words        cut at white space (Unicode's, and the control characters 1C to 1F: what str.split() of Python cuts
//                at); sacrebleu's 'none'
//   mteval_13a   mteval-v13a.pl of NIST, sacrebleu's '13a': drops "<skipped>", joins lines ("-\n" closes a word),
//                resolves &quot; &amp; &lt; &gt;, stands every ASCII symbol but ' , - . alone, '.' and ',' alone unless
//                between digits, '-' alone after a digit; then words:
//                "$1,000.50 (10-12)." -> "$ 1,000.50 ( 10 - 12 ) ."
//   caption      what the caption metrics (ROUGE-L, CIDEr) of pycocoevalcap count: Penn Treebank tokens in lower case
//                without punctuation. caption.cpp has its own rules for it, see there; the original is the
//                PTBTokenizer of Stanford CoreNLP 3.4.1 (Java) with `-lowerCase`, less a list of 19 marks.
//                "It isn't £20, really." -> "it is n't # 20 really"
//
// To score tokens made elsewhere (by PTBTokenizer itself, say), join them with spaces and ask for `words`.
#include <string>
#include <string_view>
#include <vector>

#include "core/metrics/text/scored.h"

namespace filigree::text_metrics {

enum class Tokenization { words, mteval_13a, caption };
enum class Case { kept, lower };

using Tokens = std::vector<std::string>;

Tokens split_words(std::string_view text);
Tokens split_13a(std::string_view text);
Tokens split_caption(std::string_view text);  ///< in lower case

/// Lower case by Unicode's full mapping (ICU's version of it), Greek final sigma included, as str.lower() of Python.
/// A byte that is not UTF-8 becomes U+FFFD.
std::string lower(std::string_view text);

struct TokenizedSample {
  Tokens hypothesis;
  std::vector<Tokens> references;
};

/// Throws DataError when a sample has no reference. Lower case is made before the text is cut.
std::vector<TokenizedSample> tokenize(const std::vector<Scored>& samples, Tokenization tokenization, Case letters);

}  // namespace filigree::text_metrics
