#pragma once
// Checkpoints whose content is a function of their step, so that a test can tell whether what it reads is whole.
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "core/checkpoint/store.h"

namespace filigree::test {

inline checkpoint::CheckpointData make_checkpoint(int64_t step, int64_t numel = 1000) {
  checkpoint::CheckpointData data;
  data.step = step;
  data.state = {{"global_step", step}, {"note", "schön"}, {"loss", 0.1 * static_cast<double>(step)}};
  data.files.push_back(
      {"trained", {{"U", at::full({numel}, step, at::kFloat)}, {"support", at::full({7}, step + 1, at::kLong)}}});
  data.files.push_back({"optimizer", {{"m:U", at::full({numel}, -step, at::kFloat)}}});
  return data;
}

inline void expect_content(const checkpoint::Loaded& loaded, int64_t step) {
  EXPECT_EQ(loaded.info.step, step);
  EXPECT_EQ(loaded.state.at("global_step"), step);
  EXPECT_TRUE(loaded.tensor("trained", "U").eq(static_cast<double>(step)).all().item<bool>());
  EXPECT_TRUE(loaded.tensor("trained", "support").eq(step + 1).all().item<bool>());
  EXPECT_TRUE(loaded.tensor("optimizer", "m:U").eq(static_cast<double>(-step)).all().item<bool>());
}

inline std::vector<int64_t> steps_in(const std::string& dir) {
  std::vector<int64_t> steps;
  for (const auto& info : checkpoint::list_checkpoints(dir)) steps.push_back(info.step);
  return steps;
}

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void spit(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

/// The message of the error that body throws; fails the test when it throws none.
template <class Error, class Body>
std::string message_of(const Body& body) {
  try {
    body();
  } catch (const Error& e) {
    return e.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return "";
}

}  // namespace filigree::test
