// Trains a tiny BERT with random weights for three steps on a few made-up lines, and prints the losses. The files that the
// recipe names, the model's and the data's, are written into a temporary folder first.
#include <fmt/format.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "core/error.h"
#include "core/recipe/load.h"
#include "core/run/open_session.h"
#include "core/train/stages/run_stages.h"
#include "launch/failure.h"
#include "launch/registries.h"

namespace {

using namespace filigree;
namespace fs = std::filesystem;

constexpr const char* kConfig = R"({
  "model_type": "bert", "vocab_size": 14, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
  "intermediate_size": 64, "max_position_embeddings": 16, "type_vocab_size": 2, "hidden_act": "gelu"
})";

constexpr const char* kVocabulary =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\na\nfilm\nstory\nwas\nfine\nslow\ndull\nnot\n";

constexpr const char* kLines =
    "sentence\tlabel\n"
    "the film was fine\tgood\n"
    "the story was slow\tbad\n"
    "a fine story\tgood\n"
    "a dull film\tbad\n"
    "the film was not dull\tgood\n"
    "the story was not fine\tbad\n";

constexpr const char* kRecipe = R"(
name: tiny
seed: 1
model: {path: "FOLDER/model", init: random, task: sequence_classification}
data: {format: tsv, dir: "FOLDER", train: lines.tsv, dev: lines.tsv, text: [sentence], label: label, max_length: 16}
parallel: {device: cpu, precision: fp32}
stages:
  - name: adapt
    method: {name: lora, rank: 2, targets: [query, value]}
    train: {max_steps: 3, batch_size: 6, lr: 1e-2}
)";

/// A new folder, removed with its contents at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "filigree-example-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw DataError(pattern + ": cannot be created; set TMPDIR");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void write(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  if (!(out << text).flush()) throw DataError(file.string() + ": cannot be written");
}

std::string replaced(std::string text, const std::string& word, const std::string& by) {
  for (size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += by.size())
    text.replace(at, word.size(), by);
  return text;
}

void run(const dist::Environment& environment) {
  const TemporaryFolder folder;
  fs::create_directory(folder.path() + "/model");
  write(folder.path() + "/model/config.json", kConfig);
  write(folder.path() + "/model/vocab.txt", kVocabulary);
  write(folder.path() + "/lines.tsv", kLines);

  const train::Registries registries = launch::make_registries();
  const auto recipe = recipe::load_text(replaced(kRecipe, "FOLDER", folder.path()), "tiny", registries.catalog());
  const auto opened = train::open_session(recipe, registries, environment, {folder.path() + "/run", "never", {}});
  train::Session& session = *opened.session;

  const recipe::StageConfig& stage = session.recipe.stages.front();
  train::attach_method(session, stage);
  train::Trainer trainer(session, stage);
  trainer.on_step = [&](const train::StepReport& report, double /*seconds*/) {
    std::cout << fmt::format("step {}: loss {:.6f}\n", session.state.stage_step, report.loss);
  };
  trainer.train();
}

}  // namespace

int main(int argc, char** argv) {
  dist::Environment environment(&argc, &argv);
  try {
    run(environment);
    return 0;
  } catch (...) {
    return launch::end_job(launch::explain(std::current_exception()), environment);
  }
}
