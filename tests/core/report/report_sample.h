#pragma once
// Makes up the files of a run: curves of the usual form with noise, a plan, a recipe. For the report's tests.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/random.h"

namespace filigree::test {

struct SampleRun {
  std::string name = "supersense-minilm-dsee";
  int64_t layers = 6, heads = 12, neurons = 1536;
  int64_t adapt_steps = 1250, recover_steps = 625, log_every = 10, eval_every = 200;
  int64_t stop_at = 1 << 30;  ///< the run was killed after this step
  int ranks = 2;
  bool prune = true, uneven = false;
  double floor = 0.78;  ///< loss that training tends to
};

class SampleWriter {
 public:
  SampleWriter(const std::string& dir, const SampleRun& run) : dir_(dir), run_(run) {
    std::filesystem::create_directories(dir + "/plans");
    metrics_.open(dir + "/metrics.jsonl");
    std::ofstream(dir + "/recipe.yaml")
        << "name: " << run.name << "\nseed: 42\nmodel: {path: /models/minilm-l6, task: sequence_classification}\n"
        << "stages:\n  - name: adapt\n    method: {name: dsee, rank: 16, num_sparse: 64}  # <not> & markup\n";
  }

  void write() {
    stage("adapt", run_.adapt_steps, 22'900'000, 3.8, 0.30, 2e-3);
    if (run_.prune && step_ < run_.stop_at) prune();
    if (run_.prune && step_ < run_.stop_at) stage("recover", run_.recover_steps, 17'800'000, 1.9, 0.74, 1e-3);
    if (step_ < run_.stop_at) std::filesystem::create_directories(dir_ + "/final");
  }

 private:
  void line(const nlohmann::ordered_json& json) { metrics_ << json.dump() << '\n'; }
  double noise() { return random::uniform(random::stream(1, "sample"), draws_++) - 0.5; }

  void stage(const std::string& name, int64_t steps, int64_t total, double high, double accuracy, double lr) {
    const int64_t bytes = run_.ranks > 1 ? 1'650'000 : 0;
    line({{"kind", "stage"},
          {"stage", name},
          {"steps", steps},
          {"trainable", 412'717},
          {"total", total},
          {"comm_bytes_per_step", bytes},
          {"full_comm_bytes_per_step", run_.ranks > 1 ? total * 4 : 0}});
    for (int64_t i = 1; i <= steps && step_ < run_.stop_at; ++i) {
      ++step_;
      const double share = static_cast<double>(i) / static_cast<double>(steps);
      const double loss = run_.floor + (high - run_.floor) * std::exp(-4 * share);
      if (step_ % run_.log_every == 0 || i == steps)
        line({{"kind", "train"},
              {"stage", name},
              {"step", step_},
              {"stage_step", i},
              {"epoch", 2 * share},
              {"loss", loss * (1 + 0.25 * noise())},
              {"lr", lr * std::min(1.0, share / 0.06) * (1 - share)},
              {"grad_norm", 1.5 + noise()},
              {"tokens_per_s", 12000 + 1500 * noise()},
              {"comm_bytes", bytes},
              {"comm",
               {{"dp", {{"gradients", std::max<int64_t>(0, bytes - 48)}}},
                {"tp", {{"forward", 4096}}},
                {"world", {{"other", 48}}}}},
              {"step_ms", 84 + 10 * noise()}});
      if (step_ % run_.eval_every == 0 || i == steps)
        eval(name, accuracy + (0.765 - accuracy) * (1 - std::exp(-3.5 * share)), loss);
    }
  }

  void eval(const std::string& stage_name, double accuracy, double loss) {
    const double value = accuracy + 0.006 * noise();
    line({{"kind", "eval"},
          {"stage", stage_name},
          {"step", step_},
          {"split", "dev"},
          {"accuracy", value},
          {"loss", loss},
          {"macro_f1", value * 0.93},
          {"samples", 5000}});
  }

  void prune() {
    nlohmann::json groups = nlohmann::json::array();
    std::vector<int64_t> heads_left, ffn_left;
    for (int64_t layer = 0; layer < run_.layers; ++layer) {
      const int64_t shift = run_.uneven ? layer % 4 - 1 : 0;
      const auto heads = kept(run_.heads, run_.heads / 4 + shift),
                 neurons = kept(run_.neurons, run_.neurons * (4 + shift) / 10);
      heads_left.push_back(static_cast<int64_t>(heads.size()));
      ffn_left.push_back(static_cast<int64_t>(neurons.size()));
      groups.push_back({{"kind", "head"}, {"layer", layer}, {"total", run_.heads}, {"kept", heads}});
      groups.push_back({{"kind", "neuron"}, {"layer", layer}, {"total", run_.neurons}, {"kept", neurons}});
    }
    std::ofstream(dir_ + "/plans/prune-1.json")
        << nlohmann::json{{"score", "taylor"}, {"scope", "layer"}, {"groups", groups}}.dump();
    line({{"kind", "prune"},
          {"stage", "prune"},
          {"step", step_},
          {"heads_left", heads_left},
          {"ffn_left", ffn_left},
          {"sparsity", 0.31},
          {"flops_ratio", 0.652}});
    eval("prune", 0.512, 1.9);
  }

  std::vector<int64_t> kept(int64_t total, int64_t removed) {
    const auto order = random::permutation(random::stream(2, "kept", draws_++), total);
    std::vector<int64_t> left(order.begin() + removed, order.end());
    std::sort(left.begin(), left.end());
    return left;
  }

  std::string dir_;
  SampleRun run_;
  std::ofstream metrics_;
  int64_t step_ = 0;
  uint64_t draws_ = 0;
};

inline void write_sample_run(const std::string& dir, const SampleRun& run = {}) { SampleWriter(dir, run).write(); }

}  // namespace filigree::test
