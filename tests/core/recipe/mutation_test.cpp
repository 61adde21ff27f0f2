// Recipes damaged at random: load() either reads them or says what is wrong with a UsageError; nothing else may come
// out.
#include <random>
#include <string_view>

#include "tests/core/recipe/support.h"

namespace filigree::recipe::test {
namespace {

using Mutation = RecipeTest;

std::string damage(std::string text, std::mt19937& random) {
  using namespace std::string_view_literals;
  constexpr std::string_view kOdd = "\t \n:-[]{}&*!|>'\"%@`#,?$\\\0\x80\xff~<=.0a"sv;
  const auto below = [&](size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random); };
  for (size_t edits = 1 + below(4); edits > 0; --edits) {
    const size_t at = below(text.size());
    switch (below(4)) {
      case 0:
        text.erase(at, 1 + below(8));
        break;
      case 1:
        text.insert(at, 1, kOdd[below(kOdd.size())]);
        break;
      case 2:
        text[at] = kOdd[below(kOdd.size())];
        break;
      default:
        text.insert(at, text.substr(below(text.size()), below(20)));
        break;
    }
  }
  return text;
}

TEST_F(Mutation, EndsInARecipeOrAUsageError) {
  std::mt19937 random(1);
  int good = 0, bad = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string text = damage(kGood, random);
    try {
      const std::string resolved = to_yaml(load_text(text));
      EXPECT_EQ(to_yaml(load_text(resolved)), resolved) << text;
      ++good;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()), "");
      ++bad;
    } catch (const std::exception& error) {
      ADD_FAILURE() << typeid(error).name() << ": " << error.what() << "\n" << text;
    }
  }
  EXPECT_GT(good, 10);
  EXPECT_GT(bad, 100);
}

TEST_F(Mutation, SetArgumentsToo) {
  std::mt19937 random(2);
  for (int i = 0; i < 500; ++i) {
    const std::string argument = damage("stages.adapt.train.lr=[1e-4, {a: b}]", random);
    try {
      load_text(kGood, {argument});
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()), "");
    } catch (const std::exception& error) {
      ADD_FAILURE() << typeid(error).name() << ": " << error.what() << "\n" << argument;
    }
  }
}

}  // namespace
}  // namespace filigree::recipe::test
