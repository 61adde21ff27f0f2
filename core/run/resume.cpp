#include "core/run/resume.h"

#include <filesystem>
#include <iostream>
#include <set>
#include <sstream>

#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/read.h"
#include "core/random.h"
#include "core/recipe/load.h"
#include "core/run/base_model.h"
#include "core/run/claim_run.h"
#include "core/run/rank_zero.h"
#include "core/run/state/saved_state.h"

namespace filigree::train {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string default_run_dir(const recipe::Recipe& recipe) {
  const auto hash = random::hash(decisive_recipe(recipe));
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

void compare_recipes(const Session& session, const checkpoint::Loaded& loaded, bool named) {
  const std::string difference_text = recipe_difference(
      saved_decisive(saved_state(loaded).decisive, session.registries->catalog()), decisive_recipe(session.recipe));
  if (difference_text.empty()) return;
  if (!named)
    throw UsageError(
        fmt::format("{} contains a run of a different recipe, which differs in:{}\nChoose another --out, or resume it "
                    "anyway with --resume {}",
                    session.run_dir, difference_text, loaded.info.path));
  if (session.is_rank_zero())
    std::cerr << fmt::format("note: the recipe differs from the checkpoint's in:{}\n", difference_text);
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
  const std::set<std::string> in_old(old_lines.begin(), old_lines.end()), in_new(new_lines.begin(), new_lines.end());
  std::string text;
  for (const auto& line : old_lines)
    if (!in_new.contains(line)) text += "\n  - " + line;
  for (const auto& line : new_lines)
    if (!in_old.contains(line)) text += "\n  + " + line;
  return text;
}

std::string saved_decisive(const std::string& saved, const recipe::Catalog& catalog) {
  try {
    return recipe::to_yaml(recipe::load_text(saved, "the checkpoint's recipe", catalog, {}, recipe::OldKeys::accept));
  } catch (const UsageError&) {
    return saved;  // of a version whose recipes mean something else: every difference is shown
  }
}

std::string decisive_recipe(const recipe::Recipe& recipe) {
  recipe::Recipe decisive = recipe;
  decisive.parallel = {};
  decisive.parallel.precision = recipe.parallel.precision;
  decisive.parallel.grad_dtype = recipe.parallel.grad_dtype;
  decisive.checkpoint = {};
  decisive.eval = {};
  decisive.log_every = 1;
  // A merged model is in the run directory, which may be moved.
  if (is_merged_base(recipe.model.path)) decisive.model.path = fs::path(recipe.model.path).filename();
  return recipe::to_yaml(decisive);
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
      position = log_position(session.run_dir, *resumed);
    }
    record_origin(session.run_dir, request);
    write_recipe(session.run_dir, session.recipe);
    session.log = std::make_unique<RunLog>(session.run_dir, true, position);
  });
  if (!session.log) session.log = std::make_unique<RunLog>(session.run_dir, false);
}

}  // namespace filigree::train
