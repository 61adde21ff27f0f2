// labels: unit
#include "core/files/run_paths.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

namespace filigree::files {
namespace {

TEST(RunPaths, EachPathHasAReservedName) {
  const RunPaths run("runs/a");
  const std::set<std::string> paths{run.lock(),        run.recipe(), run.metrics(), run.log(),        run.report(),
                                    run.checkpoints(), run.cache(),  run.plans(),   run.final_model()};
  EXPECT_EQ(paths.size(), run_names::kVisible.size() + 1);
  for (const auto& path : paths) {
    EXPECT_EQ(std::filesystem::path(path).parent_path(), "runs/a") << path;
    EXPECT_TRUE(run_names::is_reserved(std::filesystem::path(path).filename().string())) << path;
  }
  EXPECT_EQ(run.at("exported/model"), "runs/a/exported/model");
}

TEST(RunNames, AreReserved) {
  for (const char* name : {"checkpoints", "final", "cache", "plans", "recipe.yaml", "metrics.jsonl", "log.txt",
                           "report.html", ".lock", ".filigree", ".x", "events.out.tfevents.1"})
    EXPECT_TRUE(run_names::is_reserved(name)) << name;
  for (const char* name : {"export", "hf", "final2", "checkpoint"}) EXPECT_FALSE(run_names::is_reserved(name)) << name;
}

}  // namespace
}  // namespace filigree::files
