// labels: unit
// Texts that are not YAML: every message names line and column, and has none of the parser's own words.
#include "core/recipe/yaml/syntax.h"

#include <gtest/gtest.h>

#include <random>
#include <regex>

#include "core/error.h"
#include "core/recipe/yaml/tree.h"

namespace filigree::recipe {
namespace {

std::string said(const std::string& text) {
  try {
    parse_tree(text, "r.yaml");
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

const char* const kFallback = "quotes, brackets or indentation are wrong";

void expect_plain(const std::string& message, const std::string& text) {
  EXPECT_TRUE(std::regex_search(message, std::regex("^r\\.yaml(:[0-9]+(:[0-9]+)?)?: "))) << message << "\n" << text;
  for (const char* words : {"illegal", "scanning", "end of map", "end of sequence", "bad conversion", "unknown token",
                            "invalid", "EOF", "the referenced", "node", "scalar", "yaml-cpp", kFallback})
    EXPECT_EQ(message.find(words), std::string::npos) << message << "\n" << text;
  if (message.find("is not valid YAML") != std::string::npos) {
    EXPECT_TRUE(std::regex_search(message, std::regex("^r\\.yaml:[0-9]+:[0-9]+: is not valid YAML: [^:]"))) << message;
  }
}

struct Row {
  const char* text;
  const char* says;
};

TEST(Syntax, EachFaultHasItsRemedy) {
  const Row rows[] = {
      {"a: b: c\n", ":1:5: is not valid YAML: ': ' is not allowed here; put a value that contains ': ' in quotes"},
      {"a: 1\n b: 2\n", "': ' is not allowed here"},
      {"a: [1, 2\nb: 3\n", "a '[' has no ']'"},
      {"a: {b: 1\nc: 3\n", "a '{' has no '}'"},
      {"a: 1]\nb: {c: 1}]\n", "this ']' or '}' closes nothing"},
      {"a:\n  - b\n  c: 1\n", "the indentation of this line fits no section and no list above it"},
      {"a: \"open\nb: 1\n", "a text in quotes that starts before this place has no closing quote"},
      {"a: b\nc: 'open\n\n", "a text in quotes that starts before this place has no closing quote"},
      {"a: 'open\n---\nb'\n", "a text in quotes has a line that starts with '---'"},
      {"a: - b\n", "'- ' starts a list item, which is not allowed here"},
      {"a: @b\n", "a value cannot start with this character; put the value in quotes"},
      {"a: `b\n", "a value cannot start with this character"},
      {"a: %b\n", "a value cannot start with this character"},
      {"a: *b\n", "a '*' at the start of a value refers to an anchor"},
      {"a: * b\n", "a '*' or '&' at the start of a value needs a name"},
      {"a: &\n", "a '*' or '&' at the start of a value needs a name"},
      {"a: &x &y 1\n", "a value has two anchors"},
      {"a: !x !y 1\n", "a '!' at the start of a value is a YAML tag"},
      {"a: \"\\q\"\n", "a '\\' in double quotes starts an escape sequence, and this one does not exist"},
      {"a: \"\\xzz\"\n", "a '\\' in double quotes starts an escape sequence"},
      {"a: |0\n  x\n", "after '|' or '>' only '+', '-' and a digit from 1 to 9 are allowed"},
      {"a: >x\n  x\n", "after '|' or '>' only"},
      {"%YAML\n---\na: 1\n", "a line that starts with '%' is a YAML directive"},
      {"a:\n\t- b\n", "line 2 is indented with a tab; YAML requires spaces"},
  };
  for (const Row& row : rows) {
    const std::string message = said(row.text);
    EXPECT_NE(message.find(row.says), std::string::npos) << row.text << message;
    expect_plain(message, row.text);
  }
}

TEST(Syntax, DeepNesting) { expect_plain(said("a: " + std::string(5000, '[') + "\n"), "5000 brackets"); }

TEST(Syntax, TextsAtRandomGetPlainMessages) {
  constexpr const char* kPieces[] = {"a",   "b: ", ": ", "- ", "\n",  "\n  ", "\n    ", "[",   "]",   "{",
                                     "}",   ",",   "'",  "\"", "&",   "*",    "!",      "|",   ">",   "%",
                                     "@",   "#",   " #", "? ", "...", "\t",   "\\",     "\\x", "---", "&a ",
                                     "*a ", "!t ", "1",  "~",  "`",   "<<: ", "|-\n"};
  std::mt19937 random(5);
  const auto below = [&](size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random); };
  int bad = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = "k: ";
    for (size_t n = 1 + below(8); n > 0; --n) text += kPieces[below(std::size(kPieces))];
    const std::string message = said(text);
    if (message.empty()) continue;
    expect_plain(message, text);
    ++bad;
  }
  EXPECT_GT(bad, 5000);
}

}  // namespace
}  // namespace filigree::recipe
