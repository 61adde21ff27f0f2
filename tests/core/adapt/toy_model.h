#pragma once
// A model without a forward pass: named linears of an encoder, embeddings and a head, as a BERT names them. For tests
// of what reads only names, shapes and roles.
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/nn/model.h"
#include "tests/core/adapt/compare.h"

namespace filigree::test {

class ToyModel : public nn::Model {
 public:
  ToyModel(int64_t layers, int64_t hidden, int64_t ffn) : hidden_(hidden) {
    table_.add("bert.embeddings.word_embeddings.weight", randn("words", {10, hidden}));
    add_norm("bert.embeddings.LayerNorm");
    for (int64_t layer = 0; layer < layers; ++layer) {
      const std::string at = fmt::format("bert.encoder.layer.{}.", layer);
      for (const char* part : {"query", "key", "value"}) add_linear(at + "attention.self." + part, hidden, hidden);
      add_linear(at + "attention.output.dense", hidden, hidden);
      add_norm(at + "attention.output.LayerNorm");
      add_linear(at + "intermediate.dense", ffn, hidden);
      add_linear(at + "output.dense", hidden, ffn);
      add_norm(at + "output.LayerNorm");
    }
    add_linear("bert.pooler.dense", hidden, hidden);
    add_linear("classifier", 2, hidden);
  }

  nn::Output forward(const data::Batch&, const nn::ForwardContext&) override {
    throw std::logic_error("no forward pass");
  }
  nn::ParameterTable& parameters() override { return table_; }
  std::vector<nn::Linear*> linears() override {
    std::vector<nn::Linear*> all;
    for (const auto& linear : linears_) all.push_back(linear.get());
    return all;
  }
  std::vector<nn::Embedding*> embeddings() override { return {}; }
  std::vector<nn::StructureGroup>& structures() override { return structures_; }
  std::vector<nn::ShardRule> shard_plan() const override { return {}; }
  std::vector<std::string> head_parameters() const override { return {"classifier.weight", "classifier.bias"}; }
  nn::Task task() const override { return nn::Task::sequence_classification; }
  const std::string& family() const override { return family_; }
  std::string architecture() const override { return "Toy"; }
  nlohmann::json config() const override { return {}; }
  int64_t hidden_size() const override { return hidden_; }
  int64_t num_labels() const override { return 2; }
  int64_t max_positions() const override { return 16; }
  int64_t vocab_size() const override { return 10; }
  double flops(int64_t) const override { return 0; }

  nn::Linear& linear(const std::string& name) {
    for (const auto& linear : linears_)
      if (linear->name() == name) return *linear;
    throw std::logic_error("no linear " + name);
  }

 private:
  void add_linear(const std::string& name, int64_t out, int64_t in) {
    auto weight = table_.add(name + ".weight", randn(name, {out, in}).mul_(0.05));
    linears_.push_back(
        std::make_unique<nn::Linear>(name, weight, table_.add(name + ".bias", randn(name + "b", {out}))));
  }
  void add_norm(const std::string& name) {
    table_.add(name + ".weight", at::zeros({hidden_}, at::kFloat));
    table_.add(name + ".bias", at::zeros({hidden_}, at::kFloat));
  }

  int64_t hidden_;
  std::string family_ = "toy";
  nn::ParameterTable table_;
  std::vector<std::unique_ptr<nn::Linear>> linears_;
  std::vector<nn::StructureGroup> structures_;
};

}  // namespace filigree::test
