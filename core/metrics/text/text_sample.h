#pragma once
// The input of the text metrics: generated texts, each with its references.
//
// Corpora with several references per source come in two forms:
//   blocks   one reference per line, samples separated by empty lines; another file has one hypothesis per
//            line. e2e-metrics (Dusek, Novikova and Rieser 2020) reads this form: reference_blocks().
//   sources  one source and reference per line, the source repeated for each reference: group_by_source().
//            The E2E files that LoRA ships have this form: "name : The Wrestlers | Type : coffee shop | ...||The
//            Wrestlers is a ... . ", with "||" between source and reference, spaces between words and
//            punctuation, and a space at the end of the line. The lines of one source are adjacent: 547 sources
//            with 2 to 43 references in the development part, 630 with 1 to 45 in the test part.
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace filigree::text_metrics {

/// Texts are UTF-8. A byte that is not UTF-8 counts as part of its word.
struct TextSample {
  std::string hypothesis;               ///< may be empty
  std::vector<std::string> references;  ///< at least one, in any order; their number may differ from sample to sample
};

/// Values by name, as every metric returns them.
using MetricValues = std::map<std::string, double>;

/// The references of one sample.
using References = std::vector<std::string>;

/// Blocks of lines that are not empty, without whitespace at the start and end of a line. Several empty lines
/// separate like one; "\n" and "\r\n" end a line.
std::vector<References> reference_blocks(std::string_view text);

/// Each source once, in order of first appearance, with all its references in order; lines of one source need
/// not be adjacent.
struct Grouped {
  std::vector<std::string> sources;
  std::vector<References> references;  ///< of sources[i]
};
Grouped group_by_source(const std::vector<std::pair<std::string, std::string>>& source_and_reference);

/// Sample i is hypotheses[i] with references[i]. A single block with as many references as there are
/// hypotheses gives each hypothesis one reference, as in e2e-metrics. Otherwise, throws DataError if their
/// numbers differ.
std::vector<TextSample> pair_up(std::vector<std::string> hypotheses, std::vector<References> references);

}  // namespace filigree::text_metrics
