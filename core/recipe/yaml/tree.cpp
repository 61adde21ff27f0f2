#include "core/recipe/yaml/tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>

#include "core/error.h"
#include "core/files/read.h"
#include "core/recipe/yaml/syntax.h"
#include "core/shown.h"

namespace filigree::recipe {
namespace {

constexpr int kMaxDepth = 32;
constexpr size_t kMaxNodes = 100000;
constexpr size_t kMaxBytes = 4u << 20;

/// Converts yaml-cpp nodes to a Tree. The limits stop documents that refer to themselves or explode through aliases.
class Converter {
 public:
  explicit Converter(std::string file, std::string argument = {}, std::string noun = "recipe")
      : file_(std::move(file)), argument_(std::move(argument)), noun_(std::move(noun)) {}

  Tree convert(const YAML::Node& node, int key_line, int depth) {
    Tree tree;
    tree.origin = {file_, key_line > 0 ? key_line : line_of(node), argument_};
    if (depth > kMaxDepth || ++nodes_ > kMaxNodes)
      fail(tree.origin, "is nested too deeply, has too many values or refers to itself");
    if (const std::string& tag = node.Tag(); !tag.empty() && tag != "?" && tag != "!") {
      fail(tree.origin, fmt::format("has the YAML tag '{}'; {}s use none", shown(tag), noun_));
    }
    if (node.IsScalar()) {
      tree.kind = Tree::Kind::scalar;
      tree.text = node.Scalar();
      tree.quoted = node.Tag() == "!";
      tree.origin.line = line_of(node);
    } else if (node.IsSequence()) {
      tree.kind = Tree::Kind::list;
      for (const YAML::Node& item : node) tree.items.push_back(convert(item, 0, depth + 1));
    } else if (node.IsMap()) {
      tree.kind = Tree::Kind::map;
      for (const auto& pair : node) tree.entries.push_back(entry(pair.first, pair.second, depth));
    }
    return tree;
  }

 private:
  // The line of a section is that of its key; missing keys of the section are reported there.
  Entry entry(const YAML::Node& key, const YAML::Node& value, int depth) {
    const Origin origin{file_, line_of(key), argument_};
    if (!key.IsScalar()) fail(origin, "has a key that is not a plain word");
    return {key.Scalar(), origin, convert(value, origin.line, depth + 1)};
  }

  int line_of(const YAML::Node& node) const { return file_ == kSetOrigin ? 0 : std::max(node.Mark().line, 0) + 1; }

  [[noreturn]] static void fail(const Origin& origin, const std::string& what) {
    throw UsageError(origin.from_set() ? what : fmt::format("{}:{}: {}", origin.file, origin.line, what));
  }

  std::string file_, argument_, noun_;
  size_t nodes_ = 0;
};

/// An unreadable recipe is a UsageError, unlike other unreadable files (DataError).
std::string read_bytes(const std::string& path) {
  try {
    return files::read_file_or_stream(path, kMaxBytes);
  } catch (const DataError& error) {
    throw UsageError(error.what());
  }
}

/// Length of the well-formed UTF-8 sequence at `i`; 0 when there is none.
size_t utf8_length(const std::string& text, size_t i) {
  const auto byte = [&](size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u; };
  const auto tail = [&](size_t k, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(k) >= low && byte(k) <= high;
  };
  const unsigned lead = byte(i);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(i + 1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    return tail(i + 1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF) && tail(i + 2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    return tail(i + 1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF) && tail(i + 2) && tail(i + 3) ? 4 : 0;
  }
  return 0;
}

void require_text(const std::string& path, const std::string& text, const std::string& noun) {
  int line = 1;
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_length(text, i);
    if (length == 0) throw UsageError(fmt::format("{}:{}: is not UTF-8; save the {} as UTF-8 text", path, line, noun));
    if (text[i] == '\0')
      throw UsageError(fmt::format("{}:{}: contains a zero byte; this is not a text file", path, line));
    if (text[i] == '\n') ++line;
    i += length;
  }
}

/// YAML forbids tabs in indentation, and the parser's own message about them is misleading.
std::string tab_hint(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const size_t first = line.find_first_not_of(' ');
    if (first != std::string::npos && line[first] == '\t') {
      return fmt::format(" (line {} is indented with a tab; YAML requires spaces)", number);
    }
  }
  return "";
}

/// Discards the parser's events.
class Ignored : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

/// YAML::LoadAll() cannot be used: for some texts (a lone comma) the parser returns empty documents forever.
bool holds_several_documents(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Ignored events;
  return parser.HandleNextDocument(events) && parser.HandleNextDocument(events);
}

/// The parser reports a quote that is never closed only if the text does not end with a line end.
std::string without_last_line_end(const std::string& text) { return text.substr(0, text.find_last_not_of("\r\n") + 1); }

Tree parse(const std::string& path, const std::string& text, const DocumentWords& words) {
  if (holds_several_documents(without_last_line_end(text)))
    throw UsageError(fmt::format("{}: contains several YAML documents; a {} has one", path, words.noun));
  const YAML::Node document = YAML::Load(text);
  if (document.IsNull()) throw UsageError(fmt::format("{}: is empty; a {} has {}", path, words.noun, words.needs));
  if (!document.IsMap()) throw UsageError(fmt::format("{}:1: is not a {}; write 'key: value' lines", path, words.noun));
  return Converter(path, {}, words.noun).convert(document, 1, 0);
}

}  // namespace

Tree* Tree::find(const std::string& key) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &found->value;
}

const Tree* Tree::find(const std::string& key) const { return const_cast<Tree*>(this)->find(key); }

void Tree::set(const std::string& key, Tree value) {
  if (Tree* old = find(key)) {
    *old = std::move(value);
  } else {
    const Origin from = value.origin;
    entries.push_back({key, from, std::move(value)});
  }
}

void Tree::erase(const std::string& key) {
  std::erase_if(entries, [&](const Entry& entry) { return entry.key == key; });
}

Tree read_tree(const std::string& path, const DocumentWords& words) {
  return parse_tree(read_bytes(path), path, words);
}

Tree parse_tree(const std::string& text, const std::string& path, const DocumentWords& words) {
  require_text(path, text, words.noun);
  try {
    return parse(path, text, words);
  } catch (const YAML::Exception& error) {
    throw UsageError(fmt::format("{}:{}:{}: is not valid YAML: {}{}", path, std::max(error.mark.line, 0) + 1,
                                 std::max(error.mark.column, 0) + 1, explain_syntax(error.msg), tab_hint(text)));
  }
}

Tree parse_value(const std::string& text, const std::string& argument) {
  const Origin origin{kSetOrigin, 0, argument};
  if (text.empty()) return {.kind = Tree::Kind::scalar, .text = "", .quoted = true, .entries = {}, .origin = origin};
  try {
    return Converter(kSetOrigin, argument).convert(YAML::Load(text), 0, 0);
  } catch (const YAML::Exception& error) {
    throw UsageError(fmt::format("cannot read the value '{}': {}", shown(text), explain_syntax(error.msg)));
  }
}

}  // namespace filigree::recipe
