// `filigree bench`; declared in command.h.
#include <ATen/ops/full.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/parallel/precision.h"
#include "core/recipe/load.h"
#include "core/run/open_session.h"
#include "core/train/stages/run_stages.h"
#include "launch/commands/command.h"
#include "launch/commands/tensor_bytes.h"
#include "launch/registries.h"

namespace filigree::launch {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kWarmup = 5;
constexpr int64_t kMeasured = 30;

/// A stage that is shorter is measured as far as it goes.
int64_t bench_steps(const recipe::TrainConfig& train) {
  constexpr int64_t kSteps = kWarmup + kMeasured;
  return train.max_steps > kWarmup ? std::min(train.max_steps, kSteps) : kSteps;
}

/// The recipe's first training stage only, for a few steps, without evaluation or checkpoints in between.
recipe::Recipe bench_recipe(recipe::Recipe recipe) {
  for (const auto& stage : recipe.stages) {
    if (!stage.train) continue;
    auto only = stage;
    only.train->max_steps = bench_steps(*only.train);
    only.train->epochs = 0;
    only.train->distill.reset();
    only.prune.reset();
    recipe.stages = {only};
    recipe.checkpoint = {};
    recipe.eval.every = 0;
    return recipe;
  }
  throw UsageError(fmt::format("{}: has no stage with a train section to measure", recipe.file));
}

/// A new run directory for a benchmark, removed with its contents at the end of the scope. Rank 0 makes one; on the
/// other ranks the path is empty, and nothing is written.
class TemporaryRun {
 public:
  TemporaryRun(const std::string& name, bool is_rank_zero) {
    if (!is_rank_zero) return;
    std::string pattern = (fs::temp_directory_path() / fmt::format("filigree-bench-{}-XXXXXX", name)).string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw DataError(fmt::format("{}: cannot be created: {}; set TMPDIR to a directory that you can write to", pattern,
                                  std::strerror(errno)));
    path_ = pattern;
  }
  ~TemporaryRun() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TemporaryRun(const TemporaryRun&) = delete;
  TemporaryRun& operator=(const TemporaryRun&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

uint64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

struct Sums {
  double seconds = 0, tokens = 0, samples = 0;
  uint64_t bytes = 0;
  train::CommBytes comm;
  uint64_t peak_tensor_bytes = 0;
  int64_t steps = 0;
};

/// The maximum over the ranks; null if tensors do not live in CPU memory. Collective.
nlohmann::json peak_of_ranks(uint64_t own, dist::Communicator& world, at::Device device) {
  if (!device.is_cpu()) return nullptr;
  const at::Tensor most = at::full({1}, static_cast<double>(own), at::kDouble);
  world.all_reduce(most, dist::ReduceOp::max);
  return static_cast<uint64_t>(most.item<double>());
}

nlohmann::ordered_json result(const Sums& sums, const nlohmann::json& peak, const train::Session& session) {
  const auto steps = static_cast<double>(sums.steps);
  train::CommBytes a_step;
  for (const auto& [key, bytes] : sums.comm) a_step[key] = bytes / static_cast<uint64_t>(sums.steps);
  return {{"tokens_per_s", sums.tokens / sums.seconds},
          {"samples_per_s", sums.samples / sums.seconds},
          {"step_ms", sums.seconds * 1e3 / steps},
          {"comm_bytes_per_step", static_cast<double>(sums.bytes) / steps},
          {"comm", train::by_axis(a_step)},
          {"peak_tensor_bytes", peak},
          {"peak_rss_bytes", peak_rss_bytes()},
          {"precision", train::precision_name(session.compute)},
          {"ranks", session.mesh->world().size()},
          {"tensor", session.mesh->tensor_parallel()}};
}

}  // namespace

int cmd_bench(const BenchOptions& options, dist::Environment& environment) {
  const auto registries = make_registries();
  const auto recipe = bench_recipe(recipe::load(options.recipe, options.sets, registries.catalog()));
  const TemporaryRun out(recipe.name, environment.world_rank() == 0);
  {
    TensorBytes tensors;
    auto opened = train::open_session(recipe, registries, environment, {out.path(), "never", {{"command", "bench"}}});
    auto& session = *opened.session;
    const auto& stage = session.recipe.stages.front();
    session.eval_data.clear();
    train::attach_method(session, stage);
    train::Trainer trainer(session, stage);
    Sums sums;
    trainer.on_step = [&](const train::StepReport& report, double seconds) {
      if (session.state.stage_step <= kWarmup) return tensors.restart();
      sums.peak_tensor_bytes = tensors.peak();
      sums.seconds += seconds;
      sums.tokens += static_cast<double>(report.tokens);
      sums.samples += static_cast<double>(report.samples);
      sums.bytes += train::total(report.comm);
      for (const auto& [key, bytes] : report.comm) sums.comm[key] += bytes;
      ++sums.steps;
    };
    trainer.train();
    const nlohmann::json peak = peak_of_ranks(sums.peak_tensor_bytes, session.mesh->world(), session.device);
    if (session.is_rank_zero()) std::cout << result(sums, peak, session).dump() << '\n';
    session.mesh->world().barrier();
  }
  return 0;
}

}  // namespace filigree::launch
