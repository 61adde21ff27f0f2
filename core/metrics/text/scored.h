#pragma once
// What the text metrics score: generated texts, each with the references it is held against.
//
// Corpora with several references per source come in two forms:
//   blocks   one reference a line, samples separated by empty lines; the hypotheses stand one a line in another file.
//            This is what e2e-metrics (Dusek, Novikova and Rieser 2020) reads: reference_blocks().
//   sources  one reference a line beside its source, the source repeated on each: group_by_source(). The E2E files that
//            LoRA ships are such: "name : The Wrestlers | Type : coffee shop | ...||The Wrestlers is a ... . ", source
//            and reference separated by "||", words and punctuation separated by spaces, a space at the end of the
//            line. The lines of one source follow each other: 547 sources of 2 to 43 references in the development
//            part, 630 of 1 to 45 in the test part.
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace filigree::text_metrics {

/// Texts are UTF-8. A byte that is not UTF-8 counts as part of its word.
struct Scored {
  std::string hypothesis;               ///< may be empty
  std::vector<std::string> references;  ///< at least one, in any order; their number may differ from sample to sample
};

/// Values by name, as every metric returns them.
using Figures = std::map<std::string, double>;

/// The references of one sample.
using References = std::vector<std::string>;

/// Runs of lines that are not empty, without the white space at the ends of a line. Several empty lines separate like
/// one; "\n" and "\r\n" end a line.
std::vector<References> reference_blocks(std::string_view text);

/// Each source once, in order of first appearance, with all its references in order: lines of one source need not
/// follow each other.
struct Grouped {
  std::vector<std::string> sources;
  std::vector<References> references;  ///< of sources[i]
};
Grouped group_by_source(const std::vector<std::pair<std::string, std::string>>& source_and_reference);

/// Sample i is hypotheses[i] with references[i]. Throws DataError when their numbers differ; a single block of as many
/// references as there are hypotheses is, as for e2e-metrics, one reference for each.
std::vector<Scored> pair_up(std::vector<std::string> hypotheses, std::vector<References> references);

}  // namespace filigree::text_metrics
