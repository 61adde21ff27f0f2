// The list of a bench and its seeds: what is read, and that each fault is named with its line.
#include "core/bench/list.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace filigree::bench {
namespace {

const std::string kGood = R"(name: demo
set: [checkpoint.keep=1]
methods:
  - name: full
    recipe: ../full.yaml
  - name: pst-90
    recipe: /recipes/pst.yaml
    set: [stages.adapt.method.sparsity=0.9, "log_every=1"]
  - name: lora-peft
    external: results/lora.json
)";

std::string replace(std::string text, const std::string& old, const std::string& with) {
  const size_t at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return text.replace(at, old.size(), with);
}

std::string complaint(const std::string& text) {
  try {
    parse_list(text, "lists/l.yaml");
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

std::string seeds_complaint(const std::string& text) {
  try {
    parse_seeds(text);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(List, ReadsMethodsWithPathsRelativeToIt) {
  const List list = parse_list(kGood, "lists/l.yaml");
  EXPECT_EQ(list.name, "demo");
  ASSERT_EQ(list.methods.size(), 3u);
  EXPECT_EQ(list.methods[0].recipe, "full.yaml");
  EXPECT_EQ(list.methods[0].sets, std::vector<std::string>{"checkpoint.keep=1"});
  EXPECT_EQ(list.methods[1].recipe, "/recipes/pst.yaml");
  EXPECT_EQ(list.methods[1].sets,
            (std::vector<std::string>{"checkpoint.keep=1", "stages.adapt.method.sparsity=0.9", "log_every=1"}));
  EXPECT_EQ(list.methods[2].external, "lists/results/lora.json");
  EXPECT_TRUE(list.methods[2].recipe.empty() && list.methods[2].sets.empty());
  EXPECT_EQ(list.methods[2].line, 9);
}

TEST(List, GivesAMethodSeedsOfItsOwn) {
  const List list = parse_list(replace(kGood, "name: pst-90", "name: pst-90\n    seeds: 4,2"), "lists/l.yaml");
  const std::vector<int64_t> given{1, 2, 3};
  EXPECT_EQ(list.methods[0].seeds_or(given), given);
  EXPECT_EQ(list.methods[1].seeds_or(given), (std::vector<int64_t>{4, 2}));
  EXPECT_EQ(complaint(replace(kGood, "name: pst-90", "name: pst-90\n    seeds: 2,x")),
            "lists/l.yaml:7: methods.pst-90.seeds: is '2,x', and 'x' is not a seed; write whole numbers of at least 0 "
            "with commas: 1,2,3");
  EXPECT_EQ(complaint(replace(kGood, "name: pst-90", "name: pst-90\n    seeds: [1, 2]")),
            "lists/l.yaml:7: methods.pst-90.seeds: must be seeds with commas, as --seeds takes them: 1,2,3");
}

TEST(List, IsNamedAfterItsFileByDefault) {
  EXPECT_EQ(parse_list(replace(kGood, "name: demo\n", ""), "lists/sst2.yaml").name, "sst2");
}

TEST(List, ReplacesVariables) {
  ::setenv("FILIGREE_BENCH_TEST", "/elsewhere", 1);
  EXPECT_EQ(parse_list(replace(kGood, "../full.yaml", "\"${FILIGREE_BENCH_TEST}/f.yaml\""), "l.yaml").methods[0].recipe,
            "/elsewhere/f.yaml");
  ::unsetenv("FILIGREE_BENCH_TEST");
  EXPECT_NE(
      complaint(replace(kGood, "../full.yaml", "\"${NOT_SET_ANYWHERE}\"")).find("lists/l.yaml:5: methods.full.recipe"),
      std::string::npos);
}

TEST(List, ReportsAllFaultsWithTheirLines) {
  std::string text = replace(kGood, "recipe: ../full.yaml", "recepi: ../full.yaml");
  text = replace(text, "name: pst-90", "name: a/b");
  text = replace(text, "sparsity=0.9", "sparsity");
  text = replace(text, "external: results", "recipe: x.yaml\n    external: results");
  EXPECT_EQ(complaint(text),
            "lists/l.yaml:4: methods.full: needs either a recipe or external results\n"
            "lists/l.yaml:5: methods.full.recepi: is not a key of a method; did you mean 'recipe'?\n"
            "lists/l.yaml:6: methods.name: is 'a/b'; use letters, digits, '-', '_' and '.', starting with a letter or "
            "digit\n"
            "lists/l.yaml:8: methods.a/b.set: is 'stages.adapt.method.sparsity', must be KEY=VALUE\n"
            "lists/l.yaml:9: methods.lora-peft: needs either a recipe or external results");
}

TEST(List, RefusesWhatHasNoEffectOrIsGivenTwice) {
  EXPECT_EQ(complaint(replace(kGood, "log_every=1", "seed=3")),
            "lists/l.yaml:8: methods.pst-90.set: sets seed, which --seeds gives");
  EXPECT_EQ(complaint(replace(kGood, "name: pst-90", "name: full")),
            "lists/l.yaml:6: methods.full: has the name of the method in line 4");
  EXPECT_EQ(complaint(kGood + "    set: [a=b]\n"),
            "lists/l.yaml:11: methods.lora-peft.set: has no effect on external results; remove it");
  EXPECT_EQ(complaint(replace(kGood, "name: demo", "name: demo\nname: more")),
            "lists/l.yaml:2: name: is given twice, first in line 1");
}

TEST(List, RefusesOtherDocuments) {
  EXPECT_EQ(complaint(""), "lists/l.yaml: is empty; a method list has methods, each with a name and a recipe");
  EXPECT_EQ(complaint("- a\n"), "lists/l.yaml:1: is not a method list; write 'key: value' lines");
  for (const char* methods : {"", " []", " x", "\n  - 3", "\n  - {recipe: r.yaml}"})
    EXPECT_NE(complaint(std::string("methods:") + methods + "\n").find("lists/l.yaml:"), std::string::npos) << methods;
  EXPECT_NE(complaint("name: x\n").find("methods: must be a list of methods"), std::string::npos);
}

TEST(Seeds, AreDifferentWholeNumbers) {
  EXPECT_EQ(parse_seeds("3"), std::vector<int64_t>{3});
  EXPECT_EQ(parse_seeds("1,2,30"), (std::vector<int64_t>{1, 2, 30}));
  for (const char* bad : {"", "1,", ",1", "1,,2", "-1", "1.5", "x", "1 2", "99999999999999999999"})
    EXPECT_NE(seeds_complaint(bad).find("is not a seed"), std::string::npos) << bad;
  EXPECT_EQ(seeds_complaint("1,2,1"),
            "--seeds is '1,2,1', which has 1 twice; write whole numbers of at least 0 with commas: 1,2,3");
}

}  // namespace
}  // namespace filigree::bench
