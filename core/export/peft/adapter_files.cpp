#include "core/export/peft/adapter_files.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/export/export.h"
#include "core/export/peft/import_peft.h"
#include "core/files/disk.h"
#include "core/files/staged_directory.h"
#include "core/nn/weight_transform.h"

namespace filigree::checkpoint {
namespace {

void check_unpruned(nn::Model& model, const std::string& format) {
  for (const nn::StructureGroup& group : model.structures()) {
    if (group.left() == group.total) continue;
    throw UsageError(fmt::format(
        "format {}: the base weights must be unpruned, but {}s of layer {} were pruned; use --format hf, or "
        "name a checkpoint from before the prune",
        format, nn::to_string(group.kind), group.layer));
  }
}

/// "classifier" for "classifier.out_proj.weight".
std::set<std::string> head_modules(nn::Model& model) {
  std::set<std::string> modules;
  for (const std::string& name : model.head_parameters()) modules.insert(name.substr(0, name.find('.')));
  return modules;
}

void add_head(nn::Model& model, const std::vector<int64_t>& classes, NamedTensors& tensors) {
  for (const std::string& name : model.head_parameters()) {
    at::Tensor value = model.parameters().at(name).value().detach().to(at::kCPU, at::kFloat);
    if (!classes.empty() && has_classes(model, name))
      value = at::zeros_like(value).index_copy_(0, at::tensor(classes, at::kLong), value);
    tensors.emplace_back(kPeftPrefix + name, value);
  }
}

/// The parameters that the base's files lack, without the head's.
std::vector<std::string> lacking(nn::Model& model, const nn::LoadReport& base) {
  const auto head = model.head_parameters();
  std::vector<std::string> names;
  for (const std::string& name : base.newly_initialized)
    if (std::ranges::find(head, name) == head.end() && model.parameters().find(name)) names.push_back(name);
  return names;
}

std::string module_of(const std::string& parameter) { return parameter.substr(0, parameter.rfind('.')); }

void add_lacking(nn::Model& model, const std::vector<std::string>& names, AdapterFiles& adapter) {
  for (const std::string& name : names) {
    if (const nn::FileLinear place = model.file_linear(module_of(name)); place.transposed || place.parts > 1)
      throw UsageError(
          fmt::format("the base's files lack '{}', so that an adapter has nothing to add to; use --format hf", name));
    adapter.tensors.emplace_back(kPeftPrefix + name,
                                 model.parameters().at(name).value().detach().to(at::kCPU, at::kFloat));
  }
}

void add_common_keys(nn::Model& model, const std::vector<std::string>& others, const std::string& base,
                     nlohmann::json& config) {
  auto head = head_modules(model);
  for (const std::string& name : others) head.insert(module_of(name));
  config["task_type"] = model.task() == Task::causal_lm ? "CAUSAL_LM" : "SEQ_CLS";
  config["base_model_name_or_path"] = std::filesystem::absolute(base).string();
  config["modules_to_save"] = head.empty() ? nlohmann::json() : nlohmann::json(head);
  config["inference_mode"] = true;
}

/// Compares the live model with the written adapter on its base.
double read_back(nn::Model& model, const std::string& dir, nn::Model& base, const std::vector<int64_t>& classes) {
  merge(base, read_peft(dir), classes);
  base.to(model.device());
  return compare_logits(model, base, probe_batch(model));
}

}  // namespace

void check_expressible(nn::Model& model, const std::string& format) {
  if (model.task() == Task::masked_lm)
    throw UsageError(
        fmt::format("format {}: works for classification, regression and causal_lm; use --format hf", format));
  check_unpruned(model, format);
  const auto head = model.head_parameters();
  std::set<std::string> known(head.begin(), head.end());
  bool any = false;
  for (const nn::Linear* linear : model.linears()) {
    if (linear->mask() || linear->transform())
      throw UsageError(fmt::format("format {}: '{}' has {}, which an adapter cannot hold; use --format hf", format,
                                   linear->name(), linear->mask() ? "a mask" : linear->transform()->kind()));
    if (!linear->adapter()) continue;
    any = true;
    for (const nn::ParameterPtr& parameter : linear->adapter()->parameters()) known.insert(parameter->name);
  }
  if (!any)
    throw UsageError(
        fmt::format("format {}: the model has no update; name a checkpoint of a stage that trained one", format));
  for (const nn::ParameterPtr& parameter : model.parameters()) {
    if (parameter->trainable() && !known.contains(parameter->name))
      throw UsageError(fmt::format("format {}: '{}' was also trained, which an adapter cannot hold; use --format hf",
                                   format, parameter->name));
  }
}

nn::LowRankForm form_of(const nn::Linear& linear, const std::string& format) {
  const nn::Adapter* adapter = linear.adapter();
  if (auto form = adapter->low_rank_form()) return *form;
  throw UsageError(fmt::format("format {}: an update of kind '{}' on '{}' is not low-rank plus sparse; use --format hf",
                               format, adapter->kind(), linear.name()));
}

double write_adapter(nn::Model& model, AdapterFiles adapter, const std::string& dir, const std::string& base,
                     const LoadBase& reload) {
  const std::vector<int64_t> classes = base_classes(model, base);
  nn::LoadReport report;
  const std::unique_ptr<nn::Model> loaded = reload(base, report);
  const std::vector<std::string> others = lacking(model, report);
  add_head(model, classes, adapter.tensors);
  add_lacking(model, others, adapter);
  add_common_keys(model, others, base, adapter.config);
  files::StagedDirectory staged(dir, files::StagedDirectory::Existing::refuse);
  write_safetensors((staged.path() / "adapter_model.safetensors").string(), adapter.tensors);
  files::write_file((staged.path() / "adapter_config.json").string(), adapter.config.dump(2) + "\n");
  const double difference = read_back(model, staged.path().string(), *loaded, classes);
  staged.commit();
  return difference;
}

}  // namespace filigree::checkpoint
