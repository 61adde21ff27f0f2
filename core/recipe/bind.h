#pragma once
// Fills a Recipe from a tree, field by field of its schema, and collects every problem.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/recipe/catalog.h"
#include "core/recipe/load.h"
#include "core/recipe/schema.h"
#include "core/recipe/yaml/tree.h"

namespace filigree::recipe {

/// What the rules between sections need to know about a recipe's text.
struct Source {
  std::string file;
  OldKeys old_keys = OldKeys::refuse;
  std::map<std::string, Origin> where;    ///< origin of each key given, by its path: "stages.adapt.train.lr"
  std::map<std::string, Origin> removed;  ///< origin of each `--set KEY=null`, by the path of the key
  std::set<std::string> doubtful;         ///< paths whose value may not be what the user meant: misread or misspelled

  bool given(const std::string& path) const { return where.contains(path); }
  /// Whether the user gave the path: in a recipe of their own or, over a saved recipe, with --set.
  bool by_user(const std::string& path) const;
  bool sound(const std::string& path) const;     ///< neither the path nor a section above it is doubtful
  Origin origin(const std::string& path) const;  ///< of the path, or of the nearest given section above it
  /// The --set argument that gave or removed the path or a section above it; "" if none did.
  std::string argument(const std::string& path) const;
  /// A problem of `path`. If a --set of one of the paths `rests_on`, or one that removed `path`, brought it about in
  /// what the file gives, the message names it.
  Problem problem(const std::string& path, const std::string& message,
                  const std::vector<std::string>& rests_on = {}) const;
};

/// "has no effect: it is used only when <when>"; `argument`: of the --set that made a key of the file idle.
std::string idle_message(const std::string& path, const std::string& when, const std::string& argument);

/// Path of a stage: by its name if that is unique, else by its number.
std::string stage_path(const std::vector<std::string>& names, size_t index);

class Binder {
 public:
  Binder(const Catalog& catalog, OldKeys old_keys, std::vector<Problem>& problems)
      : catalog_(catalog), old_keys_(old_keys), problems_(problems) {}
  Source bind(const Tree& tree, Recipe& recipe);

 private:
  void section(const Tree& tree, Schema& schema, const std::string& path, const std::string& what);
  const Field* field_of(const Entry& entry, const Schema& schema) const;
  void entry(const Entry& entry, const Field& field, const std::string& path);
  void unknown_key(const Entry& entry, const Schema& schema, const std::string& path, const std::string& what);
  void take_away(const Entry& entry, const Field& field, const std::string& path);
  void absent_keys(const Tree& tree, const Schema& schema, const std::string& path);
  void idle_keys(const Tree& tree, const Schema& schema, const std::string& path);

  // One reader per kind of target. Returns true if a value was read and its range must be checked.
  bool read(const Tree& tree, const Field& field, const Section& target, const std::string& path);
  bool read(const Tree& tree, const Field& field, const SectionList& target, const std::string& path);
  bool read(const Tree& tree, const Field& field, std::optional<MethodConfig>* target, const std::string& path);
  bool read(const Tree& tree, const Field& field, std::vector<std::string>* target, const std::string& path);
  bool read(const Tree& tree, const Field& field, const Choice& target, const std::string& path);
  bool read(const Tree& tree, const Field& field, const ChoiceList& target, const std::string& path);
  template <class T>
  bool read(const Tree& tree, const Field& field, std::optional<T>* target, const std::string& path);
  template <class T>
  bool read(const Tree& tree, const Field& field, T* target, const std::string& path);

  void method(const Tree& tree, MethodConfig& config, const std::string& path);
  void fail(const Origin& origin, const std::string& path, const std::string& message);

  const Catalog& catalog_;
  OldKeys old_keys_;
  std::vector<Problem>& problems_;
  Source source_;
};

}  // namespace filigree::recipe
