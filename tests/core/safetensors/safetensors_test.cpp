// Reading, writing and refusing safetensors files. The malformed ones are also shown to the safetensors package, which
// must refuse each of them as well (safetensors_check.py reads the folder that this test writes).
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/random.h"
#include "core/safetensors/safetensors.h"

namespace filigree::checkpoint {
namespace {

namespace fs = std::filesystem;

class Safetensors : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(FILIGREE_BINARY_DIR) / "safetensors_test" /
           testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  std::string path(const std::string& name) const { return (dir_ / name).string(); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }
  fs::path dir_;
};

std::string with_length(uint64_t length, const std::string& rest) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + rest;
}
std::string file_of(const std::string& header, size_t data_bytes) {
  return with_length(header.size(), header + std::string(data_bytes, 'x'));
}

std::string message_of(const std::string& path) {
  try {
    SafetensorsReader::open(path);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

NamedTensors all_types() {
  NamedTensors tensors;
  for (at::ScalarType type :
       {at::kByte, at::kFloat, at::kHalf, at::kBFloat16, at::kDouble, at::kLong, at::kInt, at::kShort, at::kChar}) {
    tensors.emplace_back(std::string("t.") + c10::toString(type), at::arange(0, 15).view({5, 3}).to(type));
  }
  tensors.emplace_back("t.bool", at::ones({3}, at::TensorOptions(at::kBool)));
  tensors.emplace_back("scalar", at::arange(7, 8).squeeze(0));
  tensors.emplace_back("empty", at::zeros({0, 4}, at::TensorOptions(at::kFloat)));
  tensors.emplace_back("turned", at::arange(0, 6).view({2, 3}).t());
  return tensors;
}

TEST_F(Safetensors, WhatIsWrittenIsRead) {
  const NamedTensors tensors = all_types();
  write_safetensors(path("all.safetensors"), tensors);
  const auto reader = SafetensorsReader::open(path("all.safetensors"));
  EXPECT_EQ(reader.names().size(), tensors.size());
  EXPECT_EQ(reader.metadata().at("format"), "pt");
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(reader.info(name).dtype, tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(reader.read(name), tensor)) << name;
    if (tensor.dim() == 2 && tensor.size(0) == 5) {
      EXPECT_TRUE(at::equal(reader.read_lines(name, 0, {1, 4}), tensor.slice(0, 1, 4))) << name;
      EXPECT_TRUE(at::equal(reader.read_lines(name, 1, {1, 2}), tensor.slice(1, 1, 2))) << name;
      EXPECT_EQ(reader.read_lines(name, 0, {2, 2}).size(0), 0) << name;
    }
  }
}

TEST_F(Safetensors, DataIsAlignedAndTheHeaderPadded) {
  write_safetensors(path("all.safetensors"), all_types());
  uint64_t length = 0;
  std::ifstream(path("all.safetensors"), std::ios::binary).read(reinterpret_cast<char*>(&length), 8);
  EXPECT_EQ(length % 8, 0U);
  const auto reader = SafetensorsReader::open(path("all.safetensors"));
  for (const std::string& name : reader.names()) {
    EXPECT_EQ(reader.info(name).begin % c10::elementSize(reader.info(name).dtype), 0U) << name;
  }
}

TEST_F(Safetensors, ShardsAreReadThroughTheirIndex) {
  write_safetensors(path("a.safetensors"), {{"x", at::arange(0, 4)}});
  write_safetensors(path("b.safetensors"), {{"y", at::arange(4, 8)}});
  write("model.safetensors.index.json", R"({"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}})");
  const auto reader = SafetensorsReader::open(dir_.string());
  EXPECT_EQ(reader.names(), (std::vector<std::string>{"x", "y"}));
  EXPECT_TRUE(at::equal(reader.read("y"), at::arange(4, 8)));
  EXPECT_EQ(reader.files().size(), 2U);
}

/// The package reads it: "__metadata__": null, and tensors of types that filigree does not compute with.
TEST_F(Safetensors, TensorsOfForeignTypesMatterOnlyWhenTheyAreRead) {
  write("foreign.safetensors", file_of(R"({"__metadata__":null,)"
                                       R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                                       R"("b":{"dtype":"U16","shape":[2],"data_offsets":[4,8]},)"
                                       R"("c":{"dtype":"F4","shape":[4],"data_offsets":[8,10]},)"
                                       R"("d":{"dtype":"C64","shape":[1],"data_offsets":[10,18]},)"
                                       R"("e":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[18,21]}})",
                                       21));
  const auto reader = SafetensorsReader::open(path("foreign.safetensors"));
  EXPECT_TRUE(reader.metadata().empty());
  EXPECT_EQ(reader.names().size(), 5U);
  EXPECT_EQ(reader.read("a").numel(), 4);
  for (const char* name : {"b", "c", "d", "e"}) {
    try {
      reader.read(name);
      ADD_FAILURE() << name << " was read";
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find("which filigree cannot compute with"), std::string::npos);
      EXPECT_NE(std::string(error.what()).find(std::string("'") + name + "'"), std::string::npos) << error.what();
    }
    EXPECT_THROW(reader.read_lines(name, 0, {0, 1}), DataError);
  }
}

/// safetensors_check.py looks at how transformers reads this folder.
TEST_F(Safetensors, OfSeveralCopiesTheLastShardsCounts) {
  write_safetensors(path("a.safetensors"), {{"x", at::arange(0, 4)}, {"y", at::ones({2})}, {"z", at::ones({3})}});
  write_safetensors(path("b.safetensors"), {{"x", at::arange(4, 8)}, {"y", at::ones({2})}});
  write("model.safetensors.index.json",
        R"({"weight_map": {"x": "a.safetensors", "y": "b.safetensors", "z": "a.safetensors"}})");
  const auto reader = SafetensorsReader::open(dir_.string());
  EXPECT_EQ(reader.names(), (std::vector<std::string>{"x", "y", "z"}));
  EXPECT_TRUE(at::equal(reader.read("x"), at::arange(4, 8)));
  EXPECT_EQ(reader.ambiguous(), (std::vector<std::string>{"x"}));
}

TEST_F(Safetensors, EqualTensors) {
  write_safetensors(path("a.safetensors"), {{"x", at::arange(0, 4)},
                                            {"same", at::arange(0, 4)},
                                            {"wide", at::arange(0, 4).to(at::kFloat)},
                                            {"other", at::arange(1, 5)},
                                            {"long", at::arange(0, 5)}});
  const auto reader = SafetensorsReader::open(path("a.safetensors"));
  EXPECT_TRUE(reader.equal("x", "same"));
  EXPECT_TRUE(reader.equal("x", "wide"));
  EXPECT_FALSE(reader.equal("x", "other"));
  EXPECT_FALSE(reader.equal("x", "long"));
}

TEST_F(Safetensors, BadIndexesAreRefused) {
  write_safetensors(path("a.safetensors"), {{"x", at::arange(0, 4)}});
  const std::pair<const char*, const char*> cases[] = {
      {R"({"weight_map": {"x": "a.safetensors", "y": "a.safetensors"}})", "'y' is not in a.safetensors"},
      {R"({"weight_map": {"x": "../a.safetensors"}})", "same folder"},
      {R"({"weight_map": {"x": 3}})", "same folder"},
      {R"({"weight_map": {"x": "gone.safetensors"}})", "gone.safetensors: there is no such file"},
      {R"({"weight_map": 1})", "weight_map"},
      {R"([1])", "weight_map"},
      {R"({"weight_map": )", "index.json:1: the JSON text ends in the middle"}};
  for (const auto& [text, wanted] : cases) {
    const std::string message = message_of(write("model.safetensors.index.json", text));
    EXPECT_NE(message.find(wanted), std::string::npos) << text << "\n" << message;
  }
}

// ---- malformed files
// ----------------------------------------------------------------------------------------------------

struct Malformed {
  const char* name;
  std::string bytes;
  const char* wanted;  ///< part of the message
};

std::vector<Malformed> malformed_files() {
  const std::string good = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const auto tensor = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  const auto two = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
  };
  return {
      {"empty", "", "only 0 bytes"},
      {"short_length", "abc", "only 3 bytes"},
      {"length_beyond_file", with_length(1000, good), "header length is 1000 bytes"},
      {"length_huge", with_length(~uint64_t{0}, good), "header length is 18446744073709551615 bytes"},
      {"length_over_cap", with_length(100'000'001, good), "the limit is 100000000"},
      {"length_zero", with_length(0, good), "does not begin with"},
      {"not_an_object", file_of("[1,2,3]", 0), "does not begin with"},
      {"leading_space", file_of(" " + good, 8), "does not begin with"},
      {"cut_json", file_of(R"({"a":{"dtype":"F32")", 0), "is not JSON"},
      {"not_utf8", file_of("{\"\xff\xfe\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1), "is not JSON"},
      {"garbage_after", file_of(good + "x", 8), "is not JSON"},
      {"deep", file_of("{\"a\":" + std::string(100000, '['), 0), "nested"},
      {"duplicate",
       file_of(
           R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
           1),
       "'a' twice"},
      {"duplicate_field", file_of(R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1),
       "'dtype' twice"},
      {"overlap", file_of(two("[0,4]", "[2,6]"), 6), "overlaps"},
      {"hole", file_of(two("[0,4]", "[6,10]"), 10), "gap of 2 bytes"},
      {"hole_at_start", file_of(tensor(R"("U8")", "[4]", "[4,8]"), 8), "gap of 4 bytes"},
      {"truncated", file_of(tensor(R"("F32")", "[2]", "[0,8]"), 7), "truncated"},
      {"bytes_left_over", file_of(tensor(R"("F32")", "[2]", "[0,8]"), 9),
       "1 byte after the last tensor belongs to no tensor"},
      {"reversed", file_of(tensor(R"("F32")", "[2]", "[8,0]"), 8), "before its start"},
      {"shape_mismatch", file_of(tensor(R"("F32")", "[3]", "[0,8]"), 8), "require 12"},
      {"overflow", file_of(tensor(R"("F32")", "[4294967296,4294967296,4294967296]", "[0,8]"), 8), "be counted"},
      {"overflow_bytes", file_of(tensor(R"("F64")", "[2305843009213693952]", "[0,0]"), 0), "be counted"},
      {"huge_size", file_of(tensor(R"("U8")", "[18446744073709551615]", "[0,8]"), 8), "not a size"},
      {"beyond_integers", file_of(tensor(R"("U8")", "[184467440737095516160]", "[0,8]"), 8), "not a size"},
      {"negative_size", file_of(tensor(R"("U8")", "[-8]", "[0,8]"), 8), "not a size"},
      {"fractional_size", file_of(tensor(R"("U8")", "[8.0]", "[0,8]"), 8), "not a size"},
      {"shape_no_list", file_of(tensor(R"("U8")", "8", "[0,8]"), 8), "not a list"},
      {"unknown_dtype", file_of(tensor(R"("F31")", "[2]", "[0,8]"), 8), "'F31'"},
      {"dtype_number", file_of(tensor("32", "[2]", "[0,8]"), 8), "not a string"},
      {"three_offsets", file_of(tensor(R"("U8")", "[8]", "[0,4,8]"), 8), "not two byte counts"},
      {"negative_offset", file_of(tensor(R"("U8")", "[8]", "[-8,0]"), 8), "not two byte counts"},
      {"no_shape", file_of(R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1), "has no 'shape'"},
      {"no_dtype", file_of(R"({"a":{"shape":[1],"data_offsets":[0,1]}})", 1), "has no 'dtype'"},
      {"no_offsets", file_of(R"({"a":{"dtype":"U8","shape":[1]}})", 1), "has no 'data_offsets'"},
      {"entry_no_object", file_of(R"({"a":3})", 0), "not an object"},
      {"half_a_byte", file_of(tensor(R"("F4")", "[3]", "[0,2]"), 2), "do not fill whole bytes"},
      {"foreign_mismatch", file_of(tensor(R"("U16")", "[3]", "[0,8]"), 8), "require 6"},
      {"metadata_number", file_of(R"({"__metadata__":{"step":3}})", 0), "not a string"},
      {"metadata_list", file_of(R"({"__metadata__":[]})", 0), "not an object"},
  };
}

TEST_F(Safetensors, EveryMalformedFileIsRefusedWithItsName) {
  for (const Malformed& file : malformed_files()) {
    const std::string at = write(std::string(file.name) + ".safetensors", file.bytes);
    const std::string message = message_of(at);
    EXPECT_NE(message.find(file.wanted), std::string::npos) << file.name << ": " << message;
    EXPECT_EQ(message.rfind(at, 0), 0U) << "the message does not begin with the file: " << message;
  }
}

TEST_F(Safetensors, DamagedFilesNeverCrash) {
  write_safetensors(path("good.safetensors"),
                    {{"a", at::arange(0, 6)}, {"b", at::ones({2, 2}, at::TensorOptions(at::kFloat))}});
  std::ifstream in(path("good.safetensors"), std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const uint64_t stream = random::stream(1, "damage");
  int refused = 0;
  for (uint64_t i = 0; i < 800; ++i) {
    std::string bytes = good;
    for (uint64_t hit = 0; hit <= i % 3; ++hit) {
      const uint64_t bits = random::bits(stream, 4 * i + hit);
      bytes[bits % bytes.size()] = static_cast<char>(bits >> 32);
    }
    if (i % 5 == 0) bytes.resize(random::bits(stream, 4 * i + 3) % bytes.size());
    const std::string at = write("damaged.safetensors", bytes);
    try {
      const auto reader = SafetensorsReader::open(at);
      for (const std::string& name : reader.names()) reader.read(name);
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 250);
}

TEST_F(Safetensors, PicklesAreRefusedWithTheWayOut) {
  for (const std::string& at :
       {write("pytorch_model.bin", "anything"), write("model.safetensors", std::string("PK\x03\x04zip"))}) {
    const std::string message = message_of(at);
    EXPECT_NE(message.find("pickle"), std::string::npos) << message;
    EXPECT_NE(message.find("python -c"), std::string::npos) << message;
  }
  fs::remove(path("model.safetensors"));
  EXPECT_NE(message_of(dir_.string()).find("pytorch_model.bin"), std::string::npos);
  fs::remove(path("pytorch_model.bin"));
  EXPECT_NE(message_of(dir_.string()).find("neither"), std::string::npos);
  EXPECT_NE(message_of(path("gone")).find("no such file"), std::string::npos);
}

/// Exit code 0 when a file limit of 4 KiB ends in a DataError that names the path.
[[noreturn]] void write_beyond_the_limit(const std::string& path, const at::Tensor& tensor) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{4096, 4096};
  setrlimit(RLIMIT_FSIZE, &limit);
  try {
    write_safetensors(path, {{"x", tensor}});
  } catch (const DataError& error) {
    std::_Exit(std::strstr(error.what(), path.c_str()) != nullptr ? 0 : 2);
  }
  std::_Exit(1);
}

TEST_F(Safetensors, ADiskThatRefusesIsADataErrorNamingThePath) {
  const at::Tensor big = at::zeros({1 << 16}, at::TensorOptions(at::kFloat));
  EXPECT_THROW(write_safetensors(path("no/such/folder.safetensors"), {{"x", big}}), DataError);
  // In a child: the limit and the signal's disposition belong to the process.
  EXPECT_EXIT(write_beyond_the_limit(path("full.safetensors"), big), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace filigree::checkpoint
