#include "core/export/peft/import_peft.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/files/read.h"
#include "core/nn/adapter.h"
#include "core/nn/labels.h"
#include "core/recipe/key_error.h"

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

/// A linear with what the adapter adds to it.
struct Change {
  const nn::Linear& linear;
  const PeftLora& lora;
  const PeftLora::Module& module;
  at::Tensor b;  ///< the rows of B for this linear; undefined: no low-rank part
};

/// The rows of B for this linear.
at::Tensor rows_of(const PeftLora& lora, const std::string& name, const nn::Linear& linear,
                   const nn::FileLinear& place) {
  const PeftLora::Module& module = lora.modules.at(name);
  if (module.rank() == 0) return {};
  const int64_t out = linear.out_features(), in = linear.in_features();
  if (module.a.size(1) != in || module.b.size(0) != place.parts * out)
    throw DataError(
        fmt::format("{}: the update of '{}' is {} x {}, the model's weight {} x {}; it belongs to another model",
                    lora.dir, name, module.b.size(0), module.a.size(1), place.parts * out, in));
  return module.b.narrow(0, place.part * out, out);
}

void check_entries(const PeftLora& lora, const std::string& name, const nn::Linear& linear,
                   const nn::FileLinear& place) {
  const PeftLora::Module& module = lora.modules.at(name);
  if (!module.values.defined()) return;
  if (place.transposed || place.parts > 1)
    throw DataError(
        fmt::format("{}: '{}' is not an nn.Linear in transformers, but Super-Tuning changes only these; it "
                    "belongs to another model",
                    lora.dir, name));
  const int64_t numel = linear.out_features() * linear.in_features(), n = module.values.numel();
  if (n > 0 && (module.places[0].item<int64_t>() < 0 || module.places[n - 1].item<int64_t>() >= numel))
    throw DataError(
        fmt::format("{}: '{}' has entries at positions outside 0 to {}, those of the model's weight {} x {}; "
                    "it belongs to another model",
                    lora.dir, name, numel - 1, linear.out_features(), linear.in_features()));
  if (n != entries_at(lora.sparsity, numel))
    throw DataError(
        fmt::format("{}: '{}' has {} entries, but adapter_config.json (sparsity) has {} for a weight of {} x "
                    "{}",
                    lora.dir, name, n, entries_at(lora.sparsity, numel), linear.out_features(), linear.in_features()));
}

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw recipe::KeyError("model.init_lora", fmt::format(format, std::forward<Args>(args)...));
}

std::optional<nn::LowRankForm> update_of(const nn::Linear& linear) {
  return linear.adapter() ? linear.adapter()->low_rank_form() : std::nullopt;
}

bool has_factors(const nn::Linear& linear) {
  const auto form = update_of(linear);
  return form && form->u;
}

/// What to do about a linear for which the first method has no low-rank update.
std::string advice_for(nn::Model& model, const PeftLora& lora) {
  if (std::ranges::any_of(model.linears(), [](const nn::Linear* linear) { return has_factors(*linear); }))
    return "add it to the method's targets";
  return fmt::format("start with {}, with a rank of {} or more", lora.has_entries() ? "dsee" : "dsee, lora or pst",
                     lora.largest_rank());
}

void check_factors(const Change& change, const std::string& advice) {
  if (!change.b.defined()) return;
  if (!has_factors(change.linear)) {
    if (change.b.count_nonzero().item<int64_t>() == 0) return;
    refuse("{} changes '{}', for which the first method has no low-rank update; {}", change.lora.dir,
           change.linear.name(), advice);
  }
  const int64_t rank = update_of(change.linear)->rank(), own = change.module.rank();
  if (own > rank)
    refuse("{} has rank {} on '{}', but the method only {}; set its rank to {} or more", change.lora.dir, own,
           change.linear.name(), rank, change.lora.largest_rank());
}

void fill_factors(const Change& change) {
  if (!change.b.defined() || !has_factors(change.linear)) return;
  const auto form = update_of(change.linear);
  const int64_t own = change.module.rank();
  form->u->value().narrow(1, 0, own).copy_(
      nn::local_shard(change.b, form->u->placement).mul(change.module.scale / form->scale));
  form->v->value().narrow(0, 0, own).copy_(nn::local_shard(change.module.a, form->v->placement));
}

bool has_sparse_part(const nn::Linear& linear) {
  const auto form = update_of(linear);
  return form && form->values;
}

void check_room(const Change& change) {
  if (!change.module.values.defined()) return;
  const auto needed = change.module.values.count_nonzero().item<int64_t>();
  if (!has_sparse_part(change.linear)) {
    if (needed == 0) return;
    refuse(
        "{} changes entries of '{}', for which the first method has no sparse update; use a method that has one, such "
        "as dsee, and add the linear to its targets",
        change.lora.dir, change.linear.name());
  }
  if (const int64_t room = update_of(change.linear)->values->logical_numel(); needed > room)
    refuse(
        "{} changes {} entries of '{}', but the method's sparse update has only {}; set its num_sparse or "
        "sparse_density so that it has {} or more",
        change.lora.dir, needed, change.linear.name(), room, needed);
}

/// The positions that S2 gets, n of them in ascending order: those where the adapter changes the weight, then those where
/// it has a zero, then those that S2 has.
at::Tensor places_of(const PeftLora::Module& module, const at::Tensor& own, int64_t numel, int64_t n) {
  const at::Tensor used = module.values.ne(0);
  at::Tensor taken = at::zeros({numel}, at::kBool);
  int64_t room = n;
  for (const at::Tensor& places :
       {module.places.masked_select(used), module.places.masked_select(used.logical_not()), own}) {
    const at::Tensor fresh = places.masked_select(taken.index_select(0, places).logical_not());
    const int64_t count = std::min(room, fresh.numel());
    taken.index_fill_(0, fresh.narrow(0, 0, count), 1);
    room -= count;
  }
  FG_CHECK(room == 0, "a sparse update of {} entries got {} positions", n, n - room);
  return taken.nonzero().view({-1});
}

void fill_entries(const Change& change) {
  const PeftLora::Module& module = change.module;
  if (!module.values.defined() || !has_sparse_part(change.linear)) return;
  const auto form = update_of(change.linear);
  const int64_t in = change.linear.in_features(), numel = in * change.linear.out_features();
  const at::Tensor own = form->rows->value().mul(in).add(form->cols->value()).cpu();
  const at::Tensor places = places_of(module, own, numel, own.numel());
  const at::Tensor values = at::zeros({numel}, at::kFloat).index_copy_(0, module.places, module.values);
  form->rows->value().copy_(places.div(in, "floor"));
  form->cols->value().copy_(places.remainder(in));
  form->values->value().copy_(values.index_select(0, places).div(form->sparse_scale));
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

bool has_shape(const nn::ParameterPtr& parameter, const at::Tensor& value) {
  return parameter && value.sizes() == at::IntArrayRef(parameter->logical_shape);
}

/// Whether `value` is what the model has in a parameter that the adapter's base lacks: the same up to rounding to bf16.
bool is_same(nn::Model& model, const std::string& name, const at::Tensor& value) {
  const nn::ParameterPtr parameter = model.parameters().find(name);
  return has_shape(parameter, value) &&
         at::allclose(nn::local_shard(value, parameter->placement), parameter->value().detach().cpu().to(at::kFloat),
                      /*rtol=*/0.01);
}

std::set<std::string> head_of(const nn::Model& model) {
  const std::vector<std::string> names = model.head_parameters();
  return {names.begin(), names.end()};
}

[[noreturn]] void refuse_outside_head(const nn::Model& model, const PeftLora& lora, const std::string& name) {
  const std::vector<std::string> names = model.head_parameters();
  throw DataError(fmt::format("{}: contains '{}', which is not a parameter of this {} model's head ({})", lora.dir,
                              name, model.family(),
                              names.empty() ? "it has none" : fmt::format("{}", fmt::join(names, ", "))));
}

void check_shape(const PeftLora& lora, const std::string& name, const at::Tensor& value, at::IntArrayRef own) {
  if (value.sizes() != own)
    throw DataError(fmt::format("{}: '{}' is [{}], but the model's is [{}]: it was trained for other labels", lora.dir,
                                name, fmt::join(value.sizes(), ", "), fmt::join(own, ", ")));
}

void check_head(nn::Model& model, const PeftLora& lora, Classes classes) {
  const std::set<std::string> head = head_of(model);
  for (const auto& [name, value] : lora.head) {
    if (!head.contains(name)) {
      if (!has_shape(model.parameters().find(name), value)) refuse_outside_head(model, lora, name);
      continue;  // is_same() compares its values
    }
    std::vector<int64_t> own = model.parameters().at(name).logical_shape;
    if (classes == Classes::unknown && value.dim() > 0 && has_classes(model, name)) own[0] = value.size(0);
    check_shape(lora, name, value, own);
  }
}

/// What the adapter has besides updates: the head, and with `others` any parameter.
void fill_head(nn::Model& model, const PeftLora& lora, const std::vector<int64_t>& classes, bool others) {
  const std::set<std::string> head = head_of(model);
  for (const auto& [name, value] : lora.head) {
    if (!head.contains(name) && !others && is_same(model, name, value)) continue;
    if (!head.contains(name) && !(others && model.parameters().find(name))) refuse_outside_head(model, lora, name);
    nn::Parameter& parameter = model.parameters().at(name);
    check_shape(lora, name, value, parameter.logical_shape);
    const bool reorder = !classes.empty() && has_classes(model, name);
    const at::Tensor own = reorder ? value.index_select(0, at::tensor(classes, at::kLong)) : value;
    parameter.value().copy_(nn::local_shard(own, parameter.placement));
  }
}

/// Calls use(Change) for each linear that the adapter changes.
template <class Use>
void for_each_change(nn::Model& model, const PeftLora& lora, const Use& use) {
  std::set<std::string> used;
  for (const nn::Linear* linear : model.linears()) {
    const nn::FileLinear place = model.file_linear(linear->name());
    const auto name = module_of(lora, place.name);
    if (!name) continue;
    used.insert(*name);
    check_entries(lora, *name, *linear, place);
    use(Change{*linear, lora, lora.modules.at(*name), rows_of(lora, *name, *linear, place)});
  }
  for (const auto& [name, module] : lora.modules) {
    if (!used.contains(name))
      throw DataError(
          fmt::format("{}: changes '{}', which this {} model does not have", lora.dir, name, model.family()));
  }
}

void add_to_weight(const Change& change) {
  const at::Tensor weight = change.linear.weight()->value();
  if (change.b.defined()) weight.add_(at::matmul(change.b, change.module.a), change.module.scale);
  if (change.module.values.defined()) weight.view({-1}).index_add_(0, change.module.places, change.module.values);
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

void check_start(nn::Model& model, const PeftLora& lora, Classes classes) {
  const std::string advice = advice_for(model, lora);
  for_each_change(model, lora, [&](const Change& change) {
    check_factors(change, advice);
    check_room(change);
  });
  check_head(model, lora, classes);
}

void continue_from(nn::Model& model, const PeftLora& lora, const std::vector<int64_t>& classes) {
  const at::NoGradGuard no_grad;
  check_start(model, lora);
  for_each_change(model, lora, [](const Change& change) {
    fill_factors(change);
    fill_entries(change);
  });
  fill_head(model, lora, classes, /*others=*/false);
}

void merge(nn::Model& model, const PeftLora& lora, const std::vector<int64_t>& classes) {
  const at::NoGradGuard no_grad;
  for_each_change(model, lora, add_to_weight);
  fill_head(model, lora, classes, /*others=*/true);
}

}  // namespace filigree::checkpoint
