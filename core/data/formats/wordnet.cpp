#include "core/data/formats/wordnet.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "core/error.h"
#include "core/random.h"
#include "core/text/text_file.h"

namespace filigree::data::wordnet {
namespace {

constexpr char kPos[] = {'n', 'v', 'a', 'r'};

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The words of "<offset> <lexicographer file> <type> <count, hex> <word> <id> <word> <id> ...", with spaces
/// for underscores and without an adjective's position marker, "(p)". Empty if the line is too short.
std::string words_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for (size_t at = 0; at < line.size();) {
    const size_t end = std::min(line.find(' ', at), line.size());
    fields.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  size_t count = 0;
  if (fields.size() < 4 ||
      std::from_chars(fields[3].data(), fields[3].data() + fields[3].size(), count, 16).ec != std::errc())
    return "";
  std::string words;
  for (size_t i = 0; i < count; ++i) {
    if (fields.size() <= 4 + 2 * i) return "";
    std::string word(fields[4 + 2 * i].substr(0, fields[4 + 2 * i].find('(')));
    std::replace(word.begin(), word.end(), '_', ' ');
    words += (i == 0 ? "" : ", ") + word;
  }
  return words;
}

/// "<offset> <lexicographer file> ... | <gloss>"; lines of the license start with a space.
void read_file(const std::string& path, int32_t number, const std::string& split, std::vector<Synset>& out) {
  const std::string text = read_text_file(path);
  const auto classes = static_cast<int64_t>(supersenses().size());
  bool any = false;
  LineReader lines(text);
  for (std::string_view line; lines.next(line);) {
    if (line.empty() || line.front() == ' ') continue;
    if (const std::string fault = encoding_fault(line); !fault.empty()) fail_at(path, lines.number(), fault);
    const size_t bar = line.find(" | ");
    const std::string_view offset = line.substr(0, 8), supersense = line.size() > 11 ? line.substr(9, 2) : "";
    if (bar == std::string_view::npos || !is_digits(offset) || !is_digits(supersense) || line[8] != ' ')
      fail_at(path, lines.number(), fmt::format("is not a synset of WordNet 3.0: {}", shown(line)));
    const int64_t label = (supersense[0] - '0') * 10 + (supersense[1] - '0');
    if (label >= classes)
      fail_at(path, lines.number(), fmt::format("lexicographer file {} is not one of the {}", label, classes));
    any = true;
    if (split_of(kPos[number], offset) != split) continue;
    const std::string words = words_of(line.substr(0, bar));
    if (words.empty()) fail_at(path, lines.number(), fmt::format("is not a synset of WordNet 3.0: {}", shown(line)));
    out.push_back({words, std::string(trimmed(line.substr(bar + 3))), label, number, lines.number()});
  }
  if (!any) throw DataError(fmt::format("{}: has no synsets", path));
}

}  // namespace

const std::vector<std::string>& files() {
  static const std::vector<std::string> names = {"data.noun", "data.verb", "data.adj", "data.adv"};
  return names;
}

const std::vector<std::string>& supersenses() {
  static const std::vector<std::string> names = {"adj.all",          "adj.pert",           "adv.all",
                                                 "noun.Tops",        "noun.act",           "noun.animal",
                                                 "noun.artifact",    "noun.attribute",     "noun.body",
                                                 "noun.cognition",   "noun.communication", "noun.event",
                                                 "noun.feeling",     "noun.food",          "noun.group",
                                                 "noun.location",    "noun.motive",        "noun.object",
                                                 "noun.person",      "noun.phenomenon",    "noun.plant",
                                                 "noun.possession",  "noun.process",       "noun.quantity",
                                                 "noun.relation",    "noun.shape",         "noun.state",
                                                 "noun.substance",   "noun.time",          "verb.body",
                                                 "verb.change",      "verb.cognition",     "verb.communication",
                                                 "verb.competition", "verb.consumption",   "verb.contact",
                                                 "verb.creation",    "verb.emotion",       "verb.motion",
                                                 "verb.perception",  "verb.possession",    "verb.social",
                                                 "verb.stative",     "verb.weather",       "adj.ppl"};
  return names;
}

std::string split_of(char pos, std::string_view offset) {
  const std::string id = fmt::format("{}:{}", pos, offset);
  const double draw = random::uniform(random::stream(0, "wordnet split", random::hash(id)), 0);
  return draw < 0.90 ? "train" : draw < 0.95 ? "dev" : "test";
}

std::vector<Synset> read(const std::string& dir, const std::string& split) {
  if (!std::filesystem::is_directory(dir))
    throw DataError(
        fmt::format("{}: there is no such directory; the Debian package wordnet-base has WordNet 3.0", dir));
  std::vector<Synset> out;
  for (size_t i = 0; i < files().size(); ++i)
    read_file((std::filesystem::path(dir) / files()[i]).string(), static_cast<int32_t>(i), split, out);
  return out;
}

}  // namespace filigree::data::wordnet

namespace filigree::data {
namespace {

recipe::FormatTraits wordnet_traits() {
  recipe::FormatTraits traits{"wordnet", "a synset of WordNet 3.0: its gloss, its words and its supersense"};
  traits.columns = {"word", "gloss"};
  traits.tasks = {Task::sequence_classification, Task::masked_lm, Task::causal_lm};
  traits.content = "glosses with classes";
  traits.packs = true;
  traits.has_default_dir = true;
  return traits;
}

const std::string& field_of(const wordnet::Synset& synset, const std::string& column) {
  if (column == "word") return synset.word;
  return column == "gloss" ? synset.gloss : wordnet::supersenses()[static_cast<size_t>(synset.supersense)];
}

}  // namespace

WordNet::WordNet() : Format(wordnet_traits()) {}

std::vector<std::string> WordNet::labels() const { return wordnet::supersenses(); }
std::string WordNet::default_dir() const { return wordnet::kDefaultDir; }

Table WordNet::read(const std::string& path, const TableOptions& options) const {
  Table table;
  for (const std::string& name : wordnet::files()) table.files.push_back((std::filesystem::path(path) / name).string());
  for (const wordnet::Synset& synset : wordnet::read(path, options.split)) {
    Row row{synset.line, {}, synset.file};
    for (const std::string& column : options.columns) row.fields.push_back(field_of(synset, column));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace filigree::data
