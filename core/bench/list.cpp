#include "core/bench/list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>

#include "core/error.h"
#include "core/recipe/load.h"
#include "core/recipe/suggest.h"
#include "core/recipe/yaml/environment.h"
#include "core/recipe/yaml/scalar.h"
#include "core/recipe/yaml/tree.h"
#include "core/shown.h"

namespace filigree::bench {
namespace {

namespace fs = std::filesystem;
using recipe::Tree;

constexpr size_t kLongestName = 100;  // "-seed" and the seed follow in the name of a directory
const recipe::DocumentWords kWords{"method list", "methods, each with a name and a recipe"};

/// Letters, digits, '-', '_' and '.', as in the name of a recipe: it is the name of a directory.
std::string name_problem(const std::string& name) {
  const auto is_good = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  if (name.size() > kLongestName) return fmt::format("has {} characters; use at most {}", name.size(), kLongestName);
  const bool good = !name.empty() && std::ranges::all_of(name, is_good) && name.front() != '.' && name.front() != '-';
  return good ? ""
              : fmt::format("is '{}'; use letters, digits, '-', '_' and '.', starting with a letter or digit",
                            shown(name));
}

/// Returns what is wrong with the text; empty if nothing is.
std::string read_seeds(const std::string& text, std::vector<int64_t>& seeds) {
  const auto problem = [&](const std::string& what) {
    return fmt::format("is '{}', {}; write whole numbers of at least 0 with commas: 1,2,3", shown(text), what);
  };
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    int64_t seed = -1;
    const auto [stop, code] = std::from_chars(text.data() + begin, text.data() + end, seed);
    if (code != std::errc() || stop != text.data() + end || seed < 0)
      return problem(fmt::format("and '{}' is not a seed", shown(text.substr(begin, end - begin))));
    if (std::ranges::find(seeds, seed) != seeds.end()) return problem(fmt::format("which has {} twice", seed));
    seeds.push_back(seed);
    begin = end + 1;
  }
  return "";
}

class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  List read(const Tree& tree) {
    List list{.file = file_, .name = fs::path(file_).stem().string(), .methods = {}};
    check_keys(tree, "", "a method list", {"name", "set", "methods"});
    if (const Tree* name = tree.find("name")) list.name = text(*name, "name");
    if (const std::string problem = name_problem(list.name); !problem.empty())
      report(line_of(tree.find("name")), "name", problem);
    const auto shared = sets(tree.find("set"), "set");
    const Tree* methods = tree.find("methods");
    if (methods == nullptr || !methods->is(Tree::Kind::list) || methods->items.empty())
      report(line_of(methods), "methods", "must be a list of methods, each with a name and a recipe");
    else
      for (const Tree& item : methods->items) add_method(item, shared, list);
    refuse_problems();
    return list;
  }

 private:
  static int line_of(const Tree* tree) { return tree == nullptr ? 1 : tree->origin.line; }

  void report(int line, const std::string& key, const std::string& message) {
    problems_.push_back({.file = file_, .line = line, .key = key, .message = message});
  }

  void refuse_problems() {
    if (problems_.empty()) return;
    std::ranges::stable_sort(problems_, {}, &recipe::Problem::line);
    std::vector<std::string> lines;
    for (const recipe::Problem& problem : problems_) lines.push_back(recipe::to_string(problem));
    throw UsageError(fmt::format("{}", fmt::join(lines, "\n")));
  }

  void check_keys(const Tree& tree, const std::string& path, const std::string& what,
                  const std::vector<std::string>& known) {
    std::map<std::string, int> lines;
    for (const auto& entry : tree.entries) {
      if (std::ranges::find(known, entry.key) == known.end()) {
        const std::string guess = recipe::nearest(entry.key, known);
        report(entry.origin.line, path + entry.key,
               guess.empty() ? fmt::format("is not a key of {}; it has {}", what, fmt::join(known, ", "))
                             : fmt::format("is not a key of {}{}", what, recipe::did_you_mean(guess)));
      }
      if (const auto [first, is_new] = lines.emplace(entry.key, entry.origin.line); !is_new)
        report(entry.origin.line, path + entry.key, fmt::format("is given twice, first in line {}", first->second));
    }
  }

  std::string text(const Tree& tree, const std::string& key) {
    std::string value;
    const std::string problem = tree.is(Tree::Kind::scalar)
                                    ? recipe::parse_scalar(tree.text, tree.quoted, value)
                                    : fmt::format("must be text, not {}", recipe::describe_kind(tree));
    if (!problem.empty()) report(tree.origin.line, key, problem);
    return value;
  }

  std::vector<std::string> sets(const Tree* tree, const std::string& key) {
    std::vector<std::string> found;
    if (tree == nullptr) return found;
    if (!tree->is(Tree::Kind::list)) {
      report(tree->origin.line, key, "must be a list of texts KEY=VALUE, as --set takes them");
      return found;
    }
    for (const Tree& item : tree->items) {
      const std::string set = text(item, key);
      const size_t sign = set.find('=');
      if (item.is(Tree::Kind::scalar) && (sign == 0 || sign == std::string::npos))
        report(item.origin.line, key, fmt::format("is '{}', must be KEY=VALUE", shown(set)));
      else if (set.starts_with("seed="))
        report(item.origin.line, key, "sets seed, which --seeds gives");
      else
        found.push_back(set);
    }
    return found;
  }

  std::vector<int64_t> seeds(const Tree& tree, const std::string& key) {
    if (!tree.is(Tree::Kind::scalar)) {
      report(tree.origin.line, key, "must be seeds with commas, as --seeds takes them: 1,2,3");
      return {};
    }
    std::vector<int64_t> found;
    if (const std::string problem = read_seeds(tree.text, found); !problem.empty())
      report(tree.origin.line, key, problem);
    return found;
  }

  /// An absolute path, or one relative to the list, whose folder is part of the result.
  std::string path(const Tree& tree, const std::string& key) {
    const std::string given = text(tree, key);
    std::string problem;
    const auto value = recipe::substitute(given, recipe::variable, problem);
    if (!value) report(tree.origin.line, key, problem);
    if (tree.is(Tree::Kind::scalar) && given.empty()) report(tree.origin.line, key, "is empty");
    return (fs::path(file_).parent_path() / value.value_or("")).lexically_normal().string();
  }

  void add_method(const Tree& item, const std::vector<std::string>& shared, List& list) {
    const int line = item.origin.line;
    const Tree* name = item.find("name");
    Method method{.name = {}, .recipe = {}, .sets = shared, .external = {}, .seeds = {}, .line = line};
    if (!item.is(Tree::Kind::map) || name == nullptr)
      return report(line, "methods", "each method needs a name, and a recipe or external results");
    method.name = text(*name, "methods.name");
    const std::string key = fmt::format("methods.{}", method.name);
    if (const std::string problem = name_problem(method.name); !problem.empty())
      report(name->origin.line, "methods.name", problem);
    for (const Method& other : list.methods)
      if (other.name == method.name)
        report(line, key, fmt::format("has the name of the method in line {}", other.line));
    check_keys(item, key + ".", "a method", {"name", "recipe", "set", "external", "seeds"});
    read_source(item, key, method);
    if (const Tree* own = item.find("seeds")) method.seeds = seeds(*own, key + ".seeds");
    list.methods.push_back(std::move(method));
  }

  void read_source(const Tree& item, const std::string& key, Method& method) {
    const Tree *recipe = item.find("recipe"), *external = item.find("external"), *own = item.find("set");
    if ((recipe == nullptr) == (external == nullptr))
      return report(method.line, key, "needs either a recipe or external results");
    if (recipe != nullptr) method.recipe = path(*recipe, key + ".recipe");
    if (external == nullptr) {
      for (std::string& set : sets(own, key + ".set")) method.sets.push_back(std::move(set));
      return;
    }
    method.external = path(*external, key + ".external");
    method.sets.clear();
    if (own != nullptr) report(own->origin.line, key + ".set", "has no effect on external results; remove it");
  }

  std::string file_;
  std::vector<recipe::Problem> problems_;
};

}  // namespace

List parse_list(const std::string& text, const std::string& path) {
  return Reader(path).read(recipe::parse_tree(text, path, kWords));
}

List read_list(const std::string& path) { return Reader(path).read(recipe::read_tree(path, kWords)); }

std::vector<int64_t> parse_seeds(const std::string& text) {
  std::vector<int64_t> seeds;
  if (const std::string problem = read_seeds(text, seeds); !problem.empty())
    throw UsageError(fmt::format("--seeds {}", problem));
  return seeds;
}

}  // namespace filigree::bench
