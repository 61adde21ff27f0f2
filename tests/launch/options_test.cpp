// The command line: what is accepted, what is refused and how. The list of commands and flags is pinned: a new flag is
// a decision, since a recipe's keys are there for everything else.
#include "launch/options.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "launch/commands/command.h"

namespace filigree::launch {
namespace {

template <class Options>
std::string refusal(const std::vector<std::string>& words) {
  try {
    parse<Options>(words);
  } catch (const UsageError& error) {
    EXPECT_EQ(error.exit_code(), 2);
    const std::string what = error.what();
    return what.substr(0, what.find('\n'));
  }
  return "";
}

TEST(Options, ArgumentsOfEachCommandAreADecision) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(arguments<TrainOptions>(), (Words{"RECIPE", "--set", "--out", "--resume"}));
  EXPECT_EQ(arguments<EvalOptions>(), (Words{"MODEL", "--data", "--split", "--set"}));
  EXPECT_EQ(arguments<PredictOptions>(), (Words{"MODEL", "--input"}));
  EXPECT_EQ(arguments<TokenizeOptions>(), (Words{"MODEL", "--input"}));
  EXPECT_EQ(arguments<ExportOptions>(), (Words{"SOURCE", "--format", "DIR", "--dtype", "--shard-mb"}));
  EXPECT_EQ(arguments<InspectOptions>(), (Words{"MODEL", "--length"}));
  EXPECT_EQ(arguments<CheckOptions>(), (Words{"RECIPE", "--set"}));
  EXPECT_EQ(arguments<PlanOptions>(), (Words{"RECIPE", "--ranks", "--tensor", "--set"}));
  EXPECT_EQ(arguments<BenchOptions>(), (Words{"RECIPE", "--set"}));
  EXPECT_EQ(arguments<BenchMethodsOptions>(), (Words{"LIST", "--seeds", "--output", "--ranks", "--set", "--dry-run"}));
  EXPECT_EQ(arguments<ReportOptions>(), (Words{"RUN"}));
  EXPECT_EQ(arguments<GenerateOptions>(),
            (Words{"MODEL", "--input", "--max-new-tokens", "--beams", "--length-penalty", "--no-repeat-ngram",
                   "--temperature", "--top-k", "--top-p", "--seed", "--batch", "--tensor"}));
}

TEST(Options, CommandsAreADecision) {
  const std::vector<std::string> decided{"train",   "eval",  "predict", "tokenize", "generate",      "export",
                                         "inspect", "check", "plan",    "bench",    "bench-methods", "report"};
  std::vector<std::string> found;
  for (const Command& command : commands()) found.emplace_back(command.text.name);
  EXPECT_EQ(found, decided);
}

TEST(Options, ASwitchHasNoValue) {
  EXPECT_FALSE(parse<BenchMethodsOptions>({"l"}).dry_run);
  const auto given = parse<BenchMethodsOptions>({"--dry-run", "l", "--seeds", "4,5"});
  EXPECT_TRUE(given.dry_run);
  EXPECT_EQ(given.list, "l") << "the word after it is no value of it";
  EXPECT_EQ(refusal<BenchMethodsOptions>({"l", "--dry-run=yes"}), "filigree bench-methods: --dry-run takes no value");
  EXPECT_NE(help<BenchMethodsOptions>().find("[--dry-run]\n"), std::string::npos);
  EXPECT_NE(help<BenchMethodsOptions>().find("  --dry-run          print"), std::string::npos);
}

TEST(Options, ReadsNumbers) {
  const auto given =
      parse<GenerateOptions>({"m", "--input", "f", "--top-p", "0.9", "--length-penalty", "0", "--beams", "4"});
  EXPECT_EQ(given.top_p, 0.9);
  EXPECT_EQ(given.length_penalty, 0);
  EXPECT_EQ(given.beams, 4);
  for (const std::string bad : {"-1", "x", "1x", ""})
    EXPECT_THROW(parse<GenerateOptions>({"m", "--input", "f", "--top-p", bad}), UsageError) << bad;
}

template <class Options>
void try_numbers(const std::vector<std::string>& needed) {
  Options options;
  CommandLine line;
  options.describe(line);
  for (const Argument& argument : line.arguments()) {
    if (!argument.range) continue;
    std::vector<std::string> others = needed;
    for (const Argument& other : line.arguments()) {
      if (other.range && other.needed && other.name != argument.name) others.push_back("--" + other.name + "=2");
    }
    if (!argument.used_with.empty()) others.push_back("--" + argument.used_with.front() + "=2");
    for (const char* bad : {"nan", "inf", "-inf", "1e300", "-1e300", "9223372036854775808", "99999999999999999999", "",
                            "x", "1x", "-99"}) {
      std::vector<std::string> words = others;
      words.insert(words.end(), {"--" + argument.name + "=" + bad});
      EXPECT_NE(refusal<Options>(words), "") << argument.name << " " << bad;
    }
    for (const double end : {argument.range->lowest(), argument.range->highest()}) {
      std::vector<std::string> words = others;
      words.insert(words.end(), {"--" + argument.name, end > 9e18 ? "9223372036854775807" : fmt::format("{}", end)});
      EXPECT_EQ(refusal<Options>(words), "") << argument.name << " " << end;
    }
  }
}

TEST(Options, EveryNumberHasARangeThatIsHeld) {
  try_numbers<GenerateOptions>({"m", "--input", "f"});
  try_numbers<ExportOptions>({"a", "b", "--format", "hf"});
  try_numbers<PlanOptions>({"r.yaml"});
}

TEST(Options, WhatIsToldAgainIsShort) {
  const std::string text(100000, 'x');
  for (const std::vector<std::string>& words : {std::vector<std::string>{"r.yaml", "--ranks", text},
                                                {"r.yaml", "--ranks", "1", text},
                                                {"r.yaml", "--" + text, "1"}})
    EXPECT_LT(refusal<PlanOptions>(words).size(), 1500u);
  EXPECT_LT(refusal<ExportOptions>({"a", "b", "--format", text}).size(), 1500u);
}

TEST(Options, ReadsPositionalsAndFlagsInAnyOrder) {
  const auto train =
      parse<TrainOptions>({"--set", "a.b=c", "r.yaml", "--out=run", "--set", "d=e", "--resume", "never"});
  EXPECT_EQ(train.recipe, "r.yaml");
  EXPECT_EQ(train.sets, (std::vector<std::string>{"a.b=c", "d=e"}));
  EXPECT_EQ(train.out, "run");
  EXPECT_EQ(train.resume, "never");

  const auto exported = parse<ExportOptions>({"runs/a", "--format", "hf", "out"});
  EXPECT_EQ(exported.source, "runs/a");
  EXPECT_EQ(exported.dir, "out");

  const auto plan = parse<PlanOptions>({"r.yaml", "--ranks", "8"});
  EXPECT_EQ(plan.ranks, 8);
  EXPECT_EQ(plan.tensor, 0);
}

TEST(Options, Defaults) {
  EXPECT_EQ(parse<TrainOptions>({"r.yaml"}).resume, "auto");
  EXPECT_EQ(parse<EvalOptions>({"m", "--data", "r.yaml"}).split, "");  // what the data say, else dev
}

TEST(Options, RefusalsSayWhatIsWrong) {
  EXPECT_EQ(refusal<TrainOptions>({}), "filigree train: RECIPE is missing");
  EXPECT_EQ(refusal<TrainOptions>({"a", "b"}), "filigree train: 'b' is one argument too many");
  EXPECT_EQ(refusal<TrainOptions>({""}), "filigree train: RECIPE is empty");
  EXPECT_EQ(refusal<TrainOptions>({"a", "--st", "x=1"}), "filigree train: unknown flag --st; did you mean '--set'?");
  EXPECT_EQ(refusal<TrainOptions>({"a", "--reusme=never"}),
            "filigree train: unknown flag --reusme; did you mean '--resume'?");
  EXPECT_EQ(refusal<TrainOptions>({"a", "--colour"}),
            "filigree train: unknown flag --colour; known flags: --help, --set, --out, --resume");
  EXPECT_EQ(refusal<TrainOptions>({"a", "-o", "b"}),
            "filigree train: unknown flag -o; known flags: --help, --set, --out, --resume");
  EXPECT_EQ(refusal<TrainOptions>({"a", "--res", "never"}),
            "filigree train: unknown flag --res; did you mean '--resume'?");
  EXPECT_EQ(refusal<TrainOptions>({"a", "--out"}), "filigree train: --out needs a value");
  EXPECT_EQ(refusal<TrainOptions>({"a", "--out", "--set", "a=b"}), "filigree train: --out needs a value");
  EXPECT_EQ(refusal<TrainOptions>({"a", "--set", "--out", "b"}), "filigree train: --set needs a value");
  EXPECT_EQ(refusal<TrainOptions>({"a", "--out", "b", "--out", "c"}), "filigree train: --out is given twice");
  EXPECT_EQ(parse<EvalOptions>({"m"}).data, "");
  EXPECT_EQ(refusal<ExportOptions>({"a", "b"}), "filigree export: --format is missing");
  EXPECT_EQ(refusal<ExportOptions>({"a", "b", "--format", "onnx"}),
            "filigree export: --format is 'onnx', must be one of hf, hf_pruned, filigree, peft, peft_supertuning");
  EXPECT_EQ(
      refusal<ExportOptions>({"a", "b", "--format", "filigre"}),
      "filigree export: --format is 'filigre', must be one of hf, hf_pruned, filigree, peft, peft_supertuning; did you "
      "mean 'filigree'?");
  EXPECT_EQ(refusal<PlanOptions>({"r.yaml", "--ranks", "two"}),
            "filigree plan: --ranks is 'two', must be a whole number, at least 1 and at most 65536");
  EXPECT_EQ(refusal<PlanOptions>({"r.yaml", "--ranks", "0"}),
            "filigree plan: --ranks is '0', must be a whole number, at least 1 and at most 65536");
}

TEST(Options, AFlagWithoutEffectIsRefused) {
  const auto refused = [](std::vector<std::string> words) {
    words.insert(words.begin(), {"m", "--input", "f"});
    return refusal<GenerateOptions>(words);
  };
  EXPECT_EQ(refused({"--seed", "3"}),
            "filigree generate: --seed has no effect: it is used only with --temperature or --top-k or --top-p");
  EXPECT_EQ(refused({"--length-penalty", "1"}),
            "filigree generate: --length-penalty has no effect: it is used only with --beams");
  EXPECT_EQ(refused({"--temperature", "0"}),
            "filigree generate: --temperature is '0', must be a number, at least 0.001 and at most 1000000; without "
            "--temperature, --top-k and --top-p, the search is greedy");
  for (const char* flag : {"--temperature", "--top-k", "--top-p"})
    EXPECT_EQ(refused({"--seed", "3", flag, "1"}), "") << flag;
  EXPECT_NE(refused({"--top-p", "0"}), "");
  EXPECT_EQ(refused({"--length-penalty", "2", "--beams", "2"}), "");
  EXPECT_EQ(refused({"--length-penalty", "1", "--beams", "1"}),
            "filigree generate: --length-penalty has no effect: it is used only with --beams of at least 2");
  for (const char* size : {"0", "0.5"}) {
    for (const std::string form : {"peft", "peft_supertuning"})
      EXPECT_EQ(refusal<ExportOptions>({"a", "b", "--shard-mb", size, "--format", form}),
                "filigree export: --shard-mb has no effect: --format " + form + " writes one file");
    EXPECT_EQ(refusal<ExportOptions>({"a", "b", "--shard-mb", size, "--format", "hf"}), "");
  }
  for (const std::string form : {"peft", "peft_supertuning"})
    EXPECT_EQ(refusal<ExportOptions>({"a", "b", "--dtype", "auto", "--format", form}),
              "filigree export: --dtype has no effect: the updates of --format " + form + " are fp32");
  EXPECT_EQ(refusal<ExportOptions>({"a", "b", "--dtype", "bf16", "--format", "hf"}), "");
  EXPECT_EQ(refusal<ExportOptions>({"a", "b", "--dtype", "fp16", "--format", "hf"}),
            "filigree export: --dtype is 'fp16', must be one of auto, fp32, bf16");
}

TEST(Options, HelpNamesEveryArgumentAndGivesAnExample) {
  const std::string text = help<TrainOptions>();
  for (const char* part : {"usage: filigree train RECIPE [--set KEY=VALUE]... [--out DIR] [--resume WHAT]\n", "--help",
                           "example: mpirun"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  }
  EXPECT_TRUE(wants_help({"a", "--help"}));
  EXPECT_TRUE(wants_help({"-h"}));
  EXPECT_FALSE(wants_help({"help"}));
}

TEST(Options, EveryCommandHelps) {
  for (const Command& command : commands()) {
    const std::string text = command.help();
    EXPECT_EQ(text.rfind(std::string("usage: filigree ") + command.text.name, 0), 0u) << text;
    for (const std::string& argument : command.arguments()) EXPECT_NE(text.find(argument), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace filigree::launch
