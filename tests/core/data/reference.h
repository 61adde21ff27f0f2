#pragma once
// Reads the files of tokenizer_reference.py and bpe_reference.py; see their heads for the layouts.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace filigree::data::testing {

/// Folder of reference files, of which `last` is written last; empty when there is none (then the test says so and is
/// skipped).
inline std::string reference_dir(const char* variable, const std::string& name, const std::string& last) {
  const char* set = std::getenv(variable);
  const std::string dir = set != nullptr ? set : FILIGREE_BINARY_DIR "/" + name;
  return std::filesystem::exists(dir + "/" + last) ? dir : "";
}

// NOLINTBEGIN(bugprone-macro-parentheses): `dir` is the name of the variable
#define FILIGREE_REFERENCE_OR_SKIP(dir)                                                                              \
  const std::string dir =                                                                                            \
      ::filigree::data::testing::reference_dir("FILIGREE_TOKENIZER_REFERENCE", "tokenizer_reference", "splits.bin"); \
  if (dir.empty())                                                                                                   \
  GTEST_SKIP() << "the reference files are missing: the fixture tokenizer_reference needs "                          \
                  "FILIGREE_PYTHON with tokenizers, the demo backbone and wordnet-base"
// NOLINTEND(bugprone-macro-parentheses)

class ReferenceFile {
 public:
  explicit ReferenceFile(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file.is_open()) << path;
    data_.assign(std::istreambuf_iterator<char>(file), {});
  }
  bool done() const { return at_ >= data_.size(); }
  int32_t i32() {
    int32_t value = 0;
    std::memcpy(&value, data_.data() + at_, 4);
    at_ += 4;
    return value;
  }
  std::string text() {
    const auto length = static_cast<size_t>(i32());
    at_ += length;
    return data_.substr(at_ - length, length);
  }
  std::vector<int32_t> array() {
    std::vector<int32_t> values(static_cast<size_t>(i32()));
    for (int32_t& value : values) value = i32();
    return values;
  }
  const std::string& bytes() const { return data_; }

 private:
  std::string data_;
  size_t at_ = 0;
};

}  // namespace filigree::data::testing
