// Class names of a model matched with those of a task.
#include "core/nn/labels.h"

#include <gtest/gtest.h>

namespace filigree::nn {
namespace {

using Names = std::vector<std::string>;
using Order = std::vector<int64_t>;

TEST(MatchLabels, ByName) {
  EXPECT_EQ(match_labels({"a", "b", "c"}, {"a", "b", "c"}), (Order{0, 1, 2}));
  EXPECT_EQ(match_labels({"entailment", "neutral", "contradiction"}, {"contradiction", "entailment", "neutral"}),
            (Order{2, 0, 1}));
  EXPECT_EQ(match_labels({"POSITIVE", "NEGATIVE"}, {"negative", "positive"}), (Order{1, 0}));
  EXPECT_EQ(match_labels({"A", "a"}, {"a", "A"}), (Order{1, 0})) << "an exact match comes before one without case";
}

TEST(MatchLabels, NumbersAreClassNumbers) {
  EXPECT_EQ(match_labels({"LABEL_0", "LABEL_1"}, {"negative", "positive"}), (Order{0, 1}));
  EXPECT_EQ(match_labels({"negative", "positive"}, {"0", "1"}), (Order{0, 1}));
  EXPECT_EQ(match_labels({"negative", "positive"}, {"1", "0"}), (Order{1, 0}));
  EXPECT_EQ(match_labels({"LABEL_1", "LABEL_0"}, {"0", "1"}), (Order{1, 0}));
  EXPECT_EQ(match_labels({"1", "0"}, {"0", "1"}), (Order{1, 0})) << "equal names come before places";
}

TEST(MatchLabels, NumbersAreComparedByValue) {
  EXPECT_EQ(match_labels({"1.0", "0.0"}, {"0", "1"}), (Order{1, 0}));
  EXPECT_EQ(match_labels({"1", "2"}, {"2.0", "1.0"}), (Order{1, 0}));
  EXPECT_FALSE(match_labels({"1", "2"}, {"0", "1"})) << "the class 1 is not the task's 0";
  EXPECT_FALSE(match_labels({"1", "1.0"}, {"0", "1"}));
}

TEST(MatchLabels, WhatDoesNotMatch) {
  EXPECT_FALSE(match_labels({"a", "b"}, {"a", "c"}));
  EXPECT_FALSE(match_labels({"a", "b"}, {"a", "b", "c"}));
  EXPECT_FALSE(match_labels({"a", "a"}, {"a", "b"}));
  EXPECT_FALSE(match_labels({"A", "a", "x"}, {"a", "X", "b"}));
  EXPECT_FALSE(match_labels({"a", "b"}, {"1", "2"})) << "numbers that do not begin with 0";
  EXPECT_FALSE(match_labels({"LABEL_", "LABEL_1"}, {"x", "y"}));
}

TEST(MatchLabels, Identity) {
  EXPECT_TRUE(is_identity({0, 1, 2}));
  EXPECT_TRUE(is_identity({}));
  EXPECT_FALSE(is_identity({1, 0}));
}

}  // namespace
}  // namespace filigree::nn
