#include "models/common/fill.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/counted.h"
#include "core/error.h"
#include "core/nn/labels.h"
#include "core/random.h"
#include "core/safetensors/check_finite.h"

namespace filigree::models {
namespace {

/// Index, in the full tensor, of the first element of each local row.
std::vector<int64_t> first_of_rows(const nn::Parameter& parameter) {
  const nn::Placement& placement = parameter.placement;
  const int64_t columns = parameter.logical_shape[1];
  const int64_t row = placement.split(0) ? placement.slice.begin : 0,
                column = placement.split(1) ? placement.slice.begin : 0;
  std::vector<int64_t> first;
  for (int64_t i = 0; i < parameter.value().size(0); ++i) first.push_back((row + i) * columns + column);
  return first;
}

at::Tensor sample_values(const nn::Parameter& parameter, const InitSpec& initial, uint64_t seed) {
  const auto shape = parameter.value().sizes();
  const auto options = at::TensorOptions(at::kFloat);
  if (initial.std_dev == 0) return at::full(shape, initial.constant, options);
  at::Tensor value = at::empty(shape, options);
  auto* out = value.mutable_data_ptr<float>();
  const uint64_t stream = random::stream(seed, "init", random::hash(parameter.name));
  for (const int64_t first : first_of_rows(parameter)) {
    for (int64_t i = 0; i < shape[1]; ++i) {
      *out++ = static_cast<float>(initial.std_dev * random::normal(stream, static_cast<uint64_t>(first + i)));
    }
  }
  const int64_t row = initial.zero_row - (parameter.placement.split(0) ? parameter.placement.slice.begin : 0);
  if (initial.zero_row >= 0 && 0 <= row && row < value.size(0)) value.select(0, row).zero_();
  return value;
}

std::string shape_text(at::IntArrayRef shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

/// The shape that the stored tensor must have.
std::vector<int64_t> stored_shape(const nn::Parameter& parameter, const CheckpointEntry& stored) {
  std::vector<int64_t> shape = parameter.logical_shape;
  shape[0] *= stored.parts;
  if (stored.transposed) std::swap(shape[0], shape[1]);
  return shape;
}

/// The local part of a parameter, read from its stored form.
at::Tensor read_part(const checkpoint::SafetensorsReader& reader, const std::string& key,
                     const nn::Parameter& parameter, const CheckpointEntry& stored) {
  const nn::Placement& placement = parameter.placement;
  const auto stored_dim = [&](int64_t dim) { return stored.transposed ? 1 - dim : dim; };
  at::Tensor value;
  if (stored.parts > 1) {
    FG_CHECK(!placement.split(1), "'{}' is fused along its outputs but sharded along its inputs", parameter.name);
    const int64_t rows = parameter.logical_shape[0], begin = stored.part * rows;
    const nn::Slice lines = placement.split(0) ? placement.slice : nn::Slice{0, rows};
    value = reader.read_lines(key, stored_dim(0), {begin + lines.begin, begin + lines.end});
  } else {
    value =
        placement.replicated() ? reader.read(key) : reader.read_lines(key, stored_dim(placement.dim), placement.slice);
  }
  const at::Tensor values = (stored.transposed ? value.t().contiguous() : value).to(at::kFloat);
  checkpoint::check_finite(values, reader.path(), key);
  return values;
}

/// Memory of this machine in bytes.
uint64_t physical_memory() {
  return static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGE_SIZE));
}

void refuse_missing(const std::string& path, std::vector<std::string>& missing) {
  if (missing.empty()) return;
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
  throw DataError(
      fmt::format("{}: lacks {} of the model: {}", path, counted(missing.size(), "tensor"), nn::short_list(missing)));
}

class Filler {
 public:
  Filler(nn::Model& model, const StateDictAdapter& map, const ModelOptions& options, LoadReport& report)
      : model_(model), map_(map), options_(options), report_(report) {}

  void from_random() {
    uint64_t bytes = 0;
    for (const nn::ParameterPtr& parameter : model_.parameters())
      bytes += sizeof(float) * static_cast<uint64_t>(parameter->value().numel());
    if (bytes > physical_memory())
      throw DataError(fmt::format("config.json needs weights of {} MiB; this machine has {} MiB of memory", bytes >> 20,
                                  physical_memory() >> 20));
    for (const nn::ParameterPtr& parameter : model_.parameters()) set_fresh(*parameter);
  }

  void shapes_only() {
    for (const nn::ParameterPtr& parameter : model_.parameters())
      parameter->set_value(at::empty(parameter->value().sizes(), at::TensorOptions(at::kFloat).device(at::kMeta)));
  }

  void from_file(const checkpoint::SafetensorsReader& reader) {
    const std::set<std::string> replaced = replaced_head(reader);
    const auto keys = find_keys(reader, replaced);
    std::set<std::string> used;
    for (const nn::ParameterPtr& parameter : model_.parameters()) {
      const auto key = keys.find(parameter->name);
      if (key == keys.end()) {
        set_fresh(*parameter);
      } else {
        used.insert(key->second);
        report_.dtypes.emplace(parameter->name, reader.info(key->second).dtype);
        parameter->set_value(read_part(reader, key->second, *parameter, map_.stored(parameter->name)));
      }
    }
    if (replaced.empty()) reorder_head(keys);
    for (const std::string& name : replaced) used.insert(key_of(reader, name).value_or(""));
    report_unused(reader, used);
  }

 private:
  std::optional<std::string> key_of(const checkpoint::SafetensorsReader& reader, const std::string& parameter) const {
    for (const std::string& name : map_.stored(parameter).names)
      if (reader.contains(name)) return name;
    return std::nullopt;
  }

  /// Parameter -> tensor of the files, for all parameters read from files. Checks every shape.
  std::map<std::string, std::string> find_keys(const checkpoint::SafetensorsReader& reader,
                                               const std::set<std::string>& replaced) const {
    std::map<std::string, std::string> keys;
    std::vector<std::string> missing;
    for (const nn::ParameterPtr& parameter : model_.parameters()) {
      if (replaced.contains(parameter->name)) continue;
      if (const auto key = key_of(reader, parameter->name)) {
        check_tensor(*parameter, reader, *key);
        keys.emplace(parameter->name, *key);
      } else if (!map_.may_be_missing(parameter->name)) {
        missing.push_back(map_.stored(parameter->name).names.front());
      }
    }
    refuse_missing(reader.path(), missing);
    return keys;
  }

  void check_tensor(const nn::Parameter& parameter, const checkpoint::SafetensorsReader& reader,
                    const std::string& key) const {
    const checkpoint::TensorInfo& info = reader.info(key);
    if (const auto wanted = stored_shape(parameter, map_.stored(parameter.name)); info.shape != wanted)
      throw DataError(fmt::format("{}: tensor '{}' has the shape {}, but config.json and the recipe's labels need {}",
                                  reader.path(), key, shape_text(info.shape), shape_text(wanted)));
    if (info.dtype != at::ScalarType::Undefined && !at::isFloatingType(info.dtype))
      throw DataError(fmt::format("{}: tensor '{}' holds integers, but the model needs floating-point numbers",
                                  reader.path(), key));
  }

  /// Why the head in the files cannot be used; "": it can, or there is none.
  std::string misfit(const checkpoint::SafetensorsReader& reader) const {
    const nn::Parameter& classifier = *model_.linears().back()->weight();
    const auto key = key_of(reader, classifier.name);
    if (!key) return "";
    const std::vector<int64_t>& shape = reader.info(*key).shape;
    if (options_.num_labels > 0 && !shape.empty() && shape.front() != classifier.logical_shape.front())
      return fmt::format("it has {}, but the task has {}", counted(shape.front(), "class"),
                         classifier.logical_shape.front());
    return map_.head.mismatch;
  }

  /// The parameters of the head, if a new one replaces it.
  std::set<std::string> replaced_head(const checkpoint::SafetensorsReader& reader) {
    if (is_over_tokens(model_.task())) return {};
    std::string why = misfit(reader);
    if (!why.empty() && options_.reset_head == ResetHead::never)
      throw DataError(fmt::format("{}: its head does not fit: {}. {}", reader.path(), why,
                                  options_.trains
                                      ? "To train a new head instead, set model.reset_head: auto"
                                      : "Use a model that was trained for this task, or train this one first"));
    if (options_.reset_head == ResetHead::always) why = "model.reset_head is true";
    if (why.empty()) return {};
    const std::vector<std::string> head = model_.head_parameters();
    report_.notes.push_back(fmt::format("a new head replaces the one in the weights: {}", why));
    return {head.begin(), head.end()};
  }

  /// Puts the rows of the classifier into the order of the requested labels.
  void reorder_head(const std::map<std::string, std::string>& keys) {
    const nn::Linear& classifier = *model_.linears().back();
    if (map_.head.order.empty() || !keys.contains(classifier.weight()->name)) return;
    const at::Tensor index = at::tensor(map_.head.order, at::kLong);
    for (const nn::ParameterPtr& parameter : {classifier.weight(), classifier.bias()})
      if (parameter && keys.contains(parameter->name)) parameter->set_value(parameter->value().index_select(0, index));
    report_.notes.emplace_back("the classes of its head are reordered, by name, to the order of the task's labels");
  }

  void report_unused(const checkpoint::SafetensorsReader& reader, const std::set<std::string>& used) {
    for (const std::string& name : reader.names())
      if (!used.contains(name) && !map_.is_redundant(name)) report_.unused.push_back(name);
    if (const auto& names = reader.ambiguous(); !names.empty())
      report_.notes.push_back(
          fmt::format("several shards hold different values for {} ({}); those of the last shard are used",
                      counted(names.size(), "tensor"), nn::short_list(names)));
  }

  void set_fresh(nn::Parameter& parameter) {
    parameter.set_value(sample_values(parameter, map_.initial(parameter), options_.seed));
    report_.newly_initialized.push_back(parameter.name);
  }

  nn::Model& model_;
  const StateDictAdapter& map_;
  const ModelOptions& options_;
  LoadReport& report_;
};

}  // namespace

Weights open_weights(const std::string& dir, const ModelOptions& options) {
  if (!options.pretrained || options.shapes_only) return std::nullopt;
  return checkpoint::SafetensorsReader::open(dir);
}

void fill(nn::Model& model, const StateDictAdapter& map, const Weights& weights, const ModelOptions& options,
          LoadReport& report) {
  if (options.shard) options.shard(model);
  Filler filler(model, map, options, report);
  if (options.shapes_only) {
    filler.shapes_only();
  } else if (weights) {
    filler.from_file(*weights);
  } else {
    filler.from_random();
  }
}

}  // namespace filigree::models
