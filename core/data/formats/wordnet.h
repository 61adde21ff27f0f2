#pragma once
// WordNet 3.0 as a classification task: the gloss of a synset (definition and examples, as in the file) ->
// its supersense, which is its lexicographer file (45 classes, names as in lexnames(5WN)).
//
// Split: each synset is assigned by random::uniform over the stream (0, "wordnet split", FNV-1a of
// "<pos>:<offset>"), where pos is the file's letter (n v a r) and offset the synset's 8 digits: below 0.90
// train, below 0.95 dev, else test. It does not depend on a recipe's seed or on the order of the files.
#include "core/data/format.h"

namespace filigree::data {

/// Columns: gloss (the default), word and supersense. TableOptions::split chooses the synsets; the path is the
/// directory of the files.
class WordNet : public Format {
 public:
  WordNet();
  Table read(const std::string& path, const TableOptions& options) const override;
  std::string default_file(const std::string&) const override { return ""; }
  std::vector<std::string> default_columns() const override { return {"gloss"}; }
  std::string label_column() const override { return "supersense"; }
  std::vector<std::string> labels() const override;
  std::vector<Metric> metrics() const override { return {Metric::accuracy, Metric::macro_f1}; }
  std::string default_dir() const override;
};

}  // namespace filigree::data

namespace filigree::data::wordnet {

/// Where Debian's wordnet-base puts the files.
inline constexpr const char* kDefaultDir = "/usr/share/wordnet";

struct Synset {
  std::string word;  ///< its words, joined by ", "
  std::string gloss;
  int64_t supersense = 0;  ///< class number = number of the lexicographer file
  int32_t file = 0;        ///< index into files()
  int64_t line = 0;
};

const std::vector<std::string>& files();        ///< data.noun, data.verb, data.adj, data.adv
const std::vector<std::string>& supersenses();  ///< 45 names by number

std::string split_of(char pos, std::string_view offset);  ///< train | dev | test

/// The synsets of one split, in order of files and lines. Throws DataError with file:line.
std::vector<Synset> read(const std::string& dir, const std::string& split);

}  // namespace filigree::data::wordnet
