#include "core/run/check_recipe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>

#include "core/error.h"
#include "core/export/export.h"
#include "core/recipe/key_error.h"
#include "core/run/base_model.h"
#include "core/run/check_data.h"
#include "core/run/check_stages.h"
#include "core/run/check_tokens.h"
#include "core/run/rank_zero.h"
#include "core/run/steps.h"
#include "core/safetensors/safetensors.h"
#include "core/tokenizer/tokenizer.h"

namespace filigree::train {
namespace {

/// Collects the errors of steps that do not depend on each other.
class Problems {
 public:
  /// Runs `step`; returns whether it threw no error.
  bool none_in(const std::function<void()>& step) {
    try {
      step();
      return true;
    } catch (const UserError& error) {
      lines_.emplace_back(error.what());
      code_ = std::min(code_, error.exit_code());
    }
    return false;
  }
  /// Throws all errors as one; a usage error among them decides the exit code.
  void report() const {
    if (!lines_.empty()) throw_user_error(code_, fmt::format("{}", fmt::join(lines_, "\n")));
  }

 private:
  std::vector<std::string> lines_;
  int code_ = std::numeric_limits<int>::max();
};

/// The base model; DataError if there is none.
BaseModel base_of(const recipe::Recipe& recipe) {
  const std::string& path = recipe.model.path;
  const auto refuse = [&](const std::string& what) {
    throw DataError(recipe::at_key(recipe, "model.path", fmt::format("{}: {}", path, what)));
  };
  if (!std::filesystem::exists(path)) refuse("there is no such directory");
  const BaseModel base = find_base(path);
  if (!base.checkpoint && !std::filesystem::exists(base.dir + "/config.json"))
    refuse(
        "is neither a model (config.json), nor a checkpoint (manifest.json), nor a run with a final model or a "
        "complete "
        "checkpoint");
  return base;
}

/// Checks the files of the model and, by building it without values, the stages. Reads no weights.
void check_model(const recipe::Recipe& recipe, const Registries& registries, Problems& problems,
                 std::vector<std::string>& warnings) {
  std::optional<BaseModel> base;
  if (!problems.none_in([&] { base = base_of(recipe); })) return;
  std::string dir;
  if (!problems.none_in([&] { dir = config_directory(recipe.model.path, registries); })) return;
  problems.none_in([&] { data::load_tokenizer(dir); });
  problems.none_in([&] { checkpoint::check_files_to_copy(dir, recipe.model.task); });
  const bool reads_weights = !base->checkpoint && recipe.model.init == recipe::InitialWeights::pretrained;
  if (reads_weights) problems.none_in([&] { checkpoint::SafetensorsReader::open(dir); });
  std::unique_ptr<nn::Model> shapes;
  if (!problems.none_in([&] { shapes = model_of_shapes(recipe, registries, dir); })) return;
  problems.none_in([&] { check_length(recipe, *shapes, dir); });
  problems.none_in([&] { warnings = check_stages(recipe, registries, *shapes); });
}

/// Checks labels, metrics and rows of the data. Returns the number of training samples, if it is known.
std::optional<int64_t> check_data(const recipe::Recipe& recipe, const Registries& registries, Problems& problems,
                                  std::vector<std::string>& warnings) {
  std::optional<data::TaskSpec> task;
  const auto resolve = [&] { task = data::resolve_task(recipe.data, recipe.model.task, registries.formats); };
  if (!problems.none_in([&] { recipe::at_keys(recipe, resolve); })) return std::nullopt;
  problems.none_in([&] { check_best(recipe, *task); });
  CheckedSplit training;
  problems.none_in([&] { training = check_split(recipe, *task, "train"); });
  for (const std::string& split : data::splits_of(*task, recipe.eval.split))
    if (split != "train") problems.none_in([&] { check_split(recipe, *task, split); });
  warnings.insert(warnings.end(), training.warnings.begin(), training.warnings.end());
  return training.samples;
}

}  // namespace

std::vector<std::string> check_recipe(const recipe::Recipe& recipe, const Registries& registries) {
  Problems problems;
  std::vector<std::string> warnings;
  check_model(recipe, registries, problems, warnings);
  const std::optional<int64_t> samples = check_data(recipe, registries, problems, warnings);
  problems.none_in([&] { check_steps(recipe, registries.methods, samples); });
  problems.report();
  for (const std::string& line : warmup_warnings(recipe, samples)) warnings.push_back(line);
  return warnings;
}

}  // namespace filigree::train
