// Every recipe that ships is good, and its resolved form reads back. The list of a recipe's keys is pinned, and the
// reference page is that of the program; FILIGREE_UPDATE_DOCS=1 rewrites both files.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "core/adapt/method.h"
#include "core/bench/list.h"
#include "core/recipe/load.h"
#include "tests/support/catalog.h"

namespace filigree::recipe {
namespace {

const std::string kSource = FILIGREE_SOURCE_DIR;

std::string read(const std::string& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<std::string> yaml_files(bool lists) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kSource + "/recipes")) {
    const bool is_list = entry.path().parent_path().filename() == "bench";
    if (entry.path().extension() == ".yaml" && is_list == lists) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<std::string> shipped() { return yaml_files(false); }

/// The committed file must hold `text`; with FILIGREE_UPDATE_DOCS=1 it is made to.
void expect_file(const std::string& path, const std::string& text) {
  if (::getenv("FILIGREE_UPDATE_DOCS") != nullptr) std::ofstream(path) << text;
  EXPECT_EQ(read(path), text) << path
                              << " is out of date; run this test once with FILIGREE_UPDATE_DOCS=1 and look at the diff";
}

TEST(ShippedRecipes, AllLoadAndReadBack) {
  std::set<std::string> names;
  const auto paths = shipped();
  EXPECT_EQ(paths.size(), 31u) << "a recipe was added or lost: change this count with it";
  for (const std::string& path : paths) {
    SCOPED_TRACE(path);
    const Recipe recipe = load(path, {}, filigree::testing::builtin_catalog());
    EXPECT_TRUE(names.insert(recipe.name).second) << "two recipes are called " << recipe.name;

    const std::string resolved = to_yaml(recipe);
    const std::string copy = ::testing::TempDir() + "/filigree-resolved.yaml";
    std::ofstream(copy) << resolved;
    EXPECT_EQ(to_yaml(load(copy, {}, filigree::testing::builtin_catalog())), resolved);
    std::filesystem::remove(copy);
  }
}

TEST(ShippedLists, EachMethodHasAGoodRecipeOfItsOwn) {
  ::setenv("FILIGREE_EXTERNAL", "/nowhere", 0);
  EXPECT_EQ(yaml_files(true).size(), 5u) << "a list was added or lost: change this count with it";
  for (const std::string& path : yaml_files(true)) {
    const bench::List list = bench::read_list(path);
    std::set<std::string> recipes;
    for (const bench::Method& method : list.methods) {
      SCOPED_TRACE(path + ": " + method.name);
      if (!method.external.empty()) continue;
      const Recipe recipe = load(method.recipe, method.sets, filigree::testing::builtin_catalog());
      EXPECT_TRUE(recipes.insert(to_yaml(recipe)).second) << "another method has the same recipe";
      for (const char* sets : {"data.max_train_samples=500", "parallel.precision=fp32"})
        EXPECT_NO_THROW(load(method.recipe, {sets}, filigree::testing::builtin_catalog()));
    }
  }
}

TEST(ShippedRecipes, SayHowTheyAreLaunched) {
  for (const std::string& path : shipped()) {
    const std::string name = std::filesystem::relative(path, kSource).string();
    const std::string text = read(path);
    const std::regex launch("# Launch: mpirun -n [28] filigree train " + name + "( --(set|out) [^ \n]+)?\n");
    EXPECT_TRUE(std::regex_search(text, launch)) << name;
    EXPECT_EQ(text.rfind("# ", 0), 0u) << name << " does not open with what it does";
  }
}

TEST(Reference, PageIsCurrent) {
  expect_file(kSource + "/docs/recipe-reference.md", reference(filigree::testing::builtin_catalog()));
}

TEST(Reference, KeysAreADecision) {
  std::string list;
  for (const std::string& key : keys(filigree::testing::builtin_catalog())) list += key + "\n";
  expect_file(kSource + "/tests/launch/recipe_keys.txt", list);
}

}  // namespace
}  // namespace filigree::recipe
