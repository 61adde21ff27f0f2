// A checkpoint that several ranks wrote in parts, read by ranks that hold other parts.
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>

#include "core/checkpoint/store.h"
#include "core/error.h"
#include "tests/core/checkpoint/store_support.h"
#include "tests/core/checkpoint/temp_dir.h"

namespace filigree::checkpoint {
namespace {

using namespace filigree::test;
using dist::IndexRange;

at::Tensor rows() { return at::arange(0, 7 * 3).view({7, 3}).to(at::kFloat); }
at::Tensor columns() { return at::arange(100, 100 + 2 * 5).view({2, 5}).to(at::kBFloat16); }

/// What rank `rank` of three writes: rows 0..3, 3..3, 3..7 of one tensor, columns of another, and a whole one.
CheckpointData of_rank(int rank) {
  const std::vector<IndexRange> of_rows = {{0, 3}, {3, 3}, {3, 7}}, of_columns = {{0, 1}, {1, 4}, {4, 5}};
  const IndexRange r = of_rows[static_cast<size_t>(rank)], c = of_columns[static_cast<size_t>(rank)];
  CheckpointData data;
  data.step = 5;
  data.files.push_back({"trained",
                        {{"rows", rows().narrow(0, r.begin, r.size())},
                         {"columns", columns().narrow(1, c.begin, c.size()).contiguous()}}});
  data.parts["rows"] = {0, r, {7, 3}};
  data.parts["columns"] = {1, c, {2, 5}};
  if (rank == 1) data.files[0].second.emplace_back("whole", at::arange(0, 4));
  return data;
}

Loaded saved(CheckpointStore& store, const std::vector<CheckpointData>& ranks) {
  const std::string folder = store.begin(5);
  std::vector<ManifestFile> files;
  for (size_t i = 0; i < ranks.size(); ++i)
    for (const ManifestFile& file : write_files(ranks[i], folder, static_cast<int>(i), static_cast<int>(ranks.size())))
      files.push_back(file);
  store.commit(5, {{"note", "in parts"}}, files);
  return load(*store.newest_whole());
}

TEST(CheckpointParts, EveryRangeIsReadFromWhateverPartsHoldIt) {
  const TempDir run;
  CheckpointStore store(run.path(), 3);
  const Loaded loaded = saved(store, {of_rank(2), of_rank(0), of_rank(1)});  // in any order
  EXPECT_TRUE(at::equal(loaded.tensor("trained", "rows"), rows()));
  EXPECT_TRUE(at::equal(loaded.tensor("trained", "columns"), columns()));
  EXPECT_TRUE(at::equal(loaded.tensor("trained", "whole"), at::arange(0, 4)));
  EXPECT_EQ(loaded.shape("trained", "rows"), (std::vector<int64_t>{7, 3}));
  for (int64_t begin = 0; begin <= 7; ++begin) {
    for (int64_t end = begin; end <= 7; ++end)
      EXPECT_TRUE(at::equal(loaded.lines("trained", "rows", 0, {begin, end}), rows().slice(0, begin, end)))
          << begin << " .. " << end;
  }
  EXPECT_TRUE(at::equal(loaded.lines("trained", "columns", 1, {0, 5}), columns()));
  EXPECT_TRUE(at::equal(loaded.lines("trained", "columns", 1, {3, 5}), columns().slice(1, 3, 5)));
  EXPECT_TRUE(at::equal(loaded.lines("trained", "columns", 0, {1, 2}), columns().slice(0, 1, 2)));
  EXPECT_TRUE(at::equal(loaded.lines("trained", "whole", 0, {1, 3}), at::arange(1, 3)));
  EXPECT_EQ(loaded.state.at("note"), "in parts");
}

TEST(CheckpointParts, AMissingOrADoubledPartIsAnError) {
  const TempDir run;
  CheckpointStore store(run.path(), 3);
  EXPECT_NE(message_of<DataError>([&] {
              saved(store, {of_rank(0), of_rank(1)});
            }).find("every part of 'columns' exactly once"),
            std::string::npos);
  EXPECT_NE(message_of<DataError>([&] {
              saved(store, {of_rank(0), of_rank(1), of_rank(2), of_rank(2)});
            }).find("every part of 'columns' exactly once"),
            std::string::npos);
  CheckpointData lone = of_rank(0);
  lone.parts.clear();
  EXPECT_NE(message_of<DataError>([&] {
              saved(store, {lone, of_rank(1), of_rank(2)});
            }).find("every part of"),
            std::string::npos);
}

TEST(CheckpointParts, WhatIsGivenUpLeavesTheOlderOne) {
  const TempDir run;
  CheckpointStore store(run.path(), 3);
  store.save(make_checkpoint(4));
  write_files(of_rank(0), store.begin(5), 0, 3);
  const std::string message = message_of<DataError>([&] { store.give_up(5, 1000, "rank 1's disk is full"); });
  EXPECT_NE(message.find("rank 1's disk is full"), std::string::npos);
  EXPECT_NE(message.find("step-00000004"), std::string::npos) << message;
  EXPECT_EQ(steps_in(store.dir()), std::vector<int64_t>{4});
}

}  // namespace
}  // namespace filigree::checkpoint
