#pragma once
// The list of `filigree bench-methods`: the recipes that are compared, with their names in the table.
//
//   name: sst2-minilm
//   set: [checkpoint.keep=1]                  # --set of every recipe
//   methods:
//     - name: pst-90
//       recipe: ../sst2_minilm_pst.yaml       # relative to the list
//       set: [stages.adapt.method.sparsity=0.9]
//       seeds: 1                              # of this method, in place of --seeds
//     - name: lora-peft
//       external: lora_peft.json              # results of another program, relative to the list (external.h)
//
// ${VAR} in a path is replaced as in a recipe.
#include <cstdint>
#include <string>
#include <vector>

namespace filigree::bench {

struct Method {
  std::string name;
  std::string recipe;               ///< path; empty for external results
  std::vector<std::string> sets;    ///< KEY=VALUE: those of the list, then those of the method
  std::string external;             ///< path; empty for a recipe
  std::vector<int64_t> seeds = {};  ///< empty: those of the command line
  int line = 0;                     ///< in the list

  std::vector<int64_t> seeds_or(const std::vector<int64_t>& given) const { return seeds.empty() ? given : seeds; }
};

struct List {
  std::string file, name;
  std::vector<Method> methods;
};

/// Throws UsageError with every problem at once, one "file:line: key: message" per line. Recipes are not read.
List read_list(const std::string& path);
List parse_list(const std::string& text, const std::string& path);

/// The value of --seeds: "1,2,3". Throws UsageError if it is not a list of different seeds.
std::vector<int64_t> parse_seeds(const std::string& text);

}  // namespace filigree::bench
