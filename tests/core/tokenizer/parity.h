#pragma once
// Compares a tokenizer with the cases of a reference file.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/tokenizer/tokenizer.h"
#include "tests/core/data/reference.h"

namespace filigree::data::testing {

struct Cases {
  std::vector<std::string> a, b;
  std::vector<bool> pair;
  std::vector<int32_t> max_length;
  std::vector<std::vector<int32_t>> ids, types;
};

inline Cases read_cases(const std::string& path) {
  ReferenceFile file(path);
  Cases cases;
  while (!file.done()) {
    cases.max_length.push_back(file.i32());
    cases.a.push_back(file.text());
    cases.pair.push_back(file.i32() != 0);
    cases.b.push_back(file.text());
    cases.ids.push_back(file.array());
    cases.types.push_back(file.array());
  }
  return cases;
}

/// Ids and type ids of every case; shows the first five that differ.
inline void compare(const std::string& model_dir, const std::string& path, size_t at_least) {
  const auto tokenizer = load_tokenizer(model_dir);
  const Cases cases = read_cases(path);
  ASSERT_GE(cases.a.size(), at_least) << path;
  int failures = 0;
  for (size_t i = 0; i < cases.a.size() && failures < 5; ++i) {
    const TextPair text{cases.a[i], cases.pair[i] ? std::optional<std::string_view>(cases.b[i]) : std::nullopt};
    const Encoding got = tokenizer->encode(text, cases.max_length[i] < 0 ? Tokenizer::kNoLimit : cases.max_length[i]);
    const bool same = got.ids == cases.ids[i] && got.type_ids == cases.types[i];
    failures += same ? 0 : 1;
    EXPECT_EQ(got.ids, cases.ids[i]) << path << " case " << i << " max_length " << cases.max_length[i] << "\n"
                                     << cases.a[i] << "\n"
                                     << cases.b[i];
    EXPECT_EQ(got.type_ids, cases.types[i]) << path << " case " << i;
  }
}

/// The text of every case.
inline void compare_decoded(const std::string& model_dir, const std::string& path, size_t at_least) {
  const auto tokenizer = load_tokenizer(model_dir);
  ReferenceFile file(path);
  size_t count = 0;
  for (int failures = 0; !file.done() && failures < 5; ++count) {
    const std::vector<int32_t> ids = file.array();
    const bool skip = file.i32() != 0;
    const std::string wanted = file.text(), got = tokenizer->decode(ids, skip);
    failures += got == wanted ? 0 : 1;
    EXPECT_EQ(got, wanted) << path << " case " << count << " skip " << skip;
  }
  EXPECT_GE(count, at_least) << path;
}

}  // namespace filigree::data::testing
