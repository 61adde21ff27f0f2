// Greedy and beam search give the tokens that transformers' generate() gives; generate_reference.py makes them in the
// build folder. The same in batches of any size, and on a model that is cut over ranks.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/generate/generate.h"
#include "core/parallel/parallelize.h"
#include "dist/factory.h"
#include "models/registry.h"

namespace filigree::models {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Tokens = std::vector<std::vector<int32_t>>;

const fs::path kReference = fs::path(FILIGREE_BINARY_DIR) / "reference" / "generate";

std::unique_ptr<nn::Model> load(const std::string& name, dist::Communicator& tp) {
  ModelOptions options;
  options.task = Task::causal_lm;
  if (tp.size() > 1) options.shard = [&tp](nn::Model& model) { train::shard_model(model, tp.rank(), tp.size()); };
  auto model = load_model((kReference / name).string(), options);
  if (tp.size() > 1) train::install_tp_hooks(*model, tp);
  return model;
}

json cases_of(const std::string& name) { return json::parse(std::ifstream(kReference / name / "cases.json")); }

std::vector<generate::Prompt> prompts_of(const json& cases) {
  std::vector<generate::Prompt> prompts;
  for (const json& tokens : cases["prompts"])
    prompts.push_back({static_cast<int64_t>(prompts.size()), tokens.get<std::vector<int32_t>>()});
  return prompts;
}

generate::Options options_of(const json& cases, const json& settings) {
  generate::Options options;
  options.max_new_tokens = cases["max_new_tokens"];
  options.stop = {0};
  options.beams = settings.value("num_beams", int64_t{1});
  options.length_penalty = settings.value("length_penalty", 1.0);
  options.no_repeat_ngram = settings.value("no_repeat_ngram_size", int64_t{0});
  options.early_stopping = settings.value("early_stopping", false);
  return options;
}

class GenerateParity : public testing::TestWithParam<const char*> {};

TEST_P(GenerateParity, GivesTransformersTokens) {
  const json cases = cases_of(GetParam());
  const auto model = load(GetParam(), *dist::make_single());
  for (const json& row : cases["rows"]) {
    const auto options = options_of(cases, row["settings"]);
    for (const int64_t batch : {1, 4, 100})
      EXPECT_EQ(generate::generate(*model, prompts_of(cases), options, batch, at::kFloat), row["results"].get<Tokens>())
          << row["settings"] << " in batches of " << batch;
  }
}

TEST_P(GenerateParity, GivesThemOnEveryTensorParallelRank) {
  const json cases = cases_of(GetParam());
  for (const int ranks : {2, 3, 5}) {  // 4 heads: the fifth rank has none
    dist::run_threads(ranks, [&](dist::Communicator& world) {
      const auto model = load(GetParam(), world);
      const json& row = cases["rows"][3];
      EXPECT_EQ(generate::generate(*model, prompts_of(cases), options_of(cases, row["settings"]), 3, at::kFloat),
                row["results"].get<Tokens>())
          << ranks << " ranks";
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, GenerateParity, testing::Values("random", "trained"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(Generate, SamplesTheSameWhateverTheBatch) {
  const json cases = cases_of("random");
  const auto model = load("random", *dist::make_single());
  generate::Options options = options_of(cases, json::object());
  options.sample = true;
  options.top_k = 20;
  options.top_p = 0.9;
  options.seed = 4;
  const Tokens one = generate::generate(*model, prompts_of(cases), options, 1, at::kFloat);
  EXPECT_EQ(generate::generate(*model, prompts_of(cases), options, 8, at::kFloat), one);
  options.seed = 5;
  EXPECT_NE(generate::generate(*model, prompts_of(cases), options, 8, at::kFloat), one);
}

TEST(Generate, RefusesWhatCannotBeContinued) {
  const auto model = load("random", *dist::make_single());
  const auto message = [&](std::vector<int32_t> prompt) -> std::string {
    try {
      generate::generate(*model, {{0, std::move(prompt)}}, {}, 1, at::kFloat);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "(no error)";
  };
  EXPECT_NE(message({}).find("prompt 1 is empty"), std::string::npos);
  EXPECT_NE(message(std::vector<int32_t>(64, 1)).find("has 64 tokens, but the model has 64 positions"),
            std::string::npos);
}

TEST(Generate, StopsAtTheLastPosition) {
  const auto model = load("random", *dist::make_single());
  generate::Options options;
  options.max_new_tokens = 1000;
  const Tokens out = generate::generate(*model, {{0, std::vector<int32_t>(60, 1)}, {1, {2}}}, options, 2, at::kFloat);
  EXPECT_EQ(out[0].size(), 4U);
  EXPECT_EQ(out[1].size(), 63U);
}

}  // namespace
}  // namespace filigree::models
