// Tokens of the caption metrics, by these rules:
//
//   - Dropped marks: quotes, a single ! or ?, commas, colons, semicolons, periods, standalone hyphens and
//     dashes. Kept within a word: - . / & @ _ * ("mid-priced", "www.x.com", "and/or", "R&B"); between digits
//     also , and : ("1,000", "20:30"); a sign before a number ("-5").
//   - Clitics are separate tokens: 's 'm 'd 're 've 'll n't; "cannot" -> "can not", and likewise gonna, gotta,
//     wanna, gimme, lemme.
//   - Brackets are tokens: -lrb- -rrb- -lsb- -rsb- -lcb- -rcb-. (pycocoevalcap intends to drop round and curly
//     ones, but looks for them in upper case after lowercasing.) So are "!!" and "?!".
//   - £ -> "#" and € -> "$" are separate tokens; so are $, %, and # before a digit.
//   - A period belongs to an abbreviation: single letters ("U.S.", "e.g.", "J.") and a short list ("Mr.",
//     "St.", "etc.").
//   - All tokens are in lower case.
//
// Differences from PTBTokenizer: its long list of abbreviations, "rock'n'roll", "'tis", "'90s", "10:30am",
// fractions, tags, file names, smileys.
#include <algorithm>
#include <array>

#include "core/metrics/text/tokenize.h"

namespace filigree::text_metrics {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80; }
bool is_alnum(char c) { return is_letter(c) || is_digit(c); }

bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

/// Replaces non-ASCII marks by the ASCII marks that they are scored as.
std::string ascii_marks(std::string text) {
  constexpr std::pair<const char*, const char*> kMarks[] = {{"£", " # "},  {"€", " $ "},  {"‘", "'"},
                                                            {"’", "'"},    {"“", "\""},   {"”", "\""},
                                                            {"–", " -- "}, {"—", " -- "}, {"…", " ... "}};
  for (const auto& [mark, ascii] : kMarks) {
    const std::string_view what(mark), by(ascii);
    for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
      text.replace(at, what.size(), by);
  }
  return text;
}

std::string bracket(char c) {
  constexpr std::string_view kBrackets = "()[]{}", kShapes = "rrsscc";
  const size_t place = kBrackets.find(c);
  return {'-', place % 2 ? 'r' : 'l', kShapes[place], 'b', '-'};
}

/// Splits one lower-case piece of text without whitespace into tokens.
class Cutter {
 public:
  Cutter(std::string_view piece, Tokens& out) : piece_(piece), out_(out) {}

  void run() {
    while (at_ < piece_.size()) step();
    close();
  }

 private:
  char near(size_t at) const { return at < piece_.size() ? piece_[at] : '\0'; }
  char before() const { return at_ ? piece_[at_ - 1] : '\0'; }
  size_t run_length(std::string_view set) const {
    return std::min(piece_.find_first_not_of(set, at_), piece_.size()) - at_;
  }

  void step() {
    const char c = piece_[at_];
    const char next = near(at_ + 1);
    if (is_alnum(c)) return keep();
    if (c == '\'') return apostrophe();
    if (is_one_of(c, "\"`;")) return drop(1);
    if (is_one_of(c, ",:")) return is_digit(before()) && is_digit(next) ? keep() : drop(1);
    if (is_one_of(c, "!?")) return shout();
    if (c == '.') return stop();
    if (is_one_of(c, "+-") && word_.empty() && is_digit(next)) return keep();
    if (c == '-') return run_length("-") == 1 && !word_.empty() && is_alnum(next) ? keep() : drop(run_length("-"));
    if (is_one_of(c, "([{}])")) return alone(bracket(c));
    if (c == '#' && !is_digit(next)) return keep();
    if (is_one_of(c, "/&@_*") && !word_.empty() && is_alnum(next)) return keep();
    alone(std::string(1, c));
  }

  void keep() { word_ += piece_[at_++]; }
  void drop(size_t bytes) {
    close();
    at_ += bytes;
  }
  void alone(std::string token) {
    close();
    out_.push_back(std::move(token));
    ++at_;
  }

  void shout() {
    const size_t length = run_length("!?");
    close();
    if (length > 1) out_.emplace_back(piece_.substr(at_, length));
    at_ += length;
  }

  void stop() {
    const char next = near(at_ + 1);
    const bool inside = !word_.empty() && is_alnum(next), fraction = word_.empty() && is_digit(next);
    if (run_length(".") == 1 && (inside || fraction || is_abbreviation())) return keep();
    drop(run_length("."));
  }

  /// Whether the period that follows belongs to the word so far.
  bool is_abbreviation() const {
    constexpr std::array<std::string_view, 14> kKnown{"mr", "mrs", "ms",  "dr", "st",   "prof", "jr",
                                                      "sr", "ltd", "inc", "co", "corp", "etc",  "vs"};
    if (std::find(kKnown.begin(), kKnown.end(), word_) != kKnown.end()) return true;
    for (size_t i = 0; i < word_.size(); ++i)
      if (i % 2 ? word_[i] != '.' : !is_letter(word_[i])) return false;
    return word_.size() % 2 == 1;
  }

  void apostrophe() {
    for (const std::string_view clitic : {"'s", "'m", "'d", "'re", "'ve", "'ll"})
      if (piece_.substr(at_, clitic.size()) == clitic && !is_alnum(near(at_ + clitic.size()))) return clitic_of(clitic);
    const bool negation = near(at_ + 1) == 't' && !is_alnum(near(at_ + 2)) && !word_.empty() && word_.back() == 'n';
    if (negation) {
      word_.pop_back();
      close();
      out_.emplace_back("n't");
      at_ += 2;
    } else {
      !word_.empty() && is_alnum(near(at_ + 1)) ? keep() : drop(1);
    }
  }
  void clitic_of(std::string_view clitic) {
    close();
    out_.emplace_back(clitic);
    at_ += clitic.size();
  }

  /// Ends the word.
  void close() {
    if (word_.empty()) return;
    constexpr std::array<std::string_view, 6> kJoined{"cannot", "gonna", "gotta", "wanna", "gimme", "lemme"};
    if (std::find(kJoined.begin(), kJoined.end(), word_) != kJoined.end()) {
      out_.push_back(word_.substr(0, 3));
      word_.erase(0, 3);
    }
    out_.push_back(std::move(word_));
    word_.clear();
  }

  std::string_view piece_;
  Tokens& out_;
  std::string word_;
  size_t at_ = 0;
};

}  // namespace

Tokens split_caption(std::string_view text) {
  Tokens out;
  for (const auto& piece : split_words(ascii_marks(lower(text)))) Cutter(piece, out).run();
  return out;
}

}  // namespace filigree::text_metrics
