#include "core/run/resume.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "core/checkpoint/manifest.h"
#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/read.h"
#include "core/random.h"
#include "core/recipe/load.h"
#include "core/run/base_model.h"
#include "core/run/claim_run.h"
#include "core/run/rank_zero.h"
#include "core/run/state/pins.h"
#include "core/run/state/saved_state.h"
#include "core/shown.h"

namespace filigree::train {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// [i][j]: number of lines in the longest common subsequence of `before` from line i on and `after` from line j on.
std::vector<std::vector<int>> common_tails(const std::vector<std::string>& before,
                                           const std::vector<std::string>& after) {
  std::vector<std::vector<int>> common(before.size() + 1, std::vector<int>(after.size() + 1, 0));
  for (size_t i = before.size(); i-- > 0;)
    for (size_t j = after.size(); j-- > 0;)
      common[i][j] = before[i] == after[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
  return common;
}

std::string default_run_dir(const recipe::Recipe& recipe) {
  const auto hash = random::hash(run_recipe(recipe));
  return fmt::format("runs/{}-seed{}-{:08x}", recipe.name, recipe.seed, static_cast<uint32_t>(hash ^ (hash >> 32)));
}

fs::path run_of(const checkpoint::Loaded& resumed) {
  return fs::weakly_canonical(resumed.info.path).parent_path().parent_path();
}

/// A run that resumes from another run's checkpoint needs the teacher's logits that were cached there.
void bring_teacher_logits(const Session& session, const checkpoint::Loaded& resumed) {
  if (!session.state.teacher) return;
  const std::string from = teacher_file(run_of(resumed), *session.state.teacher),
                    to = teacher_file(session.run_dir, *session.state.teacher);
  if (!fs::exists(from) || fs::weakly_canonical(from) == fs::weakly_canonical(to)) return;
  session.store->run().folder(files::run_names::kCache);
  files::replace_file(to, files::read_file(from));
}

/// Without how often the run logs, saves and evaluates, and without how it is distributed over ranks.
recipe::Recipe of_run(const recipe::Recipe& recipe) {
  recipe::Recipe run = recipe;
  run.parallel = {};
  run.parallel.precision = recipe.parallel.precision;
  run.parallel.grad_dtype = recipe.parallel.grad_dtype;
  run.checkpoint = {};
  run.eval = {};
  run.log_every = 1;
  // A merged model is in the run directory, which may be moved.
  if (is_merged_base(recipe.model.path)) run.model.path = fs::path(recipe.model.path).filename();
  return run;
}

/// The same with placeholders for what does not determine numbers.
recipe::Recipe of_numbers(const recipe::Recipe& recipe) {
  recipe::Recipe decisive = of_run(recipe);
  decisive.name = "run";
  decisive.model.path = "model";
  if (!decisive.model.init_lora.empty()) decisive.model.init_lora = "lora";
  decisive.data.dir = "data";
  decisive.data.train = decisive.data.dev = decisive.data.test = std::nullopt;
  for (size_t i = 0; i < decisive.stages.size(); ++i) {
    recipe::StageConfig& stage = decisive.stages[i];
    if (stage.train) stage.train->activation_checkpointing = false;
    if (stage.export_config) {
      stage.export_config.emplace();
      stage.export_config->dir = fmt::format("export-{}", i);
    }
  }
  return decisive;
}

std::map<std::string, std::string> facts_of(const recipe::Recipe& recipe) {
  std::map<std::string, std::string> facts;
  for (const Fact& fact : recipe_subject(recipe).facts) facts[fact.name] = fact.value;
  return facts;
}

/// The recipe that a checkpoint holds; nothing if it is of a version whose recipes mean something else.
std::optional<recipe::Recipe> read_saved(const std::string& saved, const recipe::Catalog& catalog) {
  try {
    return recipe::load_text(saved, "the checkpoint's recipe", catalog, {}, recipe::OldKeys::accept);
  } catch (const UsageError&) {
    return std::nullopt;
  }
}

void note_free_changes(const recipe::Recipe& before, const recipe::Recipe& after) {
  const std::string changes = free_changes(before, after);
  if (!changes.empty())
    std::cerr << fmt::format(
        "note: the recipe differs from the checkpoint's in keys that do not change its numbers:{}\nFiles are compared "
        "by content. Exports that are written already are not written again\n",
        changes);
}

/// In the directory of the checkpoint's own run, an export that one stage wrote may not be replaced by that of another.
/// Rank 0 decides. Collective.
void refuse_exchanged_exports(const Session& session, const recipe::Recipe& before, const std::string& checkpoint) {
  on_rank_zero(session.mesh->world(), [&] {
    std::error_code ignored;
    const std::string taken = exchanged_export(before, session.recipe);
    if (!taken.empty() && fs::equivalent(fs::path(checkpoint).parent_path().parent_path(), session.run_dir, ignored))
      throw RefusedStart(fmt::format("{}: {}, which would replace the other stage's export; choose another export.dir",
                                     session.run_dir, taken));
  });
}

/// The difference of the first `done` stages, of recipes that otherwise agree.
std::string changes_of_done(const recipe::Recipe& before, const recipe::Recipe& after, size_t done) {
  recipe::Recipe then = of_numbers(before), now = then;
  now.stages = of_numbers(after).stages;
  for (recipe::Recipe* recipe : {&then, &now}) recipe->stages.resize(std::min(done, recipe->stages.size()));
  return recipe_difference(recipe::to_yaml(then), recipe::to_yaml(now));
}

/// recipe.yaml of the new run states them, although its model never went through them.
void note_changes_of_done(const recipe::Recipe& before, const recipe::Recipe& after, int64_t done) {
  const std::string changes = changes_of_done(before, after, static_cast<size_t>(done));
  if (!changes.empty())
    std::cerr << fmt::format("note: {} done in the checkpoint, so these changes have no effect:{}\n",
                             done == 1 ? "the first stage is" : fmt::format("the first {} stages are", done), changes);
}

void compare_recipes(const Session& session, const checkpoint::Loaded& loaded, bool named) {
  const SavedState saved = saved_state(loaded);
  const std::optional<recipe::Recipe> before = read_saved(saved.decisive, session.registries->catalog());
  if (before) refuse_exchanged_exports(session, *before, loaded.info.path);
  // Checkpoints before version 3 do not list the files, so that their paths are compared.
  const auto text_of = loaded.version >= checkpoint::kManifestVersion ? decisive_recipe : run_recipe;
  const std::string difference_text =
      recipe_difference(before ? text_of(*before) : saved.decisive, text_of(session.recipe));
  if (difference_text.empty()) {
    if (before && session.is_rank_zero()) note_free_changes(*before, session.recipe);
    return;
  }
  if (saved.run.stage >= static_cast<int64_t>(session.recipe.stages.size()))
    throw RefusedStart(fmt::format(
        "{} is the end of a run of a different recipe, which differs in:{}\nNo stage is left that the change "
        "could affect; start a new run with another --out",
        loaded.info.path, difference_text));
  if (!named)
    throw RefusedStart(
        fmt::format("{} contains a run of a different recipe, which differs in:{}\nChoose another --out, or resume it "
                    "anyway with --resume {}",
                    session.run_dir, difference_text, loaded.info.path));
  if (!session.is_rank_zero()) return;
  std::cerr << fmt::format("note: the recipe differs from the checkpoint's in:{}\n", difference_text);
  if (before) note_changes_of_done(*before, session.recipe, saved.run.stage);
}

/// The hash of the checkpoint that this rank sees at a path, or why it sees none.
std::string seen_at(const std::string& path) {
  try {
    for (const auto& file : checkpoint::read_manifest(path).files)
      if (const std::string at = path + "/" + file.name; fs::file_size(at) != file.hash.bytes)
        return fmt::format("the size of {} differs from the manifest", at);
    return checkpoint::manifest_hash(path);
  } catch (const UserError& error) {
    return error.what();
  } catch (const fs::filesystem_error& error) {
    return fmt::format("{}: {}", error.path1().string(), error.code().message());
  }
}

/// Rank 0 has verified it; the others must see the same one at its path.
void require_same_checkpoint(dist::Communicator& world, const std::string& path) {
  require_agreement(
      world, {{"checkpoint", "Put the run directory in a folder that all hosts share", 3, {{path, seen_at(path)}}}});
}

/// Lines of another run's metrics.jsonl are not copied.
LogPosition log_position(const std::string& run_dir, const checkpoint::Loaded& resumed) {
  const SavedState saved = saved_state(resumed);
  return {saved.metrics_lines, saved.metrics_digest, run_of(resumed) == fs::weakly_canonical(run_dir)};
}

}  // namespace

std::string recipe_difference(const std::string& before, const std::string& after) {
  const auto old_lines = lines_of(before), new_lines = lines_of(after);
  const auto common = common_tails(old_lines, new_lines);
  std::string removed, added;
  for (size_t i = 0, j = 0; i < old_lines.size() || j < new_lines.size();) {
    const bool both = i < old_lines.size() && j < new_lines.size();
    if (both && old_lines[i] == new_lines[j])
      ++i, ++j;
    else if (j == new_lines.size() || (both && common[i + 1][j] >= common[i][j + 1]))
      removed += "\n  - " + old_lines[i++];
    else
      added += "\n  + " + new_lines[j++];
  }
  return removed + added;
}

std::string saved_decisive(const std::string& saved, const recipe::Catalog& catalog) {
  const std::optional<recipe::Recipe> recipe = read_saved(saved, catalog);
  return recipe ? decisive_recipe(*recipe) : saved;
}

std::string run_recipe(const recipe::Recipe& recipe) { return recipe::to_yaml(of_run(recipe)); }

std::string decisive_recipe(const recipe::Recipe& recipe) { return recipe::to_yaml(of_numbers(recipe)); }

std::string free_changes(const recipe::Recipe& before, const recipe::Recipe& after) {
  auto was = facts_of(of_run(before)), is = facts_of(of_run(after));
  auto was_decisive = facts_of(of_numbers(before)), is_decisive = facts_of(of_numbers(after));
  std::set<std::string> keys;
  for (const auto& facts : {was, is})
    for (const auto& [key, value] : facts) keys.insert(key);
  const auto shown_value = [](const std::string& value) { return value.empty() ? "(not set)" : shown(value, 200); };
  std::string text;
  for (const std::string& key : keys)
    if (was[key] != is[key] && was_decisive[key] == is_decisive[key])
      text += fmt::format("\n  {}: {}, now {}", key, shown_value(was[key]), shown_value(is[key]));
  return text;
}

std::string exchanged_export(const recipe::Recipe& before, const recipe::Recipe& after) {
  for (const recipe::StageConfig& now : after.stages)
    for (const recipe::StageConfig& then : before.stages)
      if (now.export_config && then.export_config && now.name != then.name &&
          now.export_config->dir == then.export_config->dir)
        return fmt::format("stages.{}.export.dir: {} is the directory of stage {} in the recipe of the checkpoint",
                           now.name, now.export_config->dir, then.name);
  return "";
}

std::string run_directory_of(const recipe::Recipe& recipe, const RunRequest& request) {
  return request.out.empty() ? default_run_dir(recipe) : request.out;
}

void open_run_directory(Session& session, const RunRequest& request) {
  session.run_dir = run_directory_of(session.recipe, request);
  on_rank_zero(session.mesh->world(), [&] { session.store = claim_run_directory(session, request); });
}

std::optional<checkpoint::Loaded> find_checkpoint(Session& session, const RunRequest& request) {
  std::string path;
  on_rank_zero(session.mesh->world(), [&] {
    if (const auto chosen = choose_checkpoint(session, request)) path = checkpoint::load(*chosen).info.path;
  });
  path = session.mesh->world().broadcast_text(path);
  std::optional<checkpoint::Loaded> loaded;
  if (!path.empty()) {
    require_same_checkpoint(session.mesh->world(), path);
    loaded = checkpoint::open_checkpoint(checkpoint::checkpoint_at(path));
    compare_recipes(session, *loaded, request.resume != "auto");
  }
  return loaded;
}

void open_logs(Session& session, const RunRequest& request, const std::optional<checkpoint::Loaded>& resumed) {
  on_rank_zero(session.mesh->world(), [&] {
    std::optional<LogPosition> position;
    if (resumed) {
      const auto& best = session.state.best;
      session.store->rewind(resumed->info.step, best ? std::optional(best->step) : std::nullopt);
      bring_teacher_logits(session, *resumed);
      bring_pinned(session, *resumed);
      session.store->pin(pinned_steps(session.recipe, session.state));
      position = log_position(session.run_dir, *resumed);
    }
    record_origin(session.run_dir, request);
    write_recipe(session.run_dir, session.recipe);
    session.log = std::make_unique<RunLog>(session.run_dir, true, position);
    session.stop->log_to(session.log->descriptor());
  });
  if (!session.log) session.log = std::make_unique<RunLog>(session.run_dir, false);
}

}  // namespace filigree::train
