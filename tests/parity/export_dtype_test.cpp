// The data types and values of an export's files: what is unchanged is bit for bit as in the base's files, whatever it was
// rounded to for computing. export_check.py loads the case that this test leaves in the build folder.
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/export/export_dtype.h"
#include "tests/parity/export_cases.h"

namespace filigree::test {
namespace {

namespace fs = std::filesystem;
using checkpoint::ExportDtype;
using checkpoint::ExportFormat;
using checkpoint::SafetensorsReader;
using nlohmann::json;

const fs::path kPlace = fs::path(FILIGREE_BINARY_DIR) / "reference" / "export_dtype";

/// The values of model.safetensors in `dir`, in another type.
void store_as(const fs::path& dir, at::ScalarType dtype) {
  checkpoint::NamedTensors tensors;
  const auto reader = SafetensorsReader::open(dir.string());
  for (const std::string& name : reader.names()) tensors.emplace_back(name, reader.read(name).to(dtype));
  checkpoint::write_safetensors((dir / "model.safetensors").string(), tensors);
}

struct Given {
  std::string family = "bert";
  at::ScalarType base = at::kHalf;          ///< of the base's files
  at::ScalarType computed = at::kBFloat16;  ///< that frozen weights are rounded to
  ExportFormat format = ExportFormat::hf;
  ExportDtype dtype = ExportDtype::automatic;
  fs::path dir = kPlace / "case";
};

checkpoint::BaseWeights read_base(const fs::path& dir) {
  checkpoint::BaseWeights base;
  models::LoadReport report;
  base.model = models::load_model(dir.string(), {}, &report);
  base.dtypes = report.dtypes;
  return base;
}

/// Exports a model of dir/base, changed as given, to dir/hf.
std::unique_ptr<nn::Model> export_changed(const Given& given, const std::function<void(nn::Model&)>& change) {
  fs::remove_all(given.dir);
  const auto fresh = random_model(given.family, given.dir / "config", Task::sequence_classification, 5);
  checkpoint::export_model(*fresh, export_request(given.dir / "base", export_cases().front(), ExportFormat::hf));
  store_as(given.dir / "base", given.base);
  auto model = reread((given.dir / "base").string(), Task::sequence_classification);
  model->parameters().set_frozen_dtype(given.computed);
  change(*model);
  auto request = export_request(given.dir / "hf", export_cases().front(), given.format);
  request.dtype = given.dtype;
  request.base = [dir = given.dir / "base"] { return read_base(dir); };
  EXPECT_LE(checkpoint::export_model(*model, request).largest_difference, 1e-4);
  return model;
}

SafetensorsReader open(const Given& given, const char* name) {
  return SafetensorsReader::open((given.dir / name).string());
}

bool updated(const std::string& tensor) {
  for (const char* name : {"query.weight", "value.weight", "c_attn.weight"})
    if (tensor.ends_with(name)) return true;
  return false;
}

/// The type that the files have a weight in.
at::ScalarType expected_type(const Given& given, bool unchanged) {
  if (given.dtype == ExportDtype::automatic) return unchanged ? given.base : at::kFloat;
  return given.dtype == ExportDtype::bf16 ? at::kBFloat16 : at::kFloat;
}

void expect_tensors(const Given& given, const std::function<bool(const std::string&)>& is_changed) {
  const auto base = open(given, "base"), written = open(given, "hf");
  EXPECT_EQ(base.names(), written.names());
  size_t unchanged = 0;
  for (const std::string& name : written.names()) {
    const at::Tensor found = written.read(name);
    EXPECT_EQ(found.scalar_type(), expected_type(given, !is_changed(name))) << name;
    if (is_changed(name)) continue;
    ++unchanged;
    EXPECT_TRUE(found.equal(base.read(name).to(at::kFloat).to(found.scalar_type()))) << name;
  }
  EXPECT_GT(unchanged, 20U);
}

TEST(ExportDtype, UnchangedWeightsAreThoseOfTheBase) {
  for (const std::string family : {"bert", "roberta", "gpt2"})
    for (const auto base : {at::kHalf, at::kBFloat16, at::kFloat})
      for (const auto computed : {at::kFloat, at::kBFloat16})
        for (const auto dtype : {ExportDtype::automatic, ExportDtype::fp32, ExportDtype::bf16})
          for (const auto format : {ExportFormat::hf, ExportFormat::filigree}) {
            const Given given{family, base, computed, format, dtype};
            SCOPED_TRACE(
                fmt::format("{} {} {} {}", family, at::toString(base), at::toString(computed), enum_name(dtype)));
            export_changed(given, add_updates);
            expect_tensors(given, updated);
          }
}

TEST(ExportDtype, ConfigNamesTheTypeThatAllHave) {
  const auto dtype = [](const Given& given, const std::function<void(nn::Model&)>& change) {
    export_changed(given, change);
    return json::parse(std::ifstream(given.dir / "hf" / "config.json"))["dtype"].get<std::string>();
  };
  EXPECT_EQ(dtype({}, add_updates), "float32");
  EXPECT_EQ(dtype({}, [](nn::Model&) {}), "float16");
  EXPECT_EQ(dtype({.base = at::kBFloat16}, [](nn::Model&) {}), "bfloat16");
  EXPECT_EQ(dtype({.dtype = ExportDtype::bf16}, add_updates), "bfloat16");
  EXPECT_EQ(dtype({.dtype = ExportDtype::fp32}, [](nn::Model&) {}), "float32");
}

/// Query and value of GPT-2 are updated, the key is not; all three are one tensor of the files.
TEST(ExportDtype, APartOfAFusedTensorHasTheBasesValues) {
  const Given given{.family = "gpt2"};
  const auto model = export_changed(given, add_updates);
  const std::string name = "transformer.h.1.attn.c_attn.weight";
  const at::Tensor found = open(given, "hf").read(name), base = open(given, "base").read(name).to(at::kFloat);
  EXPECT_TRUE(found.narrow(1, 36, 36).equal(base.narrow(1, 36, 36)));
  EXPECT_FALSE(found.narrow(1, 0, 36).equal(base.narrow(1, 0, 36)));
  EXPECT_FALSE(base.narrow(1, 36, 36).equal(base.narrow(1, 36, 36).to(at::kBFloat16).to(at::kFloat)));
}

TEST(ExportDtype, PrunedAndTrainedWeightsAreFp32) {
  const auto change = [](nn::Model& model) {
    prune_units(model, 0.34, 0.4, false);
    nn::Parameter& bias = model.parameters().at("bert.pooler.dense.bias");
    model.parameters().set_role(bias, nn::Role::trainable);
    bias.value().detach().add_(0.25);
  };
  const auto is_changed = [](const std::string& name) {
    for (const char* part : {"query.", "key.", "value.", "attention.output.dense.weight", "intermediate.dense."})
      if (name.find(part) != std::string::npos) return true;
    return name == "bert.pooler.dense.bias" ||
           (name.ends_with("output.dense.weight") && name.find("attention") == std::string::npos);
  };
  for (const auto format : {ExportFormat::hf_pruned, ExportFormat::filigree}) {
    const Given given{.format = format};
    export_changed(given, change);
    expect_tensors(given, is_changed);
  }
}

TEST(ExportDtype, MaskedWeightsAreFp32) {
  const Given given;
  export_changed(given, [](nn::Model& model) { prune_entries(model, {"key"}); });
  expect_tensors(given, [](const std::string& name) { return name.ends_with("key.weight"); });
}

/// An export comes after a training: a base that is gone by then does not prevent it.
TEST(ExportDtype, WithoutTheBaseAllIsFp32) {
  const Given given{.computed = at::kFloat};
  const auto model = export_changed(given, add_updates);
  auto request = export_request(given.dir / "again", export_cases().front(), given.format);
  request.base = [] {
    checkpoint::BaseWeights base;
    base.problem = "is gone";
    return base;
  };
  EXPECT_EQ(checkpoint::export_model(*model, request).base_problem, "is gone");
  const auto written = open(given, "again");
  for (const std::string& name : written.names()) EXPECT_EQ(written.info(name).dtype_name, "F32");
}

TEST(ExportDtype, WhatReadsBackDifferentlyIsNotLeft) {
  const Given given;
  const auto model = export_changed(given, add_updates);
  for (const auto dtype : {ExportDtype::automatic, ExportDtype::bf16}) {
    auto request = export_request(given.dir / "again", export_cases().front(), given.format);
    request.dtype = dtype;
    request.base = [&] { return read_base(given.dir / "base"); };
    request.reload = [](const std::string& written) {
      auto read = reread(written, Task::sequence_classification);
      read->parameters().at("bert.pooler.dense.bias").value().add_(1e-3);
      return read;
    };
    EXPECT_THROW(checkpoint::export_model(*model, request), InternalError);
    EXPECT_FALSE(fs::exists(given.dir / "again"));
  }
}

TEST(ExportDtype, ACaseForTransformers) {
  Given given{.computed = at::kFloat, .dir = kOut / "fp16_base"};
  write_live(*export_changed(given, add_updates), given.dir / "live.safetensors");
}

}  // namespace
}  // namespace filigree::test
