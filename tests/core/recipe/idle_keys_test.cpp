// labels: unit
// Every key of a recipe is set to other values with --set, over a file that gives every key. No key of the file may lose
// its effect silently, and no message may be about the file alone.
#include "core/recipe/idle_keys.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "core/error.h"
#include "core/recipe/load.h"
#include "core/recipe/schema.h"
#include "core/recipe/yaml/tree.h"
#include "core/shown.h"
#include "tests/core/run/every_key.h"
#include "tests/support/catalog.h"

namespace filigree::recipe {
namespace {

using Sets = std::vector<std::string>;

/// The --set arguments for every key that a recipe has: each choice, some numbers, nothing, and null.
class Arguments {
 public:
  explicit Arguments(Recipe& recipe) : recipe_(recipe) {
    Schema schema(&catalog_);
    describe(recipe, schema);
    section(schema, "");
  }
  Sets sets;

 private:
  void section(Schema& schema, const std::string& prefix) {
    for (const Field& field : schema.fields())
      std::visit([&](const auto& target) { add(target, field, prefix + field.key()); }, field.target());
  }
  void set(const std::string& path, const std::string& value) { sets.push_back(path + "=" + value); }

  template <class T>
  void add(const T& /*target*/, const Field& field, const std::string& path) {
    const bool list = field.type_name() == "list of texts";
    set(path, "null");
    for (const std::string& choice : field.choices()) set(path, list ? "[" + choice + "]" : "'" + choice + "'");
    if (field.range())
      for (const double value : {0.0, 1.0, 2.0, field.range()->lowest()}) set(path, fmt::format("{}", value));
    if (field.type_name() == "true or false")
      for (const char* value : {"true", "false"}) set(path, value);
    if (list) set(path, "[]");
    if (field.type_name() == "text" && field.choices().empty()) set(path, "");
  }
  void add(const Section& target, const Field& /*field*/, const std::string& path) {
    set(path, "null");
    if (!target.present()) return;
    Schema schema(&catalog_);
    target.describe(schema);
    section(schema, path + ".");
  }
  void add(const SectionList& target, const Field& /*field*/, const std::string& path) {
    set(path, "null");
    for (size_t i = 0; i < target.size(); ++i) {
      Schema schema(&catalog_);
      target.describe(i, schema);
      section(schema, fmt::format("{}.{}.", path, recipe_.stages[i].name));
    }
  }
  void add(std::optional<MethodConfig>* target, const Field& /*field*/, const std::string& path) {
    set(path, "null");
    for (const auto& [name, unused] : catalog_.methods.entries()) {
      set(path, name);
      set(path + ".name", name);
    }
    if (!target->has_value()) return;
    Schema schema(&catalog_);
    (*target)->options->describe(schema);
    section(schema, path + ".");
  }

  Recipe& recipe_;
  Catalog catalog_ = filigree::testing::builtin_catalog();
};

void add_keys(const Tree& tree, const std::string& path, std::set<std::string>& keys) {
  for (const Entry& entry : tree.entries)
    add_keys(entry.value, path.empty() ? entry.key : path + "." + entry.key, keys);
  for (size_t i = 0; i < tree.items.size(); ++i) {
    const Tree* name = tree.items[i].find("name");
    if (name != nullptr) add_keys(tree.items[i], path + "." + name->text, keys);
  }
  if (tree.is(Tree::Kind::scalar)) keys.insert(path);
}

std::set<std::string> keys_in(const std::string& text) {
  std::set<std::string> keys;
  add_keys(parse_tree(text, "r.yaml"), "", keys);
  return keys;
}

/// Of `epochs` and `max_steps`, the one that is set replaces the other.
bool is_replaced(const std::string& key, const std::string& by) {
  const auto ends = [&](const char* one, const char* other) { return key.ends_with(one) && by.ends_with(other); };
  return ends(".epochs", ".max_steps") || ends(".max_steps", ".epochs");
}

void expect_nothing_lost(const std::string& text, const std::string& resolved, const std::string& set) {
  const std::string by = set.substr(0, set.find('='));
  const std::set<std::string> left = keys_in(resolved);
  for (const std::string& key : keys_in(text))
    EXPECT_TRUE(left.contains(key) || key == by || key.starts_with(by + ".") || is_replaced(key, by) ||
                by.ends_with(".name"))
        << "--set " << set << " silently removes " << key;
}

void expect_set_is_named(const std::string& message, const std::string& set) {
  std::istringstream lines(message);
  for (std::string line; std::getline(lines, line);)
    EXPECT_TRUE(line.starts_with("--set ") || line.find("after --set " + shown(set, 100)) != std::string::npos)
        << "--set " << set << ": " << line;
}

void check_all_sets(const char* base, const Sets& changes) {
  const Catalog catalog = filigree::testing::builtin_catalog();
  Recipe recipe = load_text(base, "base.yaml", catalog, changes);
  const std::string text = to_yaml(recipe);
  ASSERT_EQ(to_yaml(load_text(text, "r.yaml", catalog)), text);
  const Sets sets = Arguments(recipe).sets;
  size_t good = 0;
  for (const std::string& set : sets) {
    try {
      expect_nothing_lost(text, to_yaml(load_text(text, "r.yaml", catalog, {set})), set);
      ++good;
    } catch (const UsageError& error) {
      expect_set_is_named(error.what(), set);
    }
  }
  EXPECT_GT(good, 50u);
  EXPECT_GT(sets.size(), good + 50u);
}

using train::test::kCausal;
using train::test::kClasses;
using train::test::kContexts;
using train::test::kMasked;

TEST(EverySet, OverClasses) { check_all_sets(kClasses, {}); }
TEST(EverySet, OverScores) { check_all_sets(kClasses, {"model.task=regression"}); }
TEST(EverySet, OverMaskedTexts) { check_all_sets(kMasked, {}); }
TEST(EverySet, OverTexts) { check_all_sets(kCausal, {"data.pack=true"}); }
TEST(EverySet, OverContexts) { check_all_sets(kContexts, {}); }
TEST(EverySet, OverRandomWeights) { check_all_sets(kClasses, {"model.init=random"}); }
TEST(EverySet, OverAPreset) { check_all_sets(kClasses, {"data={task: sst2, dir: d}"}); }
TEST(EverySet, OverWordNet) { check_all_sets(kClasses, {"data={task: wordnet}"}); }
TEST(EverySet, OverJson) {
  check_all_sets(kClasses, {"data={format: jsonl, dir: d, text: [a, b], label: c, labels: [x, y], metric: f1}"});
}

std::string said_of(const char* text, const Sets& sets) {
  try {
    load_text(text, "r.yaml", filigree::testing::builtin_catalog(), sets);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(IdleKeys, GenerateNeedsContexts) {
  EXPECT_EQ(said_of(kContexts, {"data.format=text"}),
            "r.yaml:5: eval.generate: has no effect after --set data.format=text: it is used only when data.format has "
            "contexts, as e2e, prompt_completion and messages have; remove it with --set eval.generate=null");
  EXPECT_EQ(said_of(kContexts, {"data={format: csv, dir: d, text: [a, b]}"}), "");
  EXPECT_EQ(said_of(kContexts, {"data={format: csv, dir: d, text: [a]}"}),
            "r.yaml:5: eval.generate: has no effect after --set data={format: csv, dir: d, text: [a]}: it is used only "
            "when data.text names two columns; remove it with --set eval.generate=null");
  EXPECT_EQ(said_of(kContexts, {"data={task: wordnet}"}).find("r.yaml:5: eval.generate: has no effect"), 0u);
  EXPECT_EQ(said_of(kContexts, {"data={task: wordnet, text: [word, gloss]}"}), "");
}

TEST(IdleKeys, AHeadIsResetOnlyIfItsWeightsAreRead) {
  EXPECT_EQ(said_of(kClasses, {"model.reset_head=false"}), "");
  EXPECT_EQ(said_of(kClasses, {"model.reset_head=false", "model.init=random"}),
            "--set model.reset_head: has no effect: it is used only when init is pretrained");
  EXPECT_EQ(said_of(kMasked, {"model.reset_head=true"}),
            "--set model.reset_head: has no effect: it is used only when model.task is sequence_classification or "
            "regression");
}

TEST(IdleKeys, PassesNeedASparsePart) {
  const Catalog catalog = filigree::testing::builtin_catalog();
  const auto said = [](const Sets& sets) { return said_of(kClasses, sets); };
  EXPECT_EQ(said({"stages.both.method={name: dsee, rank: 2, num_sparse: 0, passes: 3, targets: [value]}"}),
            "--set stages.both.method={name: dsee, rank: 2, num_sparse: 0, passes: 3, targets: [value]}: "
            "stages.both.method.passes: has no "
            "effect: it is used only when num_sparse or sparse_density is not 0");
  EXPECT_EQ(said({"stages.both.method.support=random", "stages.both.method.passes=3"}),
            "--set stages.both.method.passes: has no effect: it is used only when support is grebsmo");
  EXPECT_EQ(to_yaml(load_text(kClasses, "r.yaml", catalog, {"stages.both.method.num_sparse=0"})).find("passes"),
            std::string::npos);
}

// The resolved recipe omits an empty text or list. It must mean the same as the default.
TEST(IdleKeys, NoKeyThatMayBeEmptyHasANonEmptyDefault) {
  const Catalog catalog = filigree::testing::builtin_catalog();
  Recipe recipe = load_text(kClasses, "r.yaml", catalog);
  for (const std::string& set : Arguments(recipe).sets) {
    const std::string key = set.substr(0, set.find('=')), value = set.substr(set.find('=') + 1);
    const bool empty_value = value.empty() || value == "[]" || value == "''";
    // An empty file name is written as it is.
    if (!empty_value || key == "data.train" || key == "data.dev" || key == "data.test") continue;
    try {
      const std::string empty = to_yaml(load_text(kClasses, "r.yaml", catalog, {set}));
      EXPECT_EQ(to_yaml(load_text(kClasses, "r.yaml", catalog, {key + "=null"})), empty) << set;
    } catch (const UsageError&) {
      continue;  // it may not be empty, or not here
    }
  }
}

}  // namespace
}  // namespace filigree::recipe
