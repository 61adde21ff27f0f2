#pragma once
// A YAML document as a plain tree that remembers where each value was written. Only tree.cpp sees yaml-cpp.
//
// Scalars are kept as text; the field that reads a scalar determines its type. Duplicate keys are kept, so that the
// loader can report both lines.
#include <string>
#include <utility>
#include <vector>

namespace filigree::recipe {

inline constexpr const char* kSetOrigin = "--set";

/// Where a value comes from: a line of a file, or a --set argument.
struct Origin {
  std::string file;           ///< kSetOrigin for an argument
  int line = 0;               ///< 1-based; 0 for an argument
  std::string argument = {};  ///< "seed=7"; empty for a line of a file
  bool from_set() const { return file == kSetOrigin; }
};

struct Entry;

struct Tree {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  std::string text = {};         ///< scalar
  bool quoted = false;           ///< scalar written with quotes or as a block: text, never a number
  std::vector<Tree> items = {};  ///< list
  std::vector<Entry> entries;    ///< map, in the order of the file
  Origin origin = {};

  bool is(Kind other) const { return kind == other; }
  Tree* find(const std::string& key);
  const Tree* find(const std::string& key) const;
  void set(const std::string& key, Tree value);  ///< replaces or appends
  void erase(const std::string& key);
};

struct Entry {
  std::string key;
  Origin origin;  ///< of the key
  Tree value;
};

/// How messages name a document of this kind.
struct DocumentWords {
  std::string noun = "recipe";
  std::string needs = "at least name, model, data and stages";
};

/// Reads a file. Throws UsageError if it is missing, a directory, unreadable, empty, not UTF-8, not YAML, or has more
/// than one document.
Tree read_tree(const std::string& path, const DocumentWords& words = {});

/// The same for text; `path` is for messages.
Tree parse_tree(const std::string& text, const std::string& path, const DocumentWords& words = {});

/// The value of one --set argument, of which `text` is the part after '='. Throws UsageError when it is not YAML.
Tree parse_value(const std::string& text, const std::string& argument);

}  // namespace filigree::recipe
