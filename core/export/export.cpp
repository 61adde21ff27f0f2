#include "core/export/export.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/export/export_pruned.h"
#include "core/export/export_state.h"
#include "core/files/disk.h"
#include "core/files/read.h"
#include "core/files/run_paths.h"
#include "core/random.h"
#include "dist/factory.h"

namespace filigree::checkpoint {
namespace {

namespace fs = std::filesystem;

// What transformers reads of a model's folder besides config.json and weights.
constexpr const char* kTokenizerFiles[] = {"vocab.txt",  "tokenizer.json",          "tokenizer_config.json",
                                           "vocab.json", "special_tokens_map.json", "added_tokens.json",
                                           "merges.txt", "chat_template.jinja",     "chat_template.json"};
constexpr const char* kTemplates = "additional_chat_templates";
constexpr const char* kGeneration = "generation_config.json";

/// What is no readable file, such as a link in a circle, counts as absent: an export comes after the training.
void copy_if_present(const fs::path& from, const fs::path& to) {
  std::error_code ignored;
  if (fs::is_regular_file(from, ignored)) files::write_file(to.string(), files::read_file(from.string()));
}

/// The paths of the files to copy from `from`, relative to it; also those that are missing.
std::vector<fs::path> files_to_copy(const fs::path& from, Task task) {
  std::vector<fs::path> files(std::begin(kTokenizerFiles), std::end(kTokenizerFiles));
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(from / kTemplates, none))
    if (entry.path().extension() == ".jinja") files.push_back(fs::path(kTemplates) / entry.path().filename());
  if (task == Task::causal_lm) files.emplace_back(kGeneration);
  return files;
}

void copy_files_of_base(const fs::path& from, const fs::path& to, Task task) {
  if (from.empty()) return;
  for (const fs::path& name : files_to_copy(from, task)) {
    if (name.has_parent_path()) fs::create_directory(to / name.parent_path());
    copy_if_present(from / name, to / name);
  }
}

void write_files(nn::Model& model, const NamedTensors& weights, const ExportRequest& request, const fs::path& dir) {
  const NamedTensors in_files = model.to_files(weights);
  write_model_safetensors(dir.string(), in_files, request.shard_bytes);
  const nlohmann::json config = export_config(model, request.format, common_dtype(in_files));
  files::write_file((dir / "config.json").string(), config.dump(2) + "\n");
  if (request.format == ExportFormat::hf_pruned && is_pruned(model))
    files::write_file((dir / kModelingFile).string(), modeling_code(model));
  copy_files_of_base(request.base_dir, dir, model.task());
  if (!request.recipe.empty()) files::write_file((dir / files::run_names::kRecipe).string(), request.recipe);
}

/// The tensors to write for a merged state. Afterwards the base model takes no memory.
NamedTensors weights_to_write(nn::Model& model, const NamedTensors& state, const ExportRequest& request,
                              ExportResult& result) {
  const BaseWeights base = request.base ? request.base() : BaseWeights();
  result.base_problem = base.problem;
  return in_file_types(model, state, base, request.dtype);
}

at::Tensor logits(nn::Model& model, const data::Batch& probe) {
  const at::NoGradGuard no_grad;
  return model.forward(data::to(probe, model.device()), {}).logits.to(at::kCPU, at::kDouble);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  FG_CHECK(a.sizes() == b.sizes(), "the export has {} logits, but the model has {}", b.numel(), a.numel());
  return a.sub(b).abs().max().item<double>();
}

/// The largest absolute logit of a live model. DataError if one is not finite.
double largest_finite(const at::Tensor& logits) {
  const double largest = logits.abs().max().item<double>();
  if (!std::isfinite(largest))
    throw DataError("export: the model's logits are not finite: it has diverged; train it with a smaller lr");
  return largest;
}

/// Reads an export back and returns the largest difference of a logit.
double read_back(nn::Model& model, const ExportRequest& request, const std::string& dir, const ExportSource& source,
                 const NamedTensors& written) {
  largest_finite(source.logits);  // before values are compared
  const std::unique_ptr<nn::Model> reread = request.reload(dir);
  restore_values(*reread, source.state, written);
  reread->to(model.device());
  return compare_logits(source.logits, logits(*reread, probe_batch(*reread)));
}

}  // namespace

void check_files_to_copy(const std::string& base_dir, Task task) {
  std::error_code ignored;
  const fs::path templates = fs::path(base_dir) / kTemplates;
  if (fs::exists(templates, ignored) && !fs::is_directory(templates, ignored))
    throw DataError(fmt::format("{}: is not a directory; an export copies the chat templates in it. Remove it",
                                templates.string()));
  for (const fs::path& name : files_to_copy(base_dir, task)) {
    const fs::path path = base_dir / name;
    if (fs::is_directory(path, ignored))
      throw DataError(
          fmt::format("{}: is a directory; an export copies the file of this name. Remove it, or put a "
                      "regular file in its place",
                      path.string()));
    if (fs::exists(path, ignored))
      files::read_file(path.string());
    else if (fs::is_symlink(fs::symlink_status(path, ignored)))
      throw DataError(fmt::format("{}: is a link to a file that does not exist; restore the file, or remove the link",
                                  path.string()));
  }
}

data::Batch probe_batch(nn::Model& model) {
  const uint64_t stream = random::stream(0, "export probe");
  std::vector<int64_t> ids, positions;
  data::Batch batch;
  batch.offsets = {0};
  for (const int64_t length : {5, 17, 1, 32}) {
    for (int64_t i = 0; i < std::min(length, model.max_positions()); ++i) {
      ids.push_back(static_cast<int64_t>(random::bits(stream, ids.size()) % static_cast<uint64_t>(model.vocab_size())));
      positions.push_back(i);
    }
    batch.samples.push_back(batch.size());
    batch.offsets.push_back(static_cast<int64_t>(ids.size()));
  }
  batch.ids = at::tensor(ids, at::kLong);
  batch.positions = at::tensor(positions, at::kLong);
  batch.type_ids = at::zeros_like(batch.ids);
  return batch;
}

double largest_difference(nn::Model& a, nn::Model& b, const data::Batch& probe) {
  return largest_difference(logits(a, probe), logits(b, probe));
}

double compare_logits(const at::Tensor& live, const at::Tensor& reread) {
  const double largest = largest_finite(live);
  const double difference = largest_difference(live, reread);
  FG_CHECK(difference <= kExportTolerance * std::max(1.0, largest),  // false for NaN, too
           "the export's logits differ from the model's by {}; the largest logit is {}", difference, largest);
  return difference;
}

double compare_logits(nn::Model& live, nn::Model& reread, const data::Batch& probe) {
  return compare_logits(logits(live, probe), logits(reread, probe));
}

ExportSource export_source(nn::Model& model, dist::Communicator& tp) {
  return {merged_state(model, tp), logits(model, probe_batch(model))};
}

ExportResult export_model(nn::Model& model, const ExportSource& source, const ExportRequest& request) {
  files::StagedDirectory staged(request.dir, request.existing);
  ExportResult result;
  ExportSource filled = source;
  result.zero_filled = request.format == ExportFormat::hf && zero_fill(model, filled.state);
  const NamedTensors written = weights_to_write(model, filled.state, request, result);
  write_files(model, written, request, staged.path());
  if (request.reload) result.largest_difference = read_back(model, request, staged.path().string(), filled, written);
  result.kept = staged.commit();
  return result;
}

ExportResult export_model(nn::Model& model, const ExportRequest& request) {
  return export_model(model, export_source(model, *dist::make_single()), request);
}

}  // namespace filigree::checkpoint
