#pragma once
// One tokenized split of a task. Every rank holds all of it; sample numbers 0..size()-1 are the same on every
// rank.
//
//   ids      [tokens]  the samples, concatenated, with special tokens
//   offsets  [size+1]  sample i is ids[offsets[i]] .. ids[offsets[i+1]]
//   type_ids [tokens]  the type (segment) of each token, from the tokenizer's template
//   classes | scores [size]; both empty if the split has no labels (a test split, language modeling)
//   targets  [tokens]  causal LM: whether a token is predicted (causal.h)
#include <cstdint>
#include <string>
#include <vector>

#include "core/data/task.h"
#include "core/recipe/recipe.h"
#include "core/tokenizer/tokenizer.h"

namespace filigree::data {

/// The parameters of masked language modeling for drawing masks (collate.h).
struct Masking {
  double probability = 0.15;
  uint64_t seed = 0;
  int32_t mask_id = -1;
  int64_t vocab_size = 0;
  std::vector<int32_t> special_ids;  ///< sorted; never masked
};

/// The error for a sample that no model can read.
inline constexpr const char* kNoTokens = "has no tokens: the text is empty, and the tokenizer adds no special tokens";

struct Dataset {
  std::string task, split;
  Task model_task = Task::sequence_classification;
  std::vector<int32_t> ids;
  std::vector<int64_t> offsets{0};
  std::vector<uint8_t> type_ids;
  std::vector<int64_t> classes;
  std::vector<float> scores;
  std::vector<uint8_t> targets;
  std::vector<std::string> label_names;  ///< by class number
  std::vector<Metric> metrics;           ///< the first one is the main metric
  Masking masking;

  std::vector<std::string> files;  ///< sample i is in files[file[i]], line lines[i]
  std::vector<int32_t> file;
  std::vector<int64_t> lines;
  int64_t skipped = 0;        ///< rows skipped by bad_rows: skip
  std::string first_skipped;  ///< error of the first skipped row

  /// Counts a bad row or, without `skip`, throws DataError.
  void leave_out(const std::string& fault, bool skip);
  /// Throws DataError if the task has labels and this split has none.
  void check_labelled() const;
  /// Appends the tokens of one sample.
  void add(const Encoding& encoding);
  int64_t size() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t tokens() const { return offsets.back(); }
  int64_t length(int64_t sample) const {
    return offsets[static_cast<size_t>(sample) + 1] - offsets[static_cast<size_t>(sample)];
  }
  std::vector<int64_t> lengths() const;
  /// Causal LM: the first token of a sample that is predicted, and the first one after it that is not; the sample's
  /// length if there is none.
  int64_t first_target(int64_t sample) const;
  int64_t targets_end(int64_t sample) const;
  bool labelled() const { return !classes.empty() || !scores.empty(); }
  /// "file:line", for messages; "sample 3", counted from 0, if the file is not known.
  std::string where(int64_t sample) const;
  /// The places of several, in the order of the data, each file once: "train.tsv:3, 17, more.tsv:5".
  std::string where(std::vector<int64_t> samples) const;
  /// XXH3 of ids, lengths, types, labels and loss_from: identifies the data in a checkpoint.
  uint64_t hash() const;

 private:
  /// The first targets, and whether in every sample all tokens from there to its end are targets.
  std::pair<std::vector<int32_t>, bool> target_ranges() const;
};

/// Reads and tokenizes one split. `split` is a key of task.splits ("train", "dev_matched", ...); resolve
/// names such as MNLI's "dev" with splits_of(). data.max_train_samples applies only to "train": it keeps the first
/// samples of a shuffle drawn from `seed`, in file order. Throws DataError on bad rows, no rows or a
/// tokenizer that lacks a required token; UsageError if the split, a column or max_length does not fit.
Dataset load_dataset(const recipe::DataConfig& config, const TaskSpec& task, const std::string& split,
                     const Tokenizer& tokenizer, int64_t seed);

}  // namespace filigree::data
