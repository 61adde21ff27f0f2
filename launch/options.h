#pragma once
// The command line: one struct per command, and one list of its arguments, which parsing, --help and the test that pins
// them use. --set takes the keys of a recipe; what a recipe can set needs no flag.
//
//   TrainOptions options = parse<TrainOptions>({"recipes/a.yaml", "--set", "seed=3"});
//
// parse() throws UsageError for an unknown flag (with the nearest known one), a missing or surplus argument, or a bad
// value.
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/recipe/range.h"

namespace filigree::launch {

/// A positional argument ("RECIPE", required) or a flag ("--out DIR"). A flag of a bool has no value: it sets it to true.
struct Argument {
  std::string name;     ///< "RECIPE", or "out" for --out
  std::string metavar;  ///< name of a flag's value: "DIR"
  std::string help;
  std::variant<std::string*, int64_t*, double*, std::vector<std::string>*, bool*> target;
  bool positional = false;
  bool needed = false;  ///< a required flag
  std::vector<std::string> choices = {};
  std::optional<recipe::Range> range = std::nullopt;  ///< allowed range of a number
  std::vector<std::string> used_with = {};            ///< a flag that has no effect without one of these: {"beams"}
  /// Values of other flags beside which the flag has no effect, and why.
  struct Idle {
    std::string flag, value, reason;
  };
  std::vector<Idle> idle_beside = {};
  std::string remedy = {};  ///< added to the message if the number is out of range
};

/// The arguments of one command. Commands fill it in describe().
class CommandLine {
 public:
  Argument& positional(const std::string& name, std::string& target, const std::string& help);
  template <class T>
  requires(!recipe::Number<T>) Argument& flag(const std::string& name, const std::string& metavar, T& target,
                                              const std::string& help) {
    return arguments_.emplace_back(Argument{.name = name, .metavar = metavar, .help = help, .target = &target});
  }
  /// A number must have a range.
  template <recipe::Number T>
  Argument& flag(const std::string& name, const std::string& metavar, T& target, const std::string& help,
                 recipe::Range range) {
    return arguments_.emplace_back(
        Argument{.name = name, .metavar = metavar, .help = help, .target = &target, .range = range});
  }
  void sets(std::vector<std::string>& target);  ///< --set KEY=VALUE, for commands that read a recipe

  const std::deque<Argument>& arguments() const { return arguments_; }

 private:
  std::deque<Argument> arguments_;
};

/// Name, one-line summary and an example of a command.
struct CommandText {
  const char* name;
  const char* summary;
  const char* example;
};

struct TrainOptions {
  static constexpr CommandText kText{"train", "run a recipe's stages: adapt, prune, recover, export",
                                     "mpirun -n 2 filigree train recipes/supersense_minilm_dsee.yaml --set seed=1"};
  std::string recipe;
  std::vector<std::string> sets;
  std::string out;              ///< run directory; empty: made from the recipe's name, seed and contents
  std::string resume = "auto";  ///< auto | never | path of a checkpoint
  void describe(CommandLine& line);
};

struct EvalOptions {
  static constexpr CommandText kText{"eval", "evaluate a model on a split; prints one JSON object",
                                     "filigree eval runs/demo --split test"};
  std::string model;
  std::string data;  ///< recipe or data file; empty: the recipe of the run
  std::string split;
  std::vector<std::string> sets;
  void describe(CommandLine& line);
};

struct PredictOptions {
  static constexpr CommandText kText{
      "predict", "label each line of a file (a tab separates pairs); prints one JSON object per line",
      "filigree predict runs/demo/final --input sentences.txt"};
  std::string model;
  std::string input;
  void describe(CommandLine& line);
};

struct GenerateOptions {
  static constexpr CommandText kText{"generate", "continue each line of a file; prints one JSON object per line",
                                     "filigree generate runs/e2e/final --input meanings.txt --beams 10"};
  std::string model;
  std::string input;
  int64_t max_new_tokens = 64;
  int64_t beams = 1;
  double length_penalty = 1;
  int64_t no_repeat_ngram = 0;
  double temperature = 0;  ///< 0, which cannot be given: absent; any of these three turns on sampling
  int64_t top_k = 0;
  double top_p = 0;
  int64_t seed = 1;
  int64_t batch = 8;
  int64_t tensor = 1;
  void describe(CommandLine& line);
};

struct TokenizeOptions {
  static constexpr CommandText kText{"tokenize",
                                     "show the token ids of each line of a file; prints one JSON object per line",
                                     "filigree tokenize ~/.cache/filigree/models/minilm-l6 --input sentences.txt"};
  std::string model;
  std::string input;
  void describe(CommandLine& line);
};

struct ExportOptions {
  static constexpr CommandText kText{"export", "write the merged model of a run or checkpoint to a directory",
                                     "filigree export runs/demo --format hf exported"};
  std::string source;  ///< run or checkpoint
  std::string format;  ///< hf | hf_pruned | filigree | peft | peft_supertuning
  std::string dir;
  std::string dtype = "auto";
  double shard_mb = 0;
  void describe(CommandLine& line);
};

struct InspectOptions {
  static constexpr CommandText kText{"inspect",
                                     "show a model's parameters, sparsity, remaining heads and neurons, and FLOPs",
                                     "filigree inspect runs/demo/final"};
  std::string model;
  int64_t length = 0;  ///< 0: the default
  void describe(CommandLine& line);
};

struct CheckOptions {
  static constexpr CommandText kText{"check", "validate a recipe; reports all problems at once, with line numbers",
                                     "filigree check recipes/supersense_minilm_dsee.yaml"};
  std::string recipe;
  std::vector<std::string> sets;
  void describe(CommandLine& line);
};

struct PlanOptions {
  static constexpr CommandText kText{"plan", "estimate memory per rank and traffic per step without starting a job",
                                     "filigree plan recipes/sst2_minilm_dsee.yaml --ranks 8"};
  std::string recipe;
  std::vector<std::string> sets;
  int64_t ranks = 0;
  int64_t tensor = 0;  ///< 0: the recipe's
  void describe(CommandLine& line);
};

struct BenchOptions {
  static constexpr CommandText kText{"bench", "measure a recipe's training speed; prints one JSON object",
                                     "mpirun -n 2 filigree bench recipes/sst2_minilm_dsee.yaml"};
  std::string recipe;
  std::vector<std::string> sets;
  void describe(CommandLine& line);
};

struct BenchMethodsOptions {
  static constexpr CommandText kText{"bench-methods",
                                     "train each recipe of a list with each seed; writes one table and one plot",
                                     "filigree bench-methods recipes/bench/sst2_minilm.yaml --seeds 1,2,3 --dry-run"};
  std::string list;
  std::string seeds = "1,2,3";
  std::string output;  ///< directory; empty: bench/NAME with the name of the list
  int64_t ranks = 1;
  std::vector<std::string> sets;
  bool dry_run = false;
  void describe(CommandLine& line);
};

struct ReportOptions {
  static constexpr CommandText kText{"report", "write one HTML page with the curves and the pruned structure of a run",
                                     "filigree report runs/demo"};
  std::string run;
  void describe(CommandLine& line);
};

/// Fills the arguments of `line` from the words after the command's name.
void parse(const CommandText& text, CommandLine& line, const std::vector<std::string>& words);

/// What `filigree COMMAND --help` prints.
std::string help(const CommandText& text, const CommandLine& line);

/// The current value of an argument, as text.
std::string value_text(const Argument& argument);

/// Whether the words ask for help.
bool wants_help(const std::vector<std::string>& words);

template <class Options>
Options parse(const std::vector<std::string>& words) {
  Options options;
  CommandLine line;
  options.describe(line);
  parse(Options::kText, line, words);
  return options;
}

/// The arguments of a command: "RECIPE", "--set", ...
template <class Options>
std::vector<std::string> arguments() {
  Options options;
  CommandLine line;
  options.describe(line);
  std::vector<std::string> names;
  for (const Argument& argument : line.arguments()) names.push_back((argument.positional ? "" : "--") + argument.name);
  return names;
}

/// The arguments with their values: {"--split", "dev"}, ...
template <class Options>
std::vector<std::pair<std::string, std::string>> values(Options options) {
  CommandLine line;
  options.describe(line);
  std::vector<std::pair<std::string, std::string>> pairs{{"command", Options::kText.name}};
  for (const Argument& argument : line.arguments())
    pairs.emplace_back((argument.positional ? "" : "--") + argument.name, value_text(argument));
  return pairs;
}

template <class Options>
std::string help() {
  Options options;
  CommandLine line;
  options.describe(line);
  return help(Options::kText, line);
}

}  // namespace filigree::launch
