#include "core/data/samples.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/counted.h"
#include "core/data/label.h"
#include "core/error.h"
#include "core/random.h"

namespace filigree::data {
namespace {

template <class T>
void select(const std::vector<size_t>& kept, std::vector<T>& values) {
  if (values.empty()) return;
  std::vector<T> out;
  out.reserve(kept.size());
  for (const size_t i : kept) out.push_back(std::move(values[i]));
  values.swap(out);
}

/// Keeps the first `limit` samples of a seeded shuffle, in file order.
void apply_limit(int64_t limit, int64_t seed, Samples& samples) {
  const auto size = static_cast<int64_t>(samples.texts.size());
  if (limit <= 0 || limit >= size) return;
  const std::vector<int64_t> order =
      random::permutation(random::stream(static_cast<uint64_t>(seed), "data.limit"), size);
  std::vector<size_t> kept(order.begin(), order.begin() + limit);
  std::sort(kept.begin(), kept.end());
  samples.keep(kept);
}

/// Reads a label into `samples`. Returns what is wrong with it, or an empty string.
std::string read_label(const std::string& text, Task model_task, const LabelReader& reader, Samples& samples) {
  std::string fault;
  if (model_task == Task::regression) {
    if (const auto score = read_score(text, fault)) samples.scores.push_back(*score);
  } else {
    if (const auto number = reader.read(text, fault)) samples.classes.push_back(*number);
  }
  return fault;
}

Samples read_rows(const recipe::DataConfig& config, const TaskSpec& task, const std::string& split, Dataset& out) {
  const SplitSource& source = task.splits.at(split);
  TableOptions options{source.header, source.text, config.bad_rows == recipe::BadRows::skip};
  options.split = split;
  const bool labelled = !source.label.empty() && !is_over_tokens(task.model_task);
  if (labelled) options.columns.push_back(source.label);
  if (labelled && split != "train") options.label = source.label;
  Table table = task.format->read(source.file, options);
  out.files = std::move(table.files);
  out.skipped = table.skipped;
  out.first_skipped = table.first_bad;

  Samples samples;
  const LabelReader reader(task.labels);
  for (Row& row : table.rows) {
    if (labelled) {
      const std::string fault = read_label(row.fields.back(), task.model_task, reader, samples);
      row.fields.pop_back();
      if (!fault.empty()) {
        out.leave_out(fmt::format("{}:{}: {}", out.files[static_cast<size_t>(row.file)], row.line, fault),
                      options.skip_bad_rows);
        continue;
      }
    }
    samples.texts.push_back(std::move(row.fields));
    samples.file.push_back(row.file);
    samples.lines.push_back(row.line);
  }
  return samples;
}

}  // namespace

void Samples::keep(const std::vector<size_t>& kept) {
  select(kept, texts);
  select(kept, classes);
  select(kept, scores);
  select(kept, file);
  select(kept, lines);
}

Samples read_samples(const recipe::DataConfig& config, const TaskSpec& task, const std::string& split, int64_t seed,
                     Dataset& out) {
  Samples samples = read_rows(config, task, split, out);
  if (samples.texts.empty())
    throw DataError(fmt::format(
        "{}: the split '{}' has no samples{}", task.splits.at(split).file, split,
        out.skipped > 0 ? fmt::format("; skipped {}, the first: {}", counted(out.skipped, "bad row"), out.first_skipped)
                        : ""));
  if (split == "train") apply_limit(config.max_train_samples, seed, samples);
  return samples;
}

}  // namespace filigree::data
