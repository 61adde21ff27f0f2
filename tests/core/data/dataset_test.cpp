#include "core/data/dataset.h"

#include <set>

#include "core/data/formats/wordnet.h"
#include "support.h"

namespace filigree::data {
namespace {

using testing::error_of;
using testing::load_split;
using testing::TempDir;

class DatasetTest : public ::testing::Test {
 protected:
  Dataset load(const std::string& split = "train", Task model_task = Task::sequence_classification) {
    config_.dir = dir_.path();
    return load_split(config_, split, *tokenizer_, model_task, seed_);
  }
  std::string error(const std::string& split = "train", Task model_task = Task::sequence_classification) {
    return error_of([&] { load(split, model_task); });
  }
  TempDir dir_;
  recipe::DataConfig config_;
  std::unique_ptr<Tokenizer> tokenizer_ = testing::tiny_tokenizer();
  int64_t seed_ = 1;
};

TEST_F(DatasetTest, Sst2) {
  config_.task = "sst2";
  dir_.write("train.tsv", "sentence\tlabel\ngood film .\t1\nbad\t0\n");
  dir_.write("test.tsv", "index\tsentence\n0\tbad film\n");
  const Dataset data = load();
  EXPECT_EQ(data.size(), 2);
  EXPECT_EQ(data.ids, (std::vector<int32_t>{2, 17, 19, 20, 3, 2, 18, 3}));
  EXPECT_EQ(data.offsets, (std::vector<int64_t>{0, 5, 8}));
  EXPECT_EQ(data.type_ids, std::vector<uint8_t>(8, 0));
  EXPECT_EQ(data.classes, (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(data.label_names, (std::vector<std::string>{"negative", "positive"}));
  EXPECT_EQ(data.metrics, std::vector<Metric>{Metric::accuracy});
  EXPECT_EQ(data.where(1), dir_.path() + "/train.tsv:3");
  const Dataset test = load("test");
  EXPECT_FALSE(test.labelled());
  EXPECT_EQ(test.ids, (std::vector<int32_t>{2, 18, 19, 3}));
}

TEST_F(DatasetTest, LabelsInAnotherCaseAreThoseOfTheTask) {
  config_.task = "sst2";
  config_.labels = {"Negative", "positive"};
  dir_.write("train.tsv", "sentence\tlabel\ngood film .\tPOSITIVE\nbad\tnegative\n");
  EXPECT_EQ(load().classes, (std::vector<int64_t>{1, 0}));
  config_.labels = {"good", "Good"};  // one class each, so that the case counts
  dir_.write("train.tsv", "sentence\tlabel\ngood film .\tGood\nbad\tgood\n");
  EXPECT_EQ(load().classes, (std::vector<int64_t>{1, 0}));
  dir_.write("train.tsv", "sentence\tlabel\ngood film .\tGOOD\n");
  EXPECT_HAS(error(), "label 'GOOD' is not known; the labels are good, Good");
}

TEST_F(DatasetTest, ColaHasNoHeader) {
  config_.task = "cola";
  dir_.write("train.tsv", "gj04\t1\t\ta b\nx\t0\t*\tc\n");
  dir_.write("test.tsv", "index\tsentence\n0\td\n");
  const Dataset data = load();
  EXPECT_EQ(data.classes, (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(data.metrics, std::vector<Metric>{Metric::mcc});
  EXPECT_EQ(load("test").ids, (std::vector<int32_t>{2, 8, 3}));
}

TEST_F(DatasetTest, PairsHaveASecondSegment) {
  config_.task = "mrpc";
  dir_.write("train.tsv", "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\ta \"b\tc\n");
  const Dataset data = load();
  EXPECT_EQ(data.ids, (std::vector<int32_t>{2, 5, 22, 6, 3, 7, 3}));
  EXPECT_EQ(data.type_ids, (std::vector<uint8_t>{0, 0, 0, 0, 0, 1, 1}));
  EXPECT_EQ(data.metrics, (std::vector<Metric>{Metric::accuracy, Metric::f1}));
}

TEST_F(DatasetTest, LongPairsAreCutLongestFirst) {
  config_.task = "rte";
  config_.max_length = 8;
  dir_.write("train.tsv", "index\tsentence1\tsentence2\tlabel\n0\ta b c d e f g\th a\tentailment\n");
  const Dataset data = load();
  EXPECT_EQ(data.ids, (std::vector<int32_t>{2, 5, 6, 7, 3, 12, 5, 3}));
}

TEST_F(DatasetTest, QqpQnliWnliAndStsb) {
  config_.task = "qqp";
  dir_.write("train.tsv", "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\ta\tb\t1\n");
  EXPECT_EQ(load().classes, std::vector<int64_t>{1});
  config_.task = "qnli";
  dir_.write("train.tsv", "index\tquestion\tsentence\tlabel\n0\ta\tb\tnot_entailment\n");
  EXPECT_EQ(load().classes, std::vector<int64_t>{1});
  config_.task = "wnli";
  dir_.write("train.tsv", "index\tsentence1\tsentence2\tlabel\n0\ta\tb\t1\n");
  EXPECT_EQ(load().label_names[1], "entailment");
  config_.task = "stsb";
  dir_.write("train.tsv",
             "index\tgenre\tfile\tyear\told\ts1\ts2\tsentence1\tsentence2\tscore\n0\tg\tf\ty\to\tx\tx\ta\tb\t3.800\n");
  const Dataset data = load("train", Task::regression);
  EXPECT_EQ(data.scores, std::vector<float>{3.8f});
  EXPECT_EQ(data.metrics, (std::vector<Metric>{Metric::pearson, Metric::spearman}));
  EXPECT_HAS(error(), "2 data.task: stsb has scores; set model.task: regression");
}

TEST_F(DatasetTest, MnliHasTwoDevSplits) {
  config_.task = "mnli";
  const std::string head = "index\tp\tpair\tg\tb1\tb2\tp1\tp2\tsentence1\tsentence2\tl1\tgold_label\n";
  const std::string row = "0\t1\t1\tg\t.\t.\t.\t.\ta\tb\tneutral\t";
  dir_.write("train.tsv", head + row + "contradiction\n");
  dir_.write("dev_matched.tsv", head + row + "neutral\n");
  dir_.write("dev_mismatched.tsv", head + row + "entailment\n");
  const TaskSpec task = resolve_task(
      [&] {
        auto c = config_;
        c.dir = dir_.path();
        return c;
      }(),
      Task::sequence_classification, builtin_formats());
  EXPECT_EQ(splits_of(task, "dev"), (std::vector<std::string>{"dev_matched", "dev_mismatched"}));
  EXPECT_EQ(splits_of(task, "train"), std::vector<std::string>{"train"});
  EXPECT_EQ(load_dataset(config_, task, "train", *tokenizer_, 0).classes, std::vector<int64_t>{2});
  EXPECT_EQ(load_dataset(config_, task, "dev_mismatched", *tokenizer_, 0).classes, std::vector<int64_t>{0});
  EXPECT_HAS(error_of([&] { splits_of(task, "valid"); }),
             "2 split 'valid' is not known; the task mnli has dev_matched");
}

TEST_F(DatasetTest, LabelsByNameOrNumber) {
  config_.format = "csv";
  config_.text = {"t"};
  config_.label = "y";
  config_.labels = {"no", "yes"};
  dir_.write("train.csv", "t,y\na,yes\nb,0\nc, no\n");
  EXPECT_EQ(load().classes, (std::vector<int64_t>{1, 0, 0}));
  dir_.write("train.csv", "t,y\na,yes\nb,2\n");
  EXPECT_HAS(error(), "3 " + dir_.path() + "/train.csv:3: label 2 is out of range: the task has 2 classes (no, yes)");
  dir_.write("train.csv", "t,y\na,maybe\n");
  EXPECT_HAS(error(), "train.csv:2: label 'maybe' is not known; the labels are no, yes");
  config_.bad_rows = recipe::BadRows::skip;
  dir_.write("train.csv", "t,y\na,maybe\nb,yes\n\"c\"d,no\n");
  const Dataset data = load();
  EXPECT_EQ(data.classes, std::vector<int64_t>{1});
  EXPECT_EQ(data.skipped, 2);
  dir_.write("train.csv", "t,y\na,maybe\n");
  EXPECT_HAS(error(), "the split 'train' has no samples; skipped 1 bad row");
}

TEST_F(DatasetTest, NumericNamesAreNames) {
  config_.format = "tsv";
  config_.text = {"0"};
  config_.label = "1";
  config_.header = false;
  config_.labels = {"2", "1"};
  dir_.write("train.tsv", "a\t1\nb\t2\n");
  EXPECT_EQ(load().classes, (std::vector<int64_t>{1, 0}));
  dir_.write("train.tsv", "a\t0\n");
  EXPECT_HAS(error(), "label '0' is not known");
}

TEST_F(DatasetTest, LabelsAreCollectedFromTraining) {
  config_.format = "jsonl";
  config_.text = {"t"};
  config_.label = "y";
  dir_.write("train.jsonl", "{\"t\":\"a\",\"y\":10}\n{\"t\":\"b\",\"y\":9}\n");
  dir_.write("dev.jsonl", "{\"t\":\"a\",\"y\":9}\n{\"t\":\"a\",\"y\":11}\n");
  EXPECT_EQ(load().label_names, (std::vector<std::string>{"9", "10"}));
  EXPECT_HAS(error("dev"), "dev.jsonl:2: label '11' is not known; the labels are 9, 10");
}

TEST_F(DatasetTest, Regression) {
  config_.format = "tsv";
  config_.text = {"t"};
  config_.label = "y";
  dir_.write("train.tsv", "t\ty\na\t1e-3\nb\tnan\n");
  EXPECT_HAS(error("train", Task::regression), "train.tsv:3: label 'nan' is not a finite number");
  config_.task = "sst2";
  EXPECT_HAS(error("train", Task::regression), "2 model.task: regression does not fit data.task sst2");
}

TEST_F(DatasetTest, LabelsThatAreNumbersAreComparedAsNumbers) {
  config_.format = "jsonl";
  config_.text = {"t"};
  config_.label = "y";
  dir_.write("train.jsonl", R"({"t":"a","y":1}
{"t":"b","y":1.0}
{"t":"c","y":0}
{"t":"d","y":"+1"}
{"t":"e","y":-0.5}
)");
  const Dataset data = load();
  EXPECT_EQ(data.label_names, (std::vector<std::string>{"-0.5", "0", "1"}));
  EXPECT_EQ(data.classes, (std::vector<int64_t>{2, 2, 1, 2, 0}));
  dir_.write("train.jsonl", "{\"t\":\"a\",\"y\":\"1\"}\n{\"t\":\"b\",\"y\":\"1.0\"}\n{\"t\":\"c\",\"y\":\"x\"}\n");
  EXPECT_EQ(load().label_names.size(), 3u) << "a name among them: texts";
  config_.labels = {"-1", "1"};
  dir_.write("train.jsonl", "{\"t\":\"a\",\"y\":1.0}\n{\"t\":\"b\",\"y\":-1}\n");
  EXPECT_EQ(load().classes, (std::vector<int64_t>{1, 0}));
  dir_.write("train.jsonl", "{\"t\":\"a\",\"y\":0}\n");
  EXPECT_HAS(error(), "label '0' is not known; the labels are -1, 1");
}

TEST_F(DatasetTest, WhitespaceAroundALabelIsNoPartOfIt) {
  config_.format = "csv";
  config_.text = {"t"};
  config_.label = "y";
  std::string rows = "t,y\na,no\n";
  for (const char* space : {" ", "\t", "\u00a0", "\u2003", "\u202f", "\u3000", "\u200b", "\ufeff", "\u2028", "\x1f"})
    rows += std::string("b,") + space + "yes" + space + "\n";
  dir_.write("train.csv", rows);
  const Dataset data = load();
  EXPECT_EQ(data.label_names, (std::vector<std::string>{"no", "yes"}));
  EXPECT_EQ(std::count(data.classes.begin(), data.classes.end(), 1), 10);
  dir_.write("train.csv", "t,y\na,+1.5\nb,\u00a0-2\u00a0\nc,1e2\n");
  EXPECT_EQ(load("train", Task::regression).scores, (std::vector<float>{1.5f, -2.0f, 100.0f}));
  dir_.write("train.csv", "t,y\na,+-1\n");
  EXPECT_HAS(error("train", Task::regression), "label '+-1' is not a finite number");
}

TEST_F(DatasetTest, TestSplitsWithoutLabelsNamePredict) {
  config_.task = "mrpc";
  dir_.write("test.tsv", "index\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t1\t2\ta\tb\n");
  const Dataset data = load("test");
  EXPECT_HAS(error_of([&] { data.check_labelled(); }),
             "3 " + dir_.path() +
                 "/test.tsv: the split 'test' of mrpc has no labels, so nothing can be scored; "
                 "`filigree predict` labels texts");
  config_.task.clear();
  config_.format = "tsv";
  config_.text = {"sentence"};
  config_.label = "label";
  config_.labels = {"0", "1"};
  dir_.write("test.tsv", "sentence\tlabel\na\t-1\n");
  EXPECT_HAS(error("test"), "3 " + dir_.path() + "/test.tsv:2: label -1 marks a row without a label");
  EXPECT_HAS(error("test"), "`filigree predict` labels such texts");
  dir_.write("test.tsv", "index\tsentence\n0\ta\n");
  EXPECT_HAS(error("test"), "has no column 'label'; its columns are: index, sentence. Without labels nothing can be");
  load_split(
      [&] {
        auto c = config_;
        c.dir = dir_.path();
        c.train = "ok.tsv";
        dir_.write("ok.tsv", "sentence\tlabel\na\t1\n");
        return c;
      }(),
      "train", *tokenizer_, Task::sequence_classification, 0)
      .check_labelled();
}

/// A byte-level BPE tokenizer that adds no special tokens.
std::unique_ptr<Tokenizer> bare_tokenizer() {
  const TempDir dir;
  dir.write("tokenizer.json", R"({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "Ġ": 2, "<|endoftext|>": 3}, "merges": []}})");
  return load_tokenizer(dir.path());
}

TEST_F(DatasetTest, ASampleWithoutTokensIsABadRow) {
  tokenizer_ = bare_tokenizer();
  config_.format = "tsv";
  config_.text = {"t"};
  config_.label = "y";
  dir_.write("train.tsv", "t\ty\na\t1\n\t0\nb\t0\nxyz\t1\nab\t1\n");
  EXPECT_HAS(error(), "3 " + dir_.path() + "/train.tsv:3: has no tokens: the text is empty");
  config_.bad_rows = recipe::BadRows::skip;
  const Dataset data = load();
  EXPECT_EQ(data.ids, (std::vector<int32_t>{0, 1, 0, 1}));
  EXPECT_EQ(data.classes, (std::vector<int64_t>{1, 0, 1}));
  EXPECT_EQ(data.lines, (std::vector<int64_t>{2, 4, 6}));
  EXPECT_EQ(data.skipped, 2);
  EXPECT_HAS(data.first_skipped, "train.tsv:3: has no tokens");
  dir_.write("train.tsv", "t\ty\n\t1\n\t0\n");
  EXPECT_HAS(error(),
             "the split 'train' has no usable sample; the first skipped row: " + dir_.path() + "/train.tsv:2: has no");
  config_.text = {"t", "u"};
  config_.bad_rows = recipe::BadRows::error;
  dir_.write("train.tsv", "t\tu\ty\n\ta\t1\n\t\t0\n");
  EXPECT_HAS(error(), "train.tsv:3: has no tokens");
}

TEST_F(DatasetTest, ASplitWithoutAPredictedTokenIsRefused) {
  config_.format = "text";
  dir_.write("train.txt", "[SEP] [MASK]\n");
  EXPECT_HAS(error("train", Task::masked_lm),
             "3 " + dir_.path() + "/train.txt: the split 'train' has no token with a loss");
  dir_.write("dev.txt", "a\n");
  config_.mask_probability = 1e-9;
  EXPECT_HAS(error("dev", Task::masked_lm), "dev.txt: the split 'dev' has no token with a loss: no token that is not");
  dir_.write("train.txt", "a\n");
  EXPECT_EQ(load("train", Task::masked_lm).size(), 1) << "another epoch draws others";
  tokenizer_ = bare_tokenizer();
  dir_.write("dev.txt", "xyz\nz\n");
  EXPECT_HAS(error("dev", Task::causal_lm), "dev.txt:1: the text is empty, so there is nothing to learn");
}

TEST_F(DatasetTest, WrongRecipes) {
  config_.format = "tsv";
  EXPECT_HAS(error(), "2 data.text: is missing");
  config_.text = {"a"};
  EXPECT_HAS(error(), "2 data.label: is missing");
  config_.format = "text";
  EXPECT_HAS(error(), "data.format: is text, texts without labels; use it with masked_lm or causal_lm, not");
  config_.format = "tsv";
  config_.task = "sst3";
  EXPECT_HAS(error(), "2 data.task: unknown task 'sst3': use one of sst2, cola");
  config_.task = "sst2";
  config_.text.clear();
  config_.metric = Metric::pearson;
  EXPECT_HAS(error(), "2 data.metric: pearson is not for classes");
  config_.metric = Metric::f1;
  config_.labels = {"a", "b", "c"};
  EXPECT_HAS(error(), "2 data.metric: is f1, which is for two classes, but data.labels names 3; use macro_f1");
  config_.labels.clear();
  config_.metric.reset();
  EXPECT_HAS(error(), "3 " + dir_.path() + "/train.tsv: there is no such file");
  dir_.write("train.tsv", "sentence\tlabel\n");
  EXPECT_HAS(error(), "3 " + dir_.path() + "/train.tsv: the split 'train' has no samples");
  dir_.write("train.tsv", "sentence\tlabel\na\t1\n");
  config_.max_length = 1;
  EXPECT_HAS(error(), "2 max_length 1 is less than the 2 special tokens");
}

/// The number of classes is known only when the training file was read.
TEST_F(DatasetTest, AMetricMustFitTheClassesOfTheFile) {
  config_.format = "tsv";
  config_.text = {"sentence"};
  config_.label = "label";
  config_.metric = Metric::f1;
  dir_.write("train.tsv", "sentence\tlabel\na\tx\nb\ty\nc\tz\n");
  EXPECT_HAS(error(), "2 data.metric: f1 is for two classes, but " + dir_.path() + "/train.tsv has 3; use macro_f1");
  dir_.write("train.tsv", "sentence\tlabel\na\tx\nb\ty\nc\ty\n");
  EXPECT_EQ(load("train").metrics.front(), Metric::f1);
}

TEST_F(DatasetTest, LimitTakesASeededSubsetOfTrainingAlone) {
  config_.format = "tsv";
  config_.text = {"0"};
  config_.label = "1";
  config_.header = false;
  config_.labels = {"0", "1"};
  std::string rows;
  for (int i = 0; i < 100; ++i) rows += "a\t" + std::to_string(i % 2) + "\n";
  dir_.write("train.tsv", rows);
  dir_.write("dev.tsv", rows);
  const uint64_t whole = load().hash();
  config_.max_train_samples = 10;
  const Dataset first = load();
  EXPECT_EQ(first.size(), 10);
  EXPECT_EQ(load("dev").size(), 100);
  EXPECT_TRUE(std::is_sorted(first.lines.begin(), first.lines.end()));
  EXPECT_EQ(load().lines, first.lines);
  config_.max_train_samples = 20;
  const Dataset more = load();
  const std::set<int64_t> lines(more.lines.begin(), more.lines.end());
  for (const int64_t line : first.lines)
    EXPECT_TRUE(lines.contains(line)) << "a greater limit keeps the samples of a smaller one";
  seed_ = 2;
  config_.max_train_samples = 10;
  EXPECT_NE(load().lines, first.lines);
  EXPECT_NE(load().hash(), whole);
}

TEST_F(DatasetTest, HashSeesIdsAndLabels) {
  config_.task = "sst2";
  dir_.write("train.tsv", "sentence\tlabel\na b\t1\nc\t0\n");
  const uint64_t base = load().hash();
  EXPECT_EQ(load().hash(), base);
  dir_.write("train.tsv", "sentence\tlabel\na b\t1\nc\t1\n");
  EXPECT_NE(load().hash(), base);
  dir_.write("train.tsv", "sentence\tlabel\na\t1\nb c\t0\n");
  EXPECT_NE(load().hash(), base);
}

TEST_F(DatasetTest, MaskedLmFromTextLinesAndFromColumns) {
  config_.format = "text";
  dir_.write("train.txt", "a b\n\nc\n");
  const Dataset lines = load("train", Task::masked_lm);
  EXPECT_EQ(lines.size(), 2);
  EXPECT_FALSE(lines.labelled());
  EXPECT_TRUE(lines.metrics.empty());
  EXPECT_EQ(lines.masking.mask_id, 4);
  EXPECT_EQ(lines.masking.vocab_size, 23);
  EXPECT_EQ(lines.masking.special_ids, (std::vector<int32_t>{0, 1, 2, 3, 4}));
  config_.format = "tsv";
  config_.task = "sst2";
  dir_.write("train.tsv", "sentence\tlabel\na b\t7\n");
  EXPECT_EQ(load("train", Task::masked_lm).ids, (std::vector<int32_t>{2, 5, 6, 3}));
}

TEST(SharedData, PresetsReadEveryRow) {
  const char* set = std::getenv("FILIGREE_SHARED_DATA");
  const std::string root = set != nullptr ? set : FILIGREE_SOURCE_DIR "/../shared/data";
  if (!std::filesystem::exists(root + "/SST-2"))
    GTEST_SKIP() << "no shared data at " << root << " (FILIGREE_SHARED_DATA)";
  const auto tokenizer = testing::tiny_tokenizer();
  const std::tuple<const char*, const char*, int64_t, int64_t> tasks[] = {
      {"sst2", "/SST-2", 6920, 872}, {"cola", "/CoLA", 8551, 527}, {"mrpc", "/MRPC", 3668, 408}};
  for (const auto& [task, folder, train, dev] : tasks) {
    recipe::DataConfig config;
    config.task = task;
    config.dir = root + folder;
    EXPECT_EQ(load_split(config, "train", *tokenizer, Task::sequence_classification, 0).size(), train) << task;
    const Dataset data = load_split(config, "dev", *tokenizer, Task::sequence_classification, 0);
    EXPECT_EQ(data.size(), dev) << task;
    EXPECT_EQ(std::set<int64_t>(data.classes.begin(), data.classes.end()), (std::set<int64_t>{0, 1})) << task;
  }
}

// ---- WordNet

constexpr const char* kLicence = "  1 This software and database\n";

class WordNetTest : public DatasetTest {
 protected:
  void SetUp() override {
    config_.format = "wordnet";
    for (const std::string& name : wordnet::files())
      dir_.write(name, kLicence + line("00001740", "03") + line("00001930", "44"));
  }
  static std::string line(const std::string& offset, const std::string& supersense) {
    return offset + " " + supersense + " n 01 entity 0 000 | a b; \"c | d\"  \n";
  }
};

TEST_F(WordNetTest, ReadsGlossesAndLexicographerFiles) {
  int64_t count = 0;
  for (const char* split : {"train", "dev", "test"})
    for (const auto& synset : wordnet::read(dir_.path(), split)) {
      ++count;
      EXPECT_EQ(synset.gloss, "a b; \"c | d\"");
      EXPECT_EQ(synset.supersense, synset.line == 2 ? 3 : 44);
    }
  EXPECT_EQ(count, 8);
  EXPECT_EQ(wordnet::supersenses().size(), 45u);
  EXPECT_EQ(wordnet::supersenses()[5], "noun.animal");
  EXPECT_EQ(wordnet::supersenses()[44], "adj.ppl");
}

TEST_F(WordNetTest, Faults) {
  dir_.write("data.verb", std::string(kLicence) + "00001740 03 n 01 entity\n");
  EXPECT_HAS(error(), "3 " + dir_.path() + "/data.verb:2: is not a synset of WordNet 3.0");
  dir_.write("data.verb", kLicence + line("00001740", "45"));
  EXPECT_HAS(error(), "data.verb:2: lexicographer file 45 is not one of the 45");
  dir_.write("data.verb", kLicence);
  EXPECT_HAS(error(), "data.verb: has no synsets");
  std::filesystem::remove(dir_.path() + "/data.verb");
  EXPECT_HAS(error(), "data.verb: there is no such file");
  config_.dir = dir_.path() + "/missing";
  EXPECT_HAS(error_of([&] { load_split(config_, "dev", *tokenizer_, Task::sequence_classification, 0); }),
             "wordnet-base");
}

TEST(WordNet, SplitsOfTheRealFilesAreFixed) {
  if (!std::filesystem::exists(std::string(wordnet::kDefaultDir) + "/data.noun"))
    GTEST_SKIP() << "wordnet-base is not installed";
  const auto tokenizer = testing::tiny_tokenizer();
  recipe::DataConfig config;
  config.format = "wordnet";
  std::map<std::string, int64_t> sizes;
  std::set<int64_t> classes;
  for (const char* split : {"train", "dev", "test"}) {
    const Dataset data = load_split(config, split, *tokenizer, Task::sequence_classification, 0);
    sizes[split] = data.size();
    if (std::string(split) == "train") classes.insert(data.classes.begin(), data.classes.end());
  }
  EXPECT_EQ(sizes["train"] + sizes["dev"] + sizes["test"], 117659) << "synsets of WordNet 3.0";
  EXPECT_EQ(classes.size(), 45u);
  EXPECT_NEAR(static_cast<double>(sizes["train"]) / 117659, 0.90, 0.005);
  EXPECT_NEAR(static_cast<double>(sizes["dev"]) / 117659, 0.05, 0.005);
}

}  // namespace
}  // namespace filigree::data
