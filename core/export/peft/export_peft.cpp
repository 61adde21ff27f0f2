#include "core/export/peft/export_peft.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/export/export.h"
#include "core/export/peft/import_peft.h"
#include "core/files/disk.h"
#include "core/files/staged_directory.h"
#include "core/nn/adapter.h"
#include "core/safetensors/safetensors.h"

namespace filigree::checkpoint {
namespace {

constexpr const char* kPrefix = "base_model.model.";

/// D = b a.
struct Factors {
  at::Tensor a;  ///< [rank, in]
  at::Tensor b;  ///< [out, rank]
  int64_t rank() const { return a.size(0); }
};

nn::LowRankForm form_of(const nn::Linear& linear) {
  const nn::Adapter* adapter = linear.adapter();
  if (auto form = adapter->low_rank_form()) return *form;
  throw UsageError(fmt::format("format peft: an update of kind '{}' on '{}' is not a LoRA; use --format hf",
                               adapter->kind(), linear.name()));
}

/// S2 as a product: unit columns times the rows that have entries, or the columns that have entries times unit rows.
Factors as_product(const at::Tensor& rows, const at::Tensor& cols, const at::Tensor& values, int64_t out, int64_t in) {
  std::map<int64_t, int64_t> by_row, by_col;  // row or column -> its index among those used
  const auto place = [](std::map<int64_t, int64_t>& lines, int64_t line) {
    return lines.emplace(line, static_cast<int64_t>(lines.size())).first->second;
  };
  const at::Tensor of_rows = rows.contiguous(), of_cols = cols.contiguous();
  const auto* row = of_rows.const_data_ptr<int64_t>();
  const auto* col = of_cols.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < rows.numel(); ++i) place(by_row, row[i]), place(by_col, col[i]);
  const bool on_rows = by_row.size() <= by_col.size();
  const auto rank = static_cast<int64_t>(on_rows ? by_row.size() : by_col.size());
  Factors factors{at::zeros({rank, in}, at::kFloat), at::zeros({out, rank}, at::kFloat)};
  auto a = factors.a.accessor<float, 2>(), b = factors.b.accessor<float, 2>();
  const at::Tensor of_values = values.to(at::kFloat).contiguous();
  const auto* value = of_values.const_data_ptr<float>();
  for (int64_t i = 0; i < rows.numel(); ++i) {
    const int64_t k = on_rows ? by_row.at(row[i]) : by_col.at(col[i]);
    a[k][col[i]] = on_rows ? value[i] : 1.0F;
    b[row[i]][k] = on_rows ? 1.0F : value[i];
  }
  return factors;
}

Factors factors_of(const nn::Linear& linear) {
  const at::NoGradGuard no_grad;
  const nn::LowRankForm form = form_of(linear);
  const auto value = [](const nn::ParameterPtr& parameter) { return parameter->value().detach().cpu(); };
  std::vector<at::Tensor> a, b;
  if (form.u) {
    a.push_back(value(form.v));
    b.push_back(value(form.u).mul(form.scale));
  }
  if (form.values) {
    const Factors sparse =
        as_product(value(form.rows), value(form.cols), value(form.values), linear.out_features(), linear.in_features());
    a.push_back(sparse.a);
    b.push_back(sparse.b.mul(form.sparse_scale));
  }
  const Factors factors{at::cat(a, 0).contiguous(), at::cat(b, 1).contiguous()};
  const at::Tensor delta = linear.adapter()->delta().cpu();
  const double error = at::matmul(factors.b, factors.a).sub(delta).abs().max().item<double>();
  const double largest = delta.abs().max().item<double>();
  FG_CHECK(error <= 1e-5 * largest, "the factors of '{}' differ from its update by {}", linear.name(), error);
  return factors;
}

/// A module, as named in the files, that has an update.
struct Module {
  std::vector<at::Tensor> a, b;  ///< to be concatenated: [rank, in], [out, rank]
  bool transposed = false;
};

/// Adds the factors of a linear that may be part of a fused one: zeros in the rows of the other parts.
void add_factors(const nn::Linear& linear, const nn::FileLinear& place, Module& module) {
  const Factors factors = factors_of(linear);
  const int64_t out = linear.out_features();
  at::Tensor b = at::zeros({place.parts * out, factors.rank()}, factors.b.options());
  b.narrow(0, place.part * out, out).copy_(factors.b);
  module.a.push_back(factors.a);
  module.b.push_back(b);
  module.transposed = place.transposed;
}

/// By the modules' names in the files.
std::map<std::string, Module> modules_of(nn::Model& model) {
  std::map<std::string, Module> modules;
  for (const nn::Linear* linear : model.linears()) {
    if (!linear->adapter()) continue;
    const nn::FileLinear place = model.file_linear(linear->name());
    add_factors(*linear, place, modules[place.name]);
  }
  return modules;
}

/// "classifier" for "classifier.out_proj.weight".
std::set<std::string> head_modules(nn::Model& model) {
  std::set<std::string> modules;
  for (const std::string& name : model.head_parameters()) modules.insert(name.substr(0, name.find('.')));
  return modules;
}

void check_expressible(nn::Model& model) {
  if (model.task() == Task::masked_lm)
    throw UsageError("format peft: works for classification, regression and causal_lm; use --format hf");
  for (const nn::StructureGroup& group : model.structures()) {
    if (group.left() == group.total) continue;
    throw UsageError(fmt::format(
        "format peft: the base weights must be unpruned, but {}s of layer {} were pruned; use --format hf, or "
        "name a checkpoint from before the prune",
        nn::to_string(group.kind), group.layer));
  }
  const auto head = model.head_parameters();
  std::set<std::string> known(head.begin(), head.end());
  bool any = false;
  for (const nn::Linear* linear : model.linears()) {
    if (linear->mask() || linear->transform())
      throw UsageError(fmt::format("format peft: '{}' is masked; use --format hf", linear->name()));
    if (!linear->adapter()) continue;
    any = true;
    for (const nn::ParameterPtr& parameter : linear->adapter()->parameters()) known.insert(parameter->name);
  }
  if (!any) throw UsageError("format peft: the model has no update; name a checkpoint of a stage that trained one");
  for (const nn::ParameterPtr& parameter : model.parameters()) {
    if (parameter->trainable() && !known.contains(parameter->name))
      throw UsageError(fmt::format("format peft: '{}' was also trained, which an adapter cannot hold; use --format hf",
                                   parameter->name));
  }
}

int64_t rank_of(const Module& module) {
  int64_t rank = 0;
  for (const at::Tensor& a : module.a) rank += a.size(0);
  return rank;
}

nlohmann::json adapter_config(nn::Model& model, const std::map<std::string, Module>& modules, const std::string& base) {
  const int64_t common = rank_of(modules.begin()->second);
  nlohmann::json targets = nlohmann::json::array(), pattern = nlohmann::json::object();
  for (const auto& [name, module] : modules) {
    targets.push_back(name);
    if (rank_of(module) != common) pattern[name] = rank_of(module);
  }
  const auto head = head_modules(model);
  return {{"peft_type", "LORA"},
          {"task_type", model.task() == Task::causal_lm ? "CAUSAL_LM" : "SEQ_CLS"},
          {"base_model_name_or_path", std::filesystem::absolute(base).string()},
          {"target_modules", targets},
          {"modules_to_save", head.empty() ? nlohmann::json() : nlohmann::json(head)},
          {"r", common},
          {"lora_alpha", common},
          {"rank_pattern", pattern},
          {"alpha_pattern", pattern},
          {"lora_dropout", 0.0},
          {"bias", "none"},
          {"fan_in_fan_out", modules.begin()->second.transposed},
          {"use_rslora", false},
          {"use_dora", false},
          {"inference_mode", true}};
}

/// Compares the live model with the written adapter on its base.
double read_back(nn::Model& model, const std::string& dir, nn::Model& base, const std::vector<int64_t>& classes) {
  merge(base, read_peft(dir), classes);
  base.to(model.device());
  return compare_logits(model, base, probe_batch(model));
}

}  // namespace

double export_peft(nn::Model& model, const std::string& dir, const std::string& base,
                   const std::function<std::unique_ptr<nn::Model>(const std::string& dir)>& reload) {
  check_expressible(model);
  NamedTensors tensors;
  const std::map<std::string, Module> modules = modules_of(model);
  for (const auto& [name, module] : modules) {
    tensors.emplace_back(kPrefix + name + ".lora_A.weight", at::cat(module.a, 0).contiguous());
    tensors.emplace_back(kPrefix + name + ".lora_B.weight", at::cat(module.b, 1).contiguous());
  }
  const std::vector<int64_t> classes = base_classes(model, base);
  for (const std::string& name : model.head_parameters()) {
    at::Tensor value = model.parameters().at(name).value().detach().to(at::kCPU, at::kFloat);
    if (!classes.empty() && has_classes(model, name))
      value = at::zeros_like(value).index_copy_(0, at::tensor(classes, at::kLong), value);
    tensors.emplace_back(kPrefix + name, value);
  }
  files::StagedDirectory staged(dir, files::StagedDirectory::Existing::refuse);
  write_safetensors((staged.path() / "adapter_model.safetensors").string(), tensors);
  files::write_file((staged.path() / "adapter_config.json").string(),
                    adapter_config(model, modules, base).dump(2) + "\n");
  const double difference = read_back(model, staged.path().string(), *reload(base), classes);
  staged.commit();
  return difference;
}

}  // namespace filigree::checkpoint
