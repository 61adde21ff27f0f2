#include "core/export/peft/import_peft.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/files/read.h"
#include "core/nn/adapter.h"
#include "core/nn/labels.h"

namespace filigree::checkpoint {
namespace {

/// The LoRA's module for a linear: its name in the files, possibly without the model's prefix ("bert."),
/// which a LoRA of the bare backbone lacks.
std::optional<std::string> module_of(const PeftLora& lora, const std::string& file_name) {
  for (std::string name = file_name;;) {
    if (lora.modules.contains(name)) return name;
    const size_t dot = name.find('.');
    if (dot == std::string::npos) return std::nullopt;
    name = name.substr(dot + 1);
  }
}

/// The rows of B for this linear.
at::Tensor rows_of(const PeftLora& lora, const std::string& name, const nn::Linear& linear,
                   const nn::FileLinear& place) {
  const PeftLora::Module& module = lora.modules.at(name);
  const int64_t out = linear.out_features(), in = linear.in_features();
  if (module.a.size(1) != in || module.b.size(0) != place.parts * out)
    throw DataError(
        fmt::format("{}: the update of '{}' is {} x {}, the model's weight {} x {}; it belongs to another model",
                    lora.dir, name, module.b.size(0), module.a.size(1), place.parts * out, in));
  return module.b.narrow(0, place.part * out, out);
}

void fill(const nn::Linear& linear, const PeftLora& lora, const std::string& name, const at::Tensor& b) {
  const PeftLora::Module& module = lora.modules.at(name);
  const auto form = linear.adapter() ? linear.adapter()->low_rank_form() : std::nullopt;
  if (!form || !form->u) {
    if (b.count_nonzero().item<int64_t>() == 0) return;
    throw UsageError(
        fmt::format("model.init_lora: {} changes '{}', for which the first method has no low-rank update; "
                    "add it to the method's targets",
                    lora.dir, linear.name()));
  }
  const int64_t rank = form->rank();
  if (module.rank() > rank)
    throw UsageError(
        fmt::format("model.init_lora: {} has rank {} on '{}', but the method only {}; set its rank to {} or more",
                    lora.dir, module.rank(), linear.name(), rank, lora.largest_rank()));
  form->u->value()
      .narrow(1, 0, module.rank())
      .copy_(nn::local_shard(b, form->u->placement).mul(module.scale / form->scale));
  form->v->value().narrow(0, 0, module.rank()).copy_(nn::local_shard(module.a, form->v->placement));
}

/// The names of id2label by class number; empty if a class has none.
std::vector<std::string> class_names(const nlohmann::json& config) {
  const auto found = config.find("id2label");
  if (found == config.end() || !found->is_object()) return {};
  std::vector<std::string> names;
  for (size_t i = 0; i < found->size(); ++i) {
    const auto name = found->find(std::to_string(i));
    if (name == found->end()) return {};
    names.push_back(name->is_string() ? name->get<std::string>() : name->dump());
  }
  return names;
}

void fill_head(nn::Model& model, const PeftLora& lora, const std::vector<int64_t>& classes) {
  const std::vector<std::string> names = model.head_parameters();
  const std::set<std::string> head(names.begin(), names.end());
  for (const auto& [name, value] : lora.head) {
    if (!head.contains(name))
      throw DataError(fmt::format("{}: contains '{}', which is not a parameter of this {} model's head ({})", lora.dir,
                                  name, model.family(),
                                  names.empty() ? "it has none" : fmt::format("{}", fmt::join(names, ", "))));
    nn::Parameter& parameter = model.parameters().at(name);
    if (value.sizes() != at::IntArrayRef(parameter.logical_shape))
      throw DataError(fmt::format("{}: '{}' is [{}], but the model's is [{}]: it was trained for other labels",
                                  lora.dir, name, fmt::join(value.sizes(), ", "),
                                  fmt::join(parameter.logical_shape, ", ")));
    const bool reorder = !classes.empty() && has_classes(model, name);
    const at::Tensor own = reorder ? value.index_select(0, at::tensor(classes, at::kLong)) : value;
    parameter.value().copy_(nn::local_shard(own, parameter.placement));
  }
}

/// Calls use(linear, name of the LoRA's module, its rows of B) for each linear that the LoRA changes.
template <class Use>
void for_each_linear(nn::Model& model, const PeftLora& lora, const Use& use) {
  std::set<std::string> used;
  for (const nn::Linear* linear : model.linears()) {
    const nn::FileLinear place = model.file_linear(linear->name());
    const auto name = module_of(lora, place.name);
    if (!name) continue;
    used.insert(*name);
    use(*linear, *name, rows_of(lora, *name, *linear, place));
  }
  for (const auto& [name, module] : lora.modules) {
    if (!used.contains(name))
      throw DataError(
          fmt::format("{}: changes '{}', which this {} model does not have", lora.dir, name, model.family()));
  }
}

}  // namespace

std::vector<int64_t> base_classes(const nn::Model& model, const std::string& dir) {
  const std::string file = dir + "/config.json";
  if (model.task() != Task::sequence_classification || !std::filesystem::exists(file)) return {};
  const auto base = nlohmann::json::parse(files::read_file(file), nullptr, /*allow_exceptions=*/false);
  if (!base.is_object()) return {};
  const auto order = nn::match_labels(class_names(base), class_names(model.config()));
  return order && !nn::is_identity(*order) ? *order : std::vector<int64_t>{};
}

bool has_classes(nn::Model& model, const std::string& parameter) {
  return parameter.starts_with(model.linears().back()->name() + ".");
}

void continue_from(nn::Model& model, const PeftLora& lora, const std::vector<int64_t>& classes) {
  const at::NoGradGuard no_grad;
  for_each_linear(model, lora, [&](const nn::Linear& linear, const std::string& name, const at::Tensor& b) {
    fill(linear, lora, name, b);
  });
  fill_head(model, lora, classes);
}

void merge(nn::Model& model, const PeftLora& lora, const std::vector<int64_t>& classes) {
  const at::NoGradGuard no_grad;
  for_each_linear(model, lora, [&](const nn::Linear& linear, const std::string& name, const at::Tensor& b) {
    const PeftLora::Module& module = lora.modules.at(name);
    linear.weight()->value().add_(at::matmul(b, module.a), module.scale);
  });
  fill_head(model, lora, classes);
}

}  // namespace filigree::checkpoint
