// labels: unit
// Which recipe key a fault of a file's columns belongs to.
#include "core/data/read_table.h"

#include "core/data/dataset.h"
#include "support.h"

namespace filigree::data {
namespace {

using testing::error_of;
using testing::load_split;
using testing::TempDir;

class ReadTableTest : public ::testing::Test {
 protected:
  std::string error(const std::string& split = "train", Task model_task = Task::sequence_classification) {
    config_.dir = dir_.path();
    return error_of([&] { load_split(config_, split, *tokenizer_, model_task, 1); });
  }
  TempDir dir_;
  recipe::DataConfig config_;
  std::unique_ptr<Tokenizer> tokenizer_ = testing::tiny_tokenizer();
};

TEST_F(ReadTableTest, AWrongColumnNamesItsKey) {
  config_.format = "csv";
  config_.text = {"text"};
  config_.label = "class";
  dir_.write("train.csv", "text,label\ngood,1\nbad,0\n");
  EXPECT_HAS(error(),
             "2 data.label: " + dir_.path() + "/train.csv:1: has no column 'class'; its columns are: text, label");
  config_.labels = {"0", "1"};
  EXPECT_HAS(error(), "2 data.label: ");
  config_.text = {"label", "sentence"};
  EXPECT_HAS(error(), "2 data.text: " + dir_.path() + "/train.csv:1: has no column 'sentence'");
  config_ = {};
  config_.task = "sst2";
  dir_.write("train.tsv", "sentence\ngood\nbad\n");
  EXPECT_HAS(error(), "2 data.task: " + dir_.path() + "/train.tsv:2: has 1 column; column 1 is missing");
}

TEST_F(ReadTableTest, AWrongLabelColumnIsNotABadRow) {
  config_.format = "csv";
  config_.text = {"label"};
  config_.label = "text";
  config_.labels = {"no", "yes"};
  dir_.write("train.csv", "text,label\ngood,yes\nbad,no\nno,no\n");
  EXPECT_HAS(error(),
             "2 data.label: " + dir_.path() +
                 "/train.csv:2: label 'good' is not known; the labels are no, yes; "
                 "most rows of the split 'train' have no known label in column 'text': name the label column in "
                 "data.label, or correct data.labels");
  config_.labels = {};
  EXPECT_HAS(error("train", Task::regression), "2 data.label: " + dir_.path() + "/train.csv:2: label 'good' is not a");
  dir_.write("dev.csv", "text,label\nnew,yes\nother,no\n");
  const std::string dev = error("dev");
  EXPECT_HAS(dev, "3 " + dir_.path() + "/dev.csv:2: label 'new' is not known");
  EXPECT_EQ(dev.find("skip"), std::string::npos) << dev;
  dir_.write("dev.csv", "text,label\ngood,yes\nother,no\n");
  EXPECT_HAS(error("dev"), "(set data.bad_rows: skip to skip such rows)");
}

}  // namespace
}  // namespace filigree::data
