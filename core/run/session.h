#pragma once
// What the stages of a run share: the recipe, the ranks, the model, the data, the logs, the checkpoints and
// the progress of the run. Built once by open_session(); nothing here is global.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/adapt/method.h"
#include "core/checkpoint/store.h"
#include "core/data/dataset.h"
#include "core/data/format.h"
#include "core/data/presets.h"
#include "core/log/run_log.h"
#include "core/nn/load_report.h"
#include "core/nn/model.h"
#include "core/prune/scores/score.h"
#include "core/recipe/recipe.h"
#include "core/run/origin.h"
#include "core/run/state/run_state.h"
#include "core/run/stop_signal.h"
#include "core/tokenizer/tokenizer.h"
#include "dist/mesh.h"

namespace filigree::train {

/// What a model family's loader needs; models/registry.h provides the function.
struct ModelRequest {
  Task task = Task::sequence_classification;
  bool keep_task = false;           ///< use the task of config.json's architecture; `task` is not read
  std::vector<std::string> labels;  ///< names by class number; empty: from config.json
  recipe::ResetHead reset_head = recipe::ResetHead::never;  ///< of a head that does not fit
  bool trains = true;                                       ///< false: the model is only used, as in eval
  nn::LoadReport* report = nullptr;                         ///< receives missing and unused tensors
  std::optional<double> dropout;
  bool random_init = false;
  bool shapes_only = false;  ///< tensors without values or memory, from config.json alone
  uint64_t seed = 0;
  std::function<void(nn::Model&)> shard = nullptr;  ///< cuts each tensor to this rank's shard (parallelize.h)
};
using ModelLoader = std::function<std::unique_ptr<nn::Model>(const std::string& dir, const ModelRequest& request)>;

/// The methods and model families of this program, passed down from main.
struct Registries {
  adapt::Registry methods;
  data::FormatRegistry formats;
  prune::ScoreRegistry scores;
  ModelLoader load_model;

  recipe::Catalog catalog() const {
    return {methods.catalog(), formats.traits(), data::preset_names(), scores.traits()};
  }
};

struct Session {
  recipe::Recipe recipe;
  const Registries* registries = nullptr;
  std::shared_ptr<dist::Mesh> mesh;
  at::Device device = at::kCPU;
  at::ScalarType compute = at::kFloat;

  std::unique_ptr<data::Tokenizer> tokenizer;
  std::unique_ptr<nn::Model> model;
  std::unique_ptr<adapt::Method> method;  ///< of the latest stage that named one
  data::TaskSpec task;
  data::Dataset train_data;
  std::vector<data::Dataset> eval_data;  ///< the splits that are evaluated, e.g. dev, or dev_matched and dev_mismatched

  std::string run_dir;
  Origin origin;                                       ///< what the run starts from, the same on all ranks
  std::unique_ptr<checkpoint::CheckpointStore> store;  ///< rank 0 only
  std::unique_ptr<RunLog> log;
  std::unique_ptr<StopSignal> stop;  ///< what a signal does at present
  RunState state;

  bool is_rank_zero() const { return mesh->world().rank() == 0; }
  nn::ForwardContext forward_context(bool training) const;
};

}  // namespace filigree::train
