#include "core/data/samples.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/counted.h"
#include "core/data/label.h"
#include "core/data/read_table.h"
#include "core/error.h"
#include "core/random.h"
#include "core/recipe/key_error.h"
#include "core/text/text_file.h"

namespace filigree::data {
namespace {

constexpr const char* kNoLabel = "-1";  // in GLUE's test files

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

/// Whether most labels can be read, of `good` rows with such a label, one without, and the rows from `next` on.
bool most_are_good(size_t good, const std::vector<Row>& rows, size_t next, Task model_task, const LabelReader& reader) {
  size_t bad = 1;
  for (; next < rows.size(); ++next) {
    Samples ignored;
    ++(read_label(rows[next].fields.back(), model_task, reader, ignored).empty() ? good : bad);
  }
  return good >= bad;
}

/// The error for a label column of which most values are no labels: the column is wrong, not the row.
[[noreturn]] void refuse_labels(const recipe::DataConfig& config, const SplitSource& source, const std::string& split,
                                const std::string& label, const std::string& fault) {
  if (label == kNoLabel) throw DataError(fault);
  const std::string message = fmt::format(
      "{}; most rows of the split '{}' have no known label in column '{}': name the label column in "
      "data.label{}",
      fault, split, source.label, config.labels.empty() ? "" : ", or correct data.labels");
  if (split == "train") throw recipe::KeyError(key_of_label(config), message);
  throw DataError(message);
}

Samples read_rows(const recipe::DataConfig& config, const TaskSpec& task, const std::string& split, Dataset& out) {
  const SplitSource& source = task.splits.at(split);
  TableOptions options{source.header, source.text, config.bad_rows == recipe::BadRows::skip};
  options.split = split;
  const bool labelled = !source.label.empty() && !is_over_tokens(task.model_task);
  if (labelled) options.columns.push_back(source.label);
  if (labelled && split != "train") options.label = source.label;
  Table table = read_table(config, *task.format, source.file, options);
  out.files = std::move(table.files);
  out.skipped = table.skipped;
  out.first_skipped = table.first_bad;

  Samples samples;
  const LabelReader reader(task.labels);
  for (size_t i = 0; i < table.rows.size(); ++i) {
    Row& row = table.rows[i];
    if (labelled) {
      const std::string label(trimmed(row.fields.back()));
      row.fields.pop_back();
      std::string fault = read_label(label, task.model_task, reader, samples);
      if (!fault.empty()) {
        fault = fmt::format("{}:{}: {}", out.files[static_cast<size_t>(row.file)], row.line, fault);
        if (!options.skip_bad_rows && !most_are_good(samples.texts.size(), table.rows, i + 1, task.model_task, reader))
          refuse_labels(config, source, split, label, fault);
        out.leave_out(fault, options.skip_bad_rows);
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
