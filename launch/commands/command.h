#pragma once
// The commands of the program, one file launch/cmd_<name>.cpp each. A command returns the exit code (0, or 75 when a
// signal stopped it after a checkpoint was written) and throws otherwise; run() turns an exception into a message and a
// code. Results go to stdout, human-readable text to stderr, both from rank 0 only.
//
// A new command needs its options in options.h, its function here, its file, and one line in commands.cpp.
#include <string>
#include <vector>

#include "dist/factory.h"
#include "launch/options.h"

namespace filigree::launch {

int cmd_train(const TrainOptions& options, dist::Environment& environment);
int cmd_eval(const EvalOptions& options, dist::Environment& environment);
int cmd_predict(const PredictOptions& options, dist::Environment& environment);
int cmd_generate(const GenerateOptions& options, dist::Environment& environment);
int cmd_tokenize(const TokenizeOptions& options, dist::Environment& environment);
int cmd_export(const ExportOptions& options, dist::Environment& environment);
int cmd_inspect(const InspectOptions& options, dist::Environment& environment);
int cmd_check(const CheckOptions& options, dist::Environment& environment);
int cmd_plan(const PlanOptions& options, dist::Environment& environment);
int cmd_bench(const BenchOptions& options, dist::Environment& environment);
int cmd_bench_methods(const BenchMethodsOptions& options, dist::Environment& environment);
int cmd_report(const ReportOptions& options, dist::Environment& environment);

/// A row of the command table.
struct Command {
  CommandText text{};
  std::vector<std::string> (*arguments)();  ///< "RECIPE", "--set", ...
  std::string (*help)();
  int (*run)(const std::vector<std::string>& words, dist::Environment& environment);
};
const std::vector<Command>& commands();

/// Runs `filigree WORDS...`. Throws UsageError for an unknown command.
int dispatch(const std::vector<std::string>& words, dist::Environment& environment);

}  // namespace filigree::launch
