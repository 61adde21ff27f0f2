#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/adapt/low_rank_sparse.h"
#include "core/adapt/method.h"
#include "core/adapt/methods/dsee.h"
#include "core/adapt/methods/full_bitfit_head.h"
#include "core/adapt/methods/layernorm.h"
#include "core/adapt/methods/lora.h"
#include "core/adapt/methods/targets.h"
#include "core/error.h"
#include "core/name_pattern.h"
#include "dist/factory.h"
#include "tests/support/compare.h"
#include "tests/support/toy_model.h"

namespace filigree::adapt {
namespace {

using nn::Role;
using test::largest_entry;
using test::ToyModel;

test::ToySizes sizes(int64_t layers, int64_t hidden, int64_t ffn) {
  return {.layers = layers, .heads = 4, .head_size = hidden / 4, .ffn = ffn, .labels = 2};
}

template <class Options>
void attach(nn::Model& model, const std::string& name, Options options, uint64_t seed = 42, bool resume = false) {
  const auto ranks = dist::make_single();
  const Registry registry = builtin_methods();
  const auto method = registry.make({name, std::make_shared<Options>(std::move(options))});
  EXPECT_EQ(method->name(), name);
  method->attach(model, {seed, *ranks, *ranks, resume});
}

std::set<std::string> trainable(nn::Model& model) {
  std::set<std::string> names;
  for (const auto& parameter : model.parameters().with_role(Role::trainable)) {
    names.insert(parameter->name);
    EXPECT_TRUE(parameter->value().requires_grad()) << parameter->name;
    EXPECT_EQ(parameter->value().scalar_type(), at::kFloat) << parameter->name;
  }
  for (const auto& parameter : model.parameters().with_role(Role::frozen))
    EXPECT_FALSE(parameter->value().requires_grad()) << parameter->name;
  return names;
}

template <class Body>
std::string usage_error(const Body& body) {
  try {
    body();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no UsageError";
}

/// 24 matrices of BERT-base, r = 16: 24 * 16 * (768 + 768).
TEST(Dsee, BertBaseHas589824LowRankParameters) {
  ToyModel model(sizes(12, 768, 8));  // query and value do not depend on the width of the FFN
  DseeOptions options;
  options.support = SupportKind::magnitude;
  attach(model, "dsee", options);
  int64_t low_rank = 0, sparse = 0, head = 0;
  for (const auto& parameter : model.parameters().with_role(Role::trainable)) {
    int64_t& count = parameter->name.find("lora_") != std::string::npos     ? low_rank
                     : parameter->name.find("sparse_") != std::string::npos ? sparse
                                                                            : head;
    count += parameter->logical_numel();
  }
  EXPECT_EQ(low_rank, 589824);
  EXPECT_EQ(sparse, 24 * 64);
  EXPECT_EQ(head, 2 * 768 + 2);
}

TEST(Dsee, TrainsItsUpdatesAndTheHeadAndStartsAtZero) {
  ToyModel model(sizes(2, 32, 48));
  DseeOptions options;
  options.rank = 4;
  options.num_sparse = 10;
  options.targets = {"query", "1.output.dense"};
  attach(model, "dsee", options);
  std::set<std::string> expected = {"classifier.weight", "classifier.bias"};
  // "1.output.dense" is the FFN of layer 1: "1.attention.output.dense" does not end in these words.
  for (const char* linear : {"0.attention.self.query", "1.attention.self.query", "1.output.dense"})
    for (const char* part : {"lora_U", "lora_V", "sparse_values"})
      expected.insert(fmt::format("bert.encoder.layer.{}.{}", linear, part));
  EXPECT_EQ(trainable(model), expected);
  nn::Linear& query = model.linear("bert.encoder.layer.1.attention.self.query");
  EXPECT_EQ(query.adapter()->kind(), "low_rank_sparse");
  EXPECT_EQ(query.adapter()->low_rank_form()->scale, 8.0);
  EXPECT_EQ(largest_entry(query.adapter()->delta()), 0.0);
  const at::Tensor v = model.parameters().at("bert.encoder.layer.0.attention.self.query.lora_V").value();
  EXPECT_NEAR(v.std().item<double>(), 0.02, 0.004);
  EXPECT_EQ(model.parameters().at("bert.encoder.layer.0.attention.self.query.sparse_rows").role, Role::buffer);
}

TEST(Dsee, IsReproducibleAndDependsOnTheSeed) {
  const auto v_of = [](uint64_t seed, const std::string& linear) {
    ToyModel model(sizes(2, 32, 48));
    attach(model, "dsee", DseeOptions(), seed);
    return model.parameters().at("bert.encoder.layer." + linear + ".lora_V").value().detach();
  };
  EXPECT_TRUE(v_of(1, "0.attention.self.query").equal(v_of(1, "0.attention.self.query")));
  EXPECT_FALSE(v_of(1, "0.attention.self.query").equal(v_of(2, "0.attention.self.query")));
  EXPECT_FALSE(v_of(1, "0.attention.self.query").equal(v_of(1, "1.attention.self.query")));
}

TEST(Dsee, WithoutAPartItIsTheOtherOne) {
  DseeOptions only_sparse, only_low_rank;
  only_sparse.rank = 0;
  only_low_rank.num_sparse = 0;
  ToyModel first(sizes(1, 32, 48)), second(sizes(1, 32, 48));
  attach(first, "dsee", only_sparse);
  attach(second, "dsee", only_low_rank);
  EXPECT_EQ(first.linear("bert.encoder.layer.0.attention.self.query").adapter()->kind(), "sparse_delta");
  EXPECT_EQ(second.linear("bert.encoder.layer.0.attention.self.query").adapter()->kind(), "low_rank");
}

TEST(Dsee, DensityIsAShareOfEachTarget) {
  ToyModel model(sizes(1, 32, 48));
  DseeOptions options;
  options.sparse_density = 0.02;
  options.num_sparse = 0;
  options.support = SupportKind::magnitude;
  options.scale_sparse = false;
  options.targets = {"query", "intermediate.dense"};
  for (const bool resume : {false, true}) {
    ToyModel toy(sizes(1, 32, 48));
    attach(toy, "dsee", options, 42, resume);
    const auto entries = [&](const std::string& linear) {
      return toy.parameters().at("bert.encoder.layer.0." + linear + ".sparse_values").logical_numel();
    };
    EXPECT_EQ(entries("attention.self.query"), 20);  // 0.02 * 32 * 32 = 20.48
    EXPECT_EQ(entries("intermediate.dense"), 30);    // 0.02 * 48 * 32 = 30.72
    const auto form = toy.linear("bert.encoder.layer.0.attention.self.query").adapter()->low_rank_form();
    EXPECT_EQ(form->scale, 2.0);
    EXPECT_EQ(form->sparse_scale, 1.0);
  }
  options.sparse_density = 1e-6;
  attach(model, "dsee", options);
  EXPECT_EQ(model.parameters().at("bert.encoder.layer.0.attention.self.query.sparse_values").logical_numel(), 1);
}

/// On resume attach makes the same parameters in the same order, without the search.
TEST(Dsee, ResumeMakesTheSameTable) {
  ToyModel fresh(sizes(2, 32, 48)), resumed(sizes(2, 32, 48));
  attach(fresh, "dsee", DseeOptions());
  attach(resumed, "dsee", DseeOptions(), 42, true);
  ASSERT_EQ(fresh.parameters().size(), resumed.parameters().size());
  for (auto a = fresh.parameters().begin(), b = resumed.parameters().begin(); a != fresh.parameters().end(); ++a, ++b) {
    EXPECT_EQ((*a)->name, (*b)->name);
    EXPECT_EQ((*a)->logical_shape, (*b)->logical_shape);
    EXPECT_EQ((*a)->role, (*b)->role);
  }
}

TEST(Dsee, RefusesTargetsThatCannotBe) {
  ToyModel model(sizes(2, 32, 48));
  DseeOptions unknown, head;
  unknown.targets = {"query", "qvery", "kye"};
  head.targets = {"classifier"};
  const std::string message = usage_error([&] { attach(model, "dsee", unknown); });
  EXPECT_NE(message.find("targets: 'qvery'"), std::string::npos) << message;
  EXPECT_NE(message.find("\ntargets: 'kye'"), std::string::npos) << "all wrong targets are listed: " << message;
  EXPECT_NE(message.find("attention.self.query, attention.self.key"), std::string::npos) << message;
  EXPECT_NE(message.find("classifier"), std::string::npos) << message;
  EXPECT_NE(usage_error([&] { attach(model, "dsee", head); }).find("train_head: false"), std::string::npos);
  attach(model, "dsee", DseeOptions());
  EXPECT_NE(usage_error([&] { attach(model, "lora", LoraOptions()); }).find("earlier stage"), std::string::npos);
}

TEST(Lora, ARankBeyondThatOfAMatrixIsRefusedByTheCheckAlone) {
  for (const int64_t rank : {32, 33}) {
    ToyModel model(sizes(1, 32, 48));
    LoraOptions options;
    options.rank = rank;
    options.targets = {"intermediate.dense"};
    attach(model, "lora", options);
    const auto method = builtin_methods().make({"lora", std::make_shared<LoraOptions>(options)});
    if (rank == 32)
      method->check(model);
    else
      EXPECT_NE(usage_error([&] { method->check(model); })
                    .find("rank: is 33, but bert.encoder.layer.0.intermediate.dense "
                          "is a matrix of 48 x 32, whose rank is at most 32"),
                std::string::npos);
  }
}

TEST(Lora, StartsAsItsAuthorsDo) {
  ToyModel model(sizes(1, 64, 48));
  LoraOptions options;
  options.targets = {"query", "key", "value"};
  options.train_head = false;
  attach(model, "lora", options);
  EXPECT_EQ(trainable(model).size(), 6U);
  const auto& v = model.parameters().at("bert.encoder.layer.0.attention.self.key.lora_V").value();
  const double bound = 1.0 / std::sqrt(64.0);
  EXPECT_LE(largest_entry(v), bound);
  EXPECT_GT(largest_entry(v), 0.95 * bound);
  EXPECT_NEAR(v.std().item<double>(), bound / std::sqrt(3.0), 0.1 * bound);
  EXPECT_EQ(largest_entry(model.parameters().at("bert.encoder.layer.0.attention.self.key.lora_U").value()), 0.0);
}

TEST(Full, TrainsAllButWhatIsNamed) {
  ToyModel model(sizes(1, 32, 48));
  attach(model, "full", FullOptions());
  EXPECT_EQ(trainable(model).size(), model.parameters().size());
  FullOptions options;
  options.freeze = {"embeddings"};
  attach(model, "full", options);
  EXPECT_EQ(trainable(model).size(), model.parameters().size() - 3);
  EXPECT_FALSE(trainable(model).contains("bert.embeddings.LayerNorm.bias"));
  options.freeze = {"embedding"};
  EXPECT_NE(usage_error([&] { attach(model, "full", options); }).find("'embedding' matches no parameter"),
            std::string::npos);
}

TEST(Bitfit, TrainsBiasesAndTheHead) {
  ToyModel model(sizes(2, 32, 48));
  attach(model, "bitfit", BitfitOptions());
  for (const auto& parameter : model.parameters()) {
    const bool bias = parameter->name.ends_with(".bias"), head = parameter->name.starts_with("classifier");
    EXPECT_EQ(parameter->trainable(), bias || head) << parameter->name;
  }
  BitfitOptions options;
  options.modules = {"query", "intermediate.dense"};
  attach(model, "bitfit", options);
  EXPECT_EQ(trainable(model).size(), 2U * 2 + 2);
  options.modules = {"querry"};
  EXPECT_NE(usage_error([&] { attach(model, "bitfit", options); }).find("modules: 'querry' matches no parameter"),
            std::string::npos);
}

TEST(LayerNorm, TrainsTheNormsAndTheHead) {
  ToyModel model(sizes(2, 32, 48));
  attach(model, "layernorm", LayerNormOptions());
  for (const auto& parameter : model.parameters()) {
    const bool norm = parameter->name.find("LayerNorm.") != std::string::npos;
    EXPECT_EQ(parameter->trainable(), norm || parameter->name.starts_with("classifier")) << parameter->name;
  }
  LayerNormOptions options;
  options.modules = {"embeddings.LayerNorm"};
  attach(model, "layernorm", options);
  EXPECT_EQ(trainable(model),
            (std::set<std::string>{"bert.embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.bias",
                                   "classifier.weight", "classifier.bias"}));
  options.modules = {"query"};
  EXPECT_NE(usage_error([&] { attach(model, "layernorm", options); }).find("modules: 'query' matches no parameter"),
            std::string::npos);
}

TEST(Head, TrainsTheHeadAlone) {
  ToyModel model(sizes(1, 32, 48));
  attach(model, "head", HeadOptions());
  EXPECT_EQ(trainable(model), (std::set<std::string>{"classifier.weight", "classifier.bias"}));
}

TEST(Registry, KnowsTheMethodsByName) {
  const Registry registry = builtin_methods();
  std::vector<std::string> known;
  for (const auto& [name, entry] : registry.catalog().entries()) known.push_back(name);
  EXPECT_EQ(known, (std::vector<std::string>{"bitfit", "block_movement", "child_tuning", "dps", "dsee", "full", "gates",
                                             "head", "layernorm", "lora", "mixout", "movement", "pst", "sift", "smp",
                                             "soft_movement"}));
  EXPECT_NE(usage_error([&] { registry.make({"dsea", nullptr}); }).find("dsee"), std::string::npos);
  EXPECT_EQ(registry.make({"lora", nullptr})->name(), "lora");
}

TEST(Targets, NameLinearsByTheirLastWords) {
  const std::string name = "bert.encoder.layer.0.attention.self.query";
  EXPECT_TRUE(names("query", name));
  EXPECT_TRUE(names("self.query", name));
  EXPECT_TRUE(names("layer.*.attention.self.query", name));
  EXPECT_TRUE(names(name, name));
  EXPECT_FALSE(names("uery", name));
  EXPECT_FALSE(names("attention", name));
  EXPECT_FALSE(names("1.attention.self.query", name));
  EXPECT_FALSE(names("", name));
  EXPECT_FALSE(names("a." + name, name));
  EXPECT_TRUE(names("layer.*.output.dense", "bert.encoder.layer.3.output.dense"));
  EXPECT_FALSE(names("layer.*.output.dense", "bert.encoder.layer.3.attention.output.dense"));
}

}  // namespace
}  // namespace filigree::adapt
