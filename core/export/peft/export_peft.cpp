#include "core/export/peft/export_peft.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include <map>
#include <utility>
#include <vector>

#include "core/error.h"

namespace filigree::checkpoint {
namespace {

constexpr const char* kFormat = "peft";

/// D = b a.
struct Factors {
  at::Tensor a;  ///< [rank, in]
  at::Tensor b;  ///< [out, rank]
  int64_t rank() const { return a.size(0); }
};

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
  const nn::LowRankForm form = form_of(linear, kFormat);
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

int64_t rank_of(const Module& module) {
  int64_t rank = 0;
  for (const at::Tensor& a : module.a) rank += a.size(0);
  return rank;
}

nlohmann::json lora_config(const std::map<std::string, Module>& modules) {
  const int64_t common = rank_of(modules.begin()->second);
  nlohmann::json targets = nlohmann::json::array(), pattern = nlohmann::json::object();
  for (const auto& [name, module] : modules) {
    targets.push_back(name);
    if (rank_of(module) != common) pattern[name] = rank_of(module);
  }
  return {{"peft_type", "LORA"},
          {"target_modules", targets},
          {"r", common},
          {"lora_alpha", common},
          {"rank_pattern", pattern},
          {"alpha_pattern", pattern},
          {"lora_dropout", 0.0},
          {"bias", "none"},
          {"fan_in_fan_out", modules.begin()->second.transposed},
          {"use_rslora", false},
          {"use_dora", false}};
}

}  // namespace

double export_peft(nn::Model& model, const std::string& dir, const std::string& base, const LoadBase& reload) {
  check_expressible(model, kFormat);
  const std::map<std::string, Module> modules = modules_of(model);
  AdapterFiles adapter{lora_config(modules), {}};
  for (const auto& [name, module] : modules) {
    adapter.tensors.emplace_back(kPeftPrefix + name + ".lora_A.weight", at::cat(module.a, 0).contiguous());
    adapter.tensors.emplace_back(kPeftPrefix + name + ".lora_B.weight", at::cat(module.b, 1).contiguous());
  }
  return write_adapter(model, std::move(adapter), dir, base, reload);
}

}  // namespace filigree::checkpoint
