#include "models/common/fill.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/checkpoint/safetensors.h"
#include "core/error.h"
#include "core/random.h"

namespace filigree::models {
namespace {

/// Number, in the whole tensor, of the first element of each row of the part that lies here.
std::vector<int64_t> first_of_rows(const nn::Parameter& parameter) {
  const nn::Placement& placement = parameter.placement;
  const int64_t columns = parameter.logical_shape[1];
  const int64_t row = placement.split(0) ? placement.slice.begin : 0,
                column = placement.split(1) ? placement.slice.begin : 0;
  std::vector<int64_t> first;
  for (int64_t i = 0; i < parameter.value().size(0); ++i) first.push_back((row + i) * columns + column);
  return first;
}

at::Tensor draw(const nn::Parameter& parameter, const Initial& initial, uint64_t seed) {
  const auto shape = parameter.value().sizes();
  const auto options = at::TensorOptions(at::kFloat);
  if (initial.deviation == 0) return at::full(shape, initial.constant, options);
  at::Tensor value = at::empty(shape, options);
  auto* out = value.mutable_data_ptr<float>();
  const uint64_t stream = random::stream(seed, "init", random::hash(parameter.name));
  for (const int64_t first : first_of_rows(parameter)) {
    for (int64_t i = 0; i < shape[1]; ++i) {
      *out++ = static_cast<float>(initial.deviation * random::normal(stream, static_cast<uint64_t>(first + i)));
    }
  }
  const int64_t row = initial.zero_row - (parameter.placement.split(0) ? parameter.placement.slice.begin : 0);
  if (initial.zero_row >= 0 && 0 <= row && row < value.size(0)) value.select(0, row).zero_();
  return value;
}

std::string shape_text(at::IntArrayRef shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

/// The shape that the stored tensor must have.
std::vector<int64_t> stored_shape(const nn::Parameter& parameter, const Stored& stored) {
  std::vector<int64_t> shape = parameter.logical_shape;
  shape[0] *= stored.parts;
  if (stored.turned) std::swap(shape[0], shape[1]);
  return shape;
}

/// What lies on this rank of a parameter, read from its stored form.
at::Tensor read_part(const checkpoint::SafetensorsReader& reader, const std::string& key,
                     const nn::Parameter& parameter, const Stored& stored) {
  const nn::Placement& placement = parameter.placement;
  const auto stored_dim = [&](int64_t dim) { return stored.turned ? 1 - dim : dim; };
  at::Tensor value;
  if (stored.parts > 1) {
    FG_CHECK(!placement.split(1), "'{}' is fused along its outputs and cut along its inputs", parameter.name);
    const int64_t rows = parameter.logical_shape[0], begin = stored.part * rows;
    const nn::Slice lines = placement.split(0) ? placement.slice : nn::Slice{0, rows};
    value = reader.read_lines(key, stored_dim(0), {begin + lines.begin, begin + lines.end});
  } else {
    value =
        placement.replicated() ? reader.read(key) : reader.read_lines(key, stored_dim(placement.dim), placement.slice);
  }
  return (stored.turned ? value.t().contiguous() : value).to(at::kFloat);
}

class Filler {
 public:
  Filler(nn::Model& model, const StateMap& map, uint64_t seed, LoadReport& report)
      : model_(model), map_(map), seed_(seed), report_(report) {}

  void from_random() {
    for (const nn::ParameterPtr& parameter : model_.parameters()) set_fresh(*parameter);
  }

  void shapes_only() {
    for (const nn::ParameterPtr& parameter : model_.parameters())
      parameter->set_value(at::empty(parameter->value().sizes(), at::TensorOptions(at::kFloat).device(at::kMeta)));
  }

  void from_file(const std::string& dir) {
    const auto reader = checkpoint::SafetensorsReader::open(dir);
    std::set<std::string> used;
    std::vector<std::string> missing;
    for (const nn::ParameterPtr& parameter : model_.parameters()) {
      const Stored stored = map_.stored(parameter->name);
      const auto key = std::find_if(stored.names.begin(), stored.names.end(),
                                    [&](const std::string& name) { return reader.contains(name); });
      if (key != stored.names.end()) {
        used.insert(*key);
        set(*parameter, reader, *key, stored);
      } else if (map_.may_be_fresh(parameter->name)) {
        set_fresh(*parameter);
      } else {
        missing.push_back(stored.names.front());
      }
    }
    refuse_missing(reader.path(), missing);
    for (const std::string& name : reader.names()) {
      if (!used.contains(name) && !map_.carries_nothing(name)) report_.unused.push_back(name);
    }
  }

 private:
  static void refuse_missing(const std::string& path, std::vector<std::string>& missing) {
    if (missing.empty()) return;
    missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
    throw DataError(
        fmt::format("{}: {} tensors of the model are missing: {}", path, missing.size(), fmt::join(missing, ", ")));
  }

  static void set(nn::Parameter& parameter, const checkpoint::SafetensorsReader& reader, const std::string& key,
                  const Stored& stored) {
    const checkpoint::TensorInfo& info = reader.info(key);
    if (const auto wanted = stored_shape(parameter, stored); info.shape != wanted) {
      throw DataError(fmt::format("{}: tensor '{}' has the shape {}, config.json and the recipe's labels ask for {}",
                                  reader.path(), key, shape_text(info.shape), shape_text(wanted)));
    }
    if (!at::isFloatingType(info.dtype)) {
      throw DataError(fmt::format("{}: tensor '{}' holds integers, the model needs numbers", reader.path(), key));
    }
    parameter.set_value(read_part(reader, key, parameter, stored));
  }

  void set_fresh(nn::Parameter& parameter) {
    parameter.set_value(draw(parameter, map_.initial(parameter), seed_));
    report_.fresh.push_back(parameter.name);
  }

  nn::Model& model_;
  const StateMap& map_;
  uint64_t seed_;
  LoadReport& report_;
};

}  // namespace

void fill(nn::Model& model, const StateMap& map, const std::string& dir, const ModelOptions& options,
          LoadReport& report) {
  if (options.cut) options.cut(model);
  Filler filler(model, map, options.seed, report);
  if (options.shapes_only) {
    filler.shapes_only();
  } else if (options.pretrained) {
    filler.from_file(dir);
  } else {
    filler.from_random();
  }
}

}  // namespace filigree::models
