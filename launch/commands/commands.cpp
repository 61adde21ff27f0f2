// The command table of command.h.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>

#include "core/error.h"
#include "core/recipe/suggest.h"
#include "launch/commands/command.h"
#include "launch/version.h"

namespace filigree::launch {
namespace {

template <class Options, int (*kRun)(const Options&, dist::Environment&)>
Command row() {
  return {Options::kText, arguments<Options>, help<Options>,
          [](const std::vector<std::string>& words, dist::Environment& environment) {
            return kRun(parse<Options>(words), environment);
          }};
}

std::string overview() {
  std::string out =
      "usage: filigree COMMAND [ARGUMENTS]\n\nfiligree fine-tunes and prunes pretrained transformers on a cluster.\n\n";
  for (const Command& command : commands())
    out += fmt::format("  {:<13} {}\n", command.text.name, command.text.summary);
  return out +
         "\n'filigree COMMAND --help' lists a command's arguments, 'filigree --version' the backends of this build.\n";
}

[[noreturn]] void unknown(const std::string& word) {
  std::vector<std::string> known{"--help", "--version"};
  for (const Command& command : commands()) known.emplace_back(command.text.name);
  throw UsageError(fmt::format("filigree: unknown command '{}'{}\nTry 'filigree --help'.", word,
                               recipe::did_you_mean(recipe::nearest(word, known))));
}

}  // namespace

const std::vector<Command>& commands() {
  // clang-format off
  static const std::vector<Command> table = {
      row<TrainOptions, cmd_train>(),
      row<EvalOptions, cmd_eval>(),
      row<PredictOptions, cmd_predict>(),
      row<TokenizeOptions, cmd_tokenize>(),
      row<GenerateOptions, cmd_generate>(),
      row<ExportOptions, cmd_export>(),
      row<InspectOptions, cmd_inspect>(),
      row<CheckOptions, cmd_check>(),
      row<PlanOptions, cmd_plan>(),
      row<BenchOptions, cmd_bench>(),
      row<BenchMethodsOptions, cmd_bench_methods>(),
      row<ReportOptions, cmd_report>(),
  };
  // clang-format on
  return table;
}

int dispatch(const std::vector<std::string>& words, dist::Environment& environment) {
  const bool prints = environment.world_rank() == 0;
  if (words.empty()) throw UsageError(overview());
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  if (words[0] == "--help" || words[0] == "-h") {
    if (prints) std::cout << overview();
    return 0;
  }
  if (words[0] == "--version") {
    if (prints) std::cout << version_text();
    return 0;
  }
  for (const Command& command : commands()) {
    if (command.text.name != words[0]) continue;
    if (!wants_help(rest)) return command.run(rest, environment);
    if (prints) std::cout << command.help();
    return 0;
  }
  unknown(words[0]);
}

}  // namespace filigree::launch
