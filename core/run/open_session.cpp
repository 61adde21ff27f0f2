#include "core/run/open_session.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "core/counted.h"
#include "core/error.h"
#include "core/export/export.h"
#include "core/export/peft/peft_lora.h"
#include "core/parallel/precision.h"
#include "core/recipe/key_error.h"
#include "core/run/base_model.h"
#include "core/run/check_data.h"
#include "core/run/check_stages.h"
#include "core/run/check_tokens.h"
#include "core/run/open_model.h"
#include "core/run/rank_zero.h"
#include "core/run/resume.h"
#include "core/run/state/restore.h"
#include "core/run/steps.h"

namespace filigree::train {
namespace {

std::shared_ptr<dist::Mesh> open_mesh(const recipe::ParallelConfig& parallel, const dist::Environment& environment,
                                      bool cuda) {
  const int ranks = environment.world_size();
  if (ranks % parallel.tensor != 0)
    throw UsageError(
        fmt::format("parallel.tensor: the job has {0}, which is not a multiple of {1}: ranks = data-parallel size x "
                    "tensor-parallel size. Start a multiple of {1}, or set another parallel.tensor",
                    counted(ranks, "rank"), parallel.tensor));
  return std::make_shared<dist::Mesh>(open_world(parallel, environment, cuda), static_cast<int>(parallel.tensor));
}

void load_data(Session& session) {
  const auto& recipe = session.recipe;
  session.task = data::resolve_task(recipe.data, recipe.model.task, session.registries->formats);
  check_best(recipe, session.task);
  session.tokenizer = data::load_tokenizer(recipe.model.path);
  session.train_data = data::load_dataset(recipe.data, session.task, "train", *session.tokenizer, recipe.seed);
  for (const auto& split : data::splits_of(session.task, recipe.eval.split))
    session.eval_data.push_back(data::load_dataset(recipe.data, session.task, split, *session.tokenizer, recipe.seed));
  for (const data::Dataset& dataset : session.eval_data) dataset.check_labelled();
}

/// Called before anything that could leave ranks waiting for each other: all ranks must have been started alike.
void agree_at_start(const Session& session, const dist::Environment& environment, const RunRequest& request) {
  require_agreement(environment.control(session.recipe.parallel.timeout),
                    {program_subject(), arguments_subject(request.arguments), recipe_subject(session.recipe),
                     device_subject(session.device, session.compute)});
}

void agree_on_files(Session& session) {
  auto& world = session.mesh->world();
  session.origin = origin_of(session.recipe, session.train_data, session.eval_data, world);
  require_agreement(world, {origin_subject(session.origin, session.recipe)});
}

/// Returns the missing and unused tensors.
nn::LoadReport load_model(Session& session) {
  const auto& recipe = session.recipe;
  nn::LoadReport report;
  session.model = load_base(session, report);
  check_tokens(session.train_data, *session.tokenizer, *session.model, recipe.model.path);
  for (data::Dataset& dataset : session.eval_data)
    check_tokens(dataset, *session.tokenizer, *session.model, recipe.model.path);
  check_length(recipe, *session.model, recipe.model.path);
  return report;
}

/// For new runs: a resumed run has its values from the checkpoint, and logged its findings at its first start.
void log_findings(const Session& session, nn::LoadReport report, const std::vector<std::string>& of_stages) {
  const data::Dataset& data = session.train_data;
  for (const std::string& line : of_stages) session.log->warn("{}", line);
  for (const std::string& line : missing_classes(session.recipe, data.label_names, data.classes))
    session.log->warn("{}", line);
  if (session.recipe.model.init == recipe::InitialWeights::random) return;
  if (session.is_rank_zero()) note_changed_files(session.recipe.model.path, report);
  for (const std::string& line : describe(report, session.recipe.model.path)) session.log->info("{}", line);
}

}  // namespace

std::unique_ptr<dist::Communicator> open_world(const recipe::ParallelConfig& parallel,
                                               const dist::Environment& environment, bool cuda) {
  const std::string backend(enum_name(parallel.backend));
  if (const std::string problem = environment.why_not(backend); !problem.empty())
    throw UsageError("parallel.backend: " + problem);
  return environment.world(backend, cuda, parallel.timeout);
}

at::Device choose_device(recipe::Device device, int local_rank) {
  if (device == recipe::Device::cpu || (device == recipe::Device::automatic && !at::hasCUDA())) return at::kCPU;
  if (!at::hasCUDA())
    throw UsageError(
        "parallel.device: cuda is requested, but there is no CUDA device here, or LibTorch is a CPU build");
  return {at::kCUDA, static_cast<at::DeviceIndex>(local_rank % dist::cuda_devices())};
}

int choose_threads(const dist::Communicator& world) {
  if (std::getenv("OMP_NUM_THREADS") == nullptr) {
    const auto& hosts = world.hosts();
    const auto here = std::count(hosts.begin(), hosts.end(), hosts[static_cast<size_t>(world.rank())]);
    const auto cores = static_cast<int64_t>(std::thread::hardware_concurrency());
    // With mpirun's binding, the visible cores already belong to this rank alone.
    at::set_num_threads(static_cast<int>(std::max<int64_t>(1, cores >= here ? cores / here : 1)));
  }
  return at::get_num_threads();
}

OpenedSession open_session(recipe::Recipe recipe, const Registries& registries, const dist::Environment& environment,
                           const RunRequest& request) {
  OpenedSession opened;
  opened.session = std::make_unique<Session>();
  Session& session = *opened.session;
  session.recipe = std::move(recipe);
  session.registries = &registries;
  session.stop = std::make_unique<StopSignal>();
  const auto& parallel = session.recipe.parallel;
  session.device = choose_device(parallel.device, environment.local_rank());
  session.compute = choose_precision(parallel.precision, session.device);
  agree_at_start(session, environment, request);
  session.mesh = open_mesh(parallel, environment, session.device.is_cuda());
  choose_threads(session.mesh->world());
  use_base(session, request);
  // Fail early: validate the LoRA before loading the data.
  if (const std::string& lora = session.recipe.model.init_lora; !lora.empty()) checkpoint::read_peft(lora);
  on_rank_zero(session.mesh->world(),
               [&] { checkpoint::check_files_to_copy(session.recipe.model.path, session.recipe.model.task); });
  recipe::at_keys(session.recipe, [&] { load_data(session); });
  check_steps(session.recipe, registries.methods, session.train_data.size());
  const std::vector<std::string> warnings =
      check_stages(session.recipe, registries, *model_of_shapes(session.recipe, registries, session.recipe.model.path));
  agree_on_files(session);
  const nn::LoadReport report = load_model(session);
  if (session.run_dir.empty()) open_run_directory(session, request);
  opened.resumed = find_checkpoint(session, request);
  if (opened.resumed) {
    check_origin(session, *opened.resumed);
    restore_model(restore_target(session), *opened.resumed);
  }
  open_logs(session, request, opened.resumed);
  for (const auto& line : session.recipe.notes) session.log->info("{}", line);
  if (opened.resumed)
    warn_of_changed_evaluation(session, *opened.resumed);
  else
    log_findings(session, report, warnings);
  for (const auto& line : warmup_warnings(session.recipe, session.train_data.size(), session.state.stage))
    session.log->warn("{}", line);
  return opened;
}

}  // namespace filigree::train
