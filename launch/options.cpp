#include "launch/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>

#include "core/error.h"
#include "core/recipe/choices.h"
#include "core/recipe/suggest.h"
#include "core/shown.h"

namespace filigree::launch {
namespace {

namespace po = boost::program_options;

using recipe::from;

constexpr const char* kPositionals = "_words";  // the hidden option that collects what is not a flag

const auto kStyle = po::command_line_style::allow_long | po::command_line_style::long_allow_next |
                    po::command_line_style::long_allow_adjacent;

bool is_switch(const Argument& argument) { return std::holds_alternative<bool*>(argument.target); }

/// "--out DIR", or "--dry-run".
std::string flag_text(const Argument& argument) {
  return is_switch(argument) ? "--" + argument.name : fmt::format("--{} {}", argument.name, argument.metavar);
}

std::string usage(const CommandText& text, const CommandLine& line) {
  std::string out = fmt::format("usage: filigree {}", text.name);
  for (const Argument& argument : line.arguments()) {
    if (argument.positional) {
      out += " " + argument.name;
    } else {
      const std::string flag = flag_text(argument);
      const bool many = std::holds_alternative<std::vector<std::string>*>(argument.target);
      out += argument.needed ? " " + flag : fmt::format(" [{}]{}", flag, many ? "..." : "");
    }
  }
  return out;
}

[[noreturn]] void refuse(const CommandText& text, const CommandLine& line, const std::string& what) {
  throw UsageError(
      fmt::format("filigree {}: {}\n{}\nTry 'filigree {} --help'.", text.name, what, usage(text, line), text.name));
}

po::options_description flags_of(const CommandLine& line) {
  po::options_description flags;
  for (const Argument& argument : line.arguments()) {
    if (argument.positional) continue;
    const bool many = std::holds_alternative<std::vector<std::string>*>(argument.target);
    if (many) {
      flags.add_options()(argument.name.c_str(), po::value<std::vector<std::string>>());
    } else if (is_switch(argument)) {
      flags.add_options()(argument.name.c_str(), po::value<std::string>()->zero_tokens()->implicit_value("true"));
    } else {
      flags.add_options()(argument.name.c_str(), po::value<std::string>());
    }
  }
  flags.add_options()(kPositionals, po::value<std::vector<std::string>>());
  return flags;
}

std::vector<std::string> flag_names(const CommandLine& line) {
  std::vector<std::string> names{"--help"};
  for (const Argument& argument : line.arguments()) {
    if (!argument.positional) names.push_back("--" + argument.name);
  }
  return names;
}

std::string unknown_flag(const std::string& given, const CommandLine& line) {
  const std::string flag = given.substr(0, given.find('='));
  const std::vector<std::string> known = flag_names(line);
  const std::string guess = recipe::nearest(flag, known);
  return guess.empty() ? fmt::format("unknown flag {}; known flags: {}", shown(flag), fmt::join(known, ", "))
                       : fmt::format("unknown flag {}{}", shown(flag), recipe::did_you_mean(guess));
}

po::variables_map read_words(const CommandText& text, const CommandLine& line, const std::vector<std::string>& words) {
  po::variables_map values;
  po::positional_options_description rest;
  rest.add(kPositionals, -1);
  const po::options_description flags = flags_of(line);
  try {
    po::store(po::command_line_parser(words).options(flags).positional(rest).style(kStyle).run(), values);
  } catch (const po::unknown_option& error) {
    refuse(text, line, unknown_flag(error.get_option_name(), line));
  } catch (const po::multiple_occurrences& error) {
    refuse(text, line, fmt::format("{} is given twice", error.get_option_name()));
  } catch (const po::invalid_command_line_syntax& error) {
    const bool surplus = error.kind() == po::invalid_command_line_syntax::extra_parameter;
    refuse(text, line, fmt::format("{} {}", error.get_option_name(), surplus ? "takes no value" : "needs a value"));
  } catch (const po::error& error) {
    refuse(text, line, error.what());
  }
  return values;
}

/// If a flag has no value, the parser would take the next flag as its value.
bool is_flag(const std::string& value) { return value.starts_with("--"); }

template <class T>
std::string read_number(const Argument& argument, const char* kind, const std::string& value, T& out) {
  T number{};
  const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool good = code == std::errc() && end == value.data() + value.size() &&
                    argument.range->includes(static_cast<double>(number));
  if (!good)
    return fmt::format("--{} is '{}', must be {}, {}{}", argument.name, shown(value), kind, argument.range->text(),
                       argument.remedy.empty() ? "" : "; " + argument.remedy);
  out = number;
  return "";
}

std::string set_value(const Argument& argument, const std::string& value) {
  if (is_flag(value)) return fmt::format("--{} needs a value", argument.name);
  if (!argument.choices.empty() &&
      std::find(argument.choices.begin(), argument.choices.end(), value) == argument.choices.end()) {
    return fmt::format("--{} is '{}', must be one of {}{}", argument.name, shown(value),
                       fmt::join(argument.choices, ", "),
                       recipe::did_you_mean(recipe::nearest(value, argument.choices)));
  }
  if (auto* text = std::get_if<std::string*>(&argument.target)) {
    **text = value;
    return value.empty() ? fmt::format("{}{} is empty", argument.positional ? "" : "--", argument.name) : "";
  }
  if (auto* number = std::get_if<double*>(&argument.target)) return read_number(argument, "a number", value, **number);
  return read_number(argument, "a whole number", value, *std::get<int64_t*>(argument.target));
}

/// A flag that nothing reads is an error, as a recipe key without effect is.
std::string idle_flag(const Argument& argument, const po::variables_map& values) {
  const auto given = [&](const std::string& name) { return values.contains(name); };
  for (const auto& idle : argument.idle_beside)
    if (given(idle.flag) && values[idle.flag].as<std::string>() == idle.value)
      return fmt::format("--{} has no effect: {}", argument.name, idle.reason);
  if (!given(argument.name) || argument.used_with.empty() || std::ranges::any_of(argument.used_with, given)) return "";
  return fmt::format("--{} has no effect: it is used only with --{}", argument.name,
                     fmt::join(argument.used_with, " or --"));
}

}  // namespace

Argument& CommandLine::positional(const std::string& name, std::string& target, const std::string& help) {
  return arguments_.emplace_back(
      Argument{.name = name, .metavar = "", .help = help, .target = &target, .positional = true});
}

void CommandLine::sets(std::vector<std::string>& target) {
  flag("set", "KEY=VALUE", target, "override a recipe key, e.g. stages.adapt.train.lr=1e-4; may be repeated");
}

bool wants_help(const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(),
                     [](const std::string& word) { return word == "--help" || word == "-h"; });
}

void parse(const CommandText& text, CommandLine& line, const std::vector<std::string>& words) {
  const po::variables_map values = read_words(text, line, words);
  const auto given =
      values.contains(kPositionals) ? values[kPositionals].as<std::vector<std::string>>() : std::vector<std::string>{};
  for (const std::string& word : given) {
    if (word.size() > 1 && word[0] == '-') refuse(text, line, unknown_flag(word, line));
  }
  size_t next = 0;
  for (const Argument& argument : line.arguments()) {
    std::string problem;
    if (argument.positional) {
      if (next == given.size()) refuse(text, line, fmt::format("{} is missing", argument.name));
      problem = set_value(argument, given[next++]);
    } else if (!values.contains(argument.name)) {
      if (argument.needed) problem = fmt::format("--{} is missing", argument.name);
    } else if (auto* flag = std::get_if<bool*>(&argument.target)) {
      **flag = true;
    } else if (auto* many = std::get_if<std::vector<std::string>*>(&argument.target)) {
      **many = values[argument.name].as<std::vector<std::string>>();
      if (std::any_of((*many)->begin(), (*many)->end(), is_flag))
        problem = fmt::format("--{} needs a value", argument.name);
    } else {
      problem = set_value(argument, values[argument.name].as<std::string>());
      if (problem.empty()) problem = idle_flag(argument, values);
    }
    if (!problem.empty()) refuse(text, line, problem);
  }
  if (next != given.size()) refuse(text, line, fmt::format("'{}' is one argument too many", shown(given[next])));
}

std::string help(const CommandText& text, const CommandLine& line) {
  std::string out = fmt::format("{}\n\nfiligree {}: {}.\n\n", usage(text, line), text.name, text.summary);
  for (const Argument& argument : line.arguments()) {
    const std::string left = argument.positional ? argument.name : flag_text(argument);
    const std::string choices = argument.choices.empty() ? "" : fmt::format(": {}", fmt::join(argument.choices, ", "));
    out += fmt::format("  {:<18} {}{}\n", left, argument.help, choices);
  }
  return out + fmt::format("  {:<18} show this help\n\nexample: {}\n", "--help", text.example);
}

std::string value_text(const Argument& argument) {
  struct Visitor {
    std::string operator()(const std::string* value) const { return *value; }
    std::string operator()(const int64_t* value) const { return fmt::format("{}", *value); }
    std::string operator()(const double* value) const { return fmt::format("{}", *value); }
    std::string operator()(const bool* value) const { return *value ? "true" : "false"; }
    std::string operator()(const std::vector<std::string>* value) const {
      return fmt::format("{}", fmt::join(*value, " "));
    }
  };
  return std::visit(Visitor{}, argument.target);
}

void TrainOptions::describe(CommandLine& line) {
  line.positional("RECIPE", recipe, "the recipe's .yaml file");
  line.sets(sets);
  line.flag("out", "DIR", out, "run directory; default: runs/ plus the recipe's name, seed and a hash of its contents");
  line.flag("resume", "WHAT", resume,
            "auto: resume from the newest intact checkpoint; never; or the path of a checkpoint");
}

void EvalOptions::describe(CommandLine& line) {
  line.positional("MODEL", model, "Hugging Face directory, run, checkpoint or export");
  line.flag("data", "FILE", data,
            "a recipe, whose data section is used, or a data file; default: the recipe of the run");
  line.flag("split", "NAME", split,
            "split to evaluate; default: train or test if the --data file is named so, else dev");
  line.sets(sets);
}

void PredictOptions::describe(CommandLine& line) {
  line.positional("MODEL", model, "Hugging Face directory, run, checkpoint or export");
  line.flag("input", "FILE", input, "text, one sample per line").needed = true;
}

void GenerateOptions::describe(CommandLine& line) {
  line.positional("MODEL", model, "Hugging Face directory, run, checkpoint or export of a causal language model");
  line.flag("input", "FILE", input,
            "text, one prompt per line; for a model trained on contexts and references, one context per line")
      .needed = true;
  line.flag("max-new-tokens", "N", max_new_tokens, "maximum number of tokens to generate; default: 64",
            from(1).to(recipe::kMostTokens));
  line.flag("beams", "N", beams, "number of beams in beam search; default: 1, greedy", from(1).to(1024));
  Argument& penalty =
      line.flag("length-penalty", "X", length_penalty,
                "beam search: a hypothesis of n tokens scores log p / n^X; default: 1", from(-10).to(10));
  penalty.used_with = {"beams"};
  penalty.idle_beside = {{"beams", "1", "it is used only with --beams of at least 2"}};
  line.flag("no-repeat-ngram", "N", no_repeat_ngram,
            "length of n-grams that may not repeat, prompt included; default: off", from(1).to(recipe::kMostTokens));
  constexpr double kLowest = 1e-3;  // below this, logits / temperature is not finite
  line.flag("temperature", "X", temperature, "sample from softmax(logits / X)", from(kLowest).to(1e6)).remedy =
      "without --temperature, --top-k and --top-p, the search is greedy";
  line.flag("top-k", "K", top_k, "sample from the K most likely tokens", from(1).to(1e9));
  line.flag("top-p", "P", top_p, "sample from the most likely tokens whose probabilities add up to P",
            from(1e-6).to(1));
  line.flag("seed", "N", seed, "random seed of sampling; default: 1", from(0).to(recipe::kMostSeed)).used_with = {
      "temperature", "top-k", "top-p"};
  line.flag("batch", "N", batch, "prompts per rank and forward pass; default: 8", from(1).to(65536));
  line.flag("tensor", "T", tensor, "ranks that share one copy of the model; default: 1",
            from(1).to(recipe::kMostRanks));
}

void TokenizeOptions::describe(CommandLine& line) {
  line.positional("MODEL", model, "Hugging Face directory, run, checkpoint or export");
  line.flag("input", "FILE", input, "text, one sample per line").needed = true;
}

void ExportOptions::describe(CommandLine& line) {
  line.positional("SOURCE", source, "run or checkpoint");
  Argument& kind = line.flag("format", "FORMAT", format, "output format");
  kind.needed = true;
  kind.choices = all_enum_names<recipe::ExportFormat>();
  kind.choices.insert(kind.choices.end(), {"peft", "peft_supertuning"});
  line.positional("DIR", dir, "output directory");
  Argument& type = line.flag("dtype", "TYPE", dtype,
                             "data type of the weights: auto, as in the base model's files for weights that are "
                             "unchanged, fp32 for all others; fp32 or bf16 for all; default: auto");
  type.choices = all_enum_names<recipe::ExportDtype>();
  type.idle_beside = {{"format", "peft", "the updates of --format peft are fp32"},
                      {"format", "peft_supertuning", "the updates of --format peft_supertuning are fp32"}};
  line.flag("shard-mb", "N", shard_mb,
            "maximum MiB per weight file; larger models get several files and an index; default: one file",
            from(0).to(recipe::kMostMebibytes))
      .idle_beside = {{"format", "peft", "--format peft writes one file"},
                      {"format", "peft_supertuning", "--format peft_supertuning writes one file"}};
}

void InspectOptions::describe(CommandLine& line) {
  line.positional("MODEL", model, "Hugging Face directory, run, checkpoint or export");
  line.flag("length", "N", length, "tokens of the sequence that FLOPs are for; default: 128, or the model's maximum",
            from(1).to(recipe::kMostTokens));
}

void CheckOptions::describe(CommandLine& line) {
  line.positional("RECIPE", recipe, "the recipe's .yaml file");
  line.sets(sets);
}

void PlanOptions::describe(CommandLine& line) {
  line.positional("RECIPE", recipe, "the recipe's .yaml file");
  line.flag("ranks", "N", ranks, "total number of ranks", from(1).to(recipe::kMostRanks)).needed = true;
  line.flag("tensor", "T", tensor, "ranks that share one copy of the model; default: the recipe's",
            from(1).to(recipe::kMostRanks));
  line.sets(sets);
}

void BenchOptions::describe(CommandLine& line) {
  line.positional("RECIPE", recipe, "the recipe's .yaml file");
  line.sets(sets);
}

void BenchMethodsOptions::describe(CommandLine& line) {
  line.positional("LIST", list, "the list's .yaml file: methods with their recipes");
  line.flag("seeds", "N,N,...", seeds, "seeds that each recipe runs with; default: 1,2,3");
  line.flag("output", "DIR", output,
            "directory of the runs, the table and the plot; default: bench/ plus the list's name");
  line.flag("ranks", "N", ranks, "ranks of each run; from 2 on, mpirun starts them; default: 1",
            from(1).to(recipe::kMostRanks));
  line.sets(sets);
  line.flag("dry-run", "", dry_run, "print what would run, and change nothing");
}

void ReportOptions::describe(CommandLine& line) { line.positional("RUN", run, "run directory"); }

}  // namespace filigree::launch
