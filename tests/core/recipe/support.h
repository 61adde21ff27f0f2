#pragma once
// A folder of its own for each test, a small good recipe, and a catalog with methods of every kind of option, so that
// these tests depend on no method of core/adapt.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "core/data/format.h"
#include "core/data/presets.h"
#include "core/error.h"
#include "core/prune/scores/score.h"
#include "core/recipe/load.h"
#include "core/recipe/schema.h"

namespace filigree::recipe::test {

struct SketchOptions : MethodOptions {
  int64_t rank = 16;
  double alpha = 32;
  bool bias = false;
  std::vector<std::string> targets{"query", "value"};
  std::string support = "grebsmo";
  std::optional<int64_t> passes;

  void describe(Schema& schema) override {
    schema.field("rank", rank, "rank of the update", from(1).to(4096));
    schema.field("alpha", alpha, "scale", above(0).to(1e6));
    schema.field("bias", bias, "train biases as well");
    schema.field("targets", targets, "linears that get an update").required().patterns();
    schema.field("support", support, "how places are chosen").one_of({"grebsmo", "random"});
    schema.field("passes", passes, "passes of the search", from(1).to(100));
  }
};

struct NoOptions : MethodOptions {
  void describe(Schema&) override {}
};

inline Catalog catalog() {
  Catalog catalog{{}, data::builtin_formats().traits(), data::preset_names(), prune::builtin_scores().traits()};
  catalog.methods.add("sketch", "low rank and sparse", [] { return std::make_shared<SketchOptions>(); });
  catalog.methods.add("full", "every weight", [] { return std::make_shared<NoOptions>(); });
  return catalog;
}

inline const char* const kGood = R"(name: demo
seed: 7
model:
  path: /models/minilm
  task: sequence_classification
data:
  format: tsv
  task: sst2
  dir: /data/SST-2
parallel: {precision: fp32, timeout: 60}
stages:
  - name: adapt
    method: {name: sketch, rank: 8}
    train: {epochs: 3, batch_size: 16, lr: 1e-3}
  - name: prune
    prune:
      structure: [heads, ffn]
      heads: 0.25
      ffn: 0.4
  - name: recover
    train:
      epochs: 1
      lr: 5e-4
      distill: {weight: 0.5}
  - name: export
    export: {format: hf}
checkpoint: {every: 500, keep: 2}
eval: {every: 200}
log_every: 10
)";

class RecipeTest : public ::testing::Test {
 protected:
  RecipeTest() {
    std::string name = (std::filesystem::temp_directory_path() / "filigree-recipe-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~RecipeTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& text, const std::string& name = "r.yaml") const {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  Recipe load_text(const std::string& text, const std::vector<std::string>& sets = {}) const {
    return load(write(text), sets, catalog());
  }
  /// What load() says, the folder's name taken out; "" when it is content.
  std::string complaint(const std::string& text, const std::vector<std::string>& sets = {}) const {
    return complaint_of(write(text), sets);
  }
  std::string complaint_of(const std::string& path, const std::vector<std::string>& sets = {}) const {
    try {
      load(path, sets, catalog());
    } catch (const UsageError& error) {
      EXPECT_EQ(error.exit_code(), 2);
      return without_folder(error.what());
    }
    return "";
  }
  std::string without_folder(std::string text) const {
    const std::string prefix = folder_ + "/";
    for (size_t at = 0; (at = text.find(prefix, at)) != std::string::npos;) text.erase(at, prefix.size());
    return text;
  }

  std::string folder_;
};

inline std::string replace(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << "not in the text: " << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

}  // namespace filigree::recipe::test
