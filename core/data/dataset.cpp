#include "core/data/dataset.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "core/data/causal.h"
#include "core/data/label.h"
#include "core/data/wordnet.h"
#include "core/error.h"
#include "core/random.h"

namespace filigree::data {
namespace {

/// A split as read: texts, labels and where each stands.
struct Samples {
  std::vector<std::vector<std::string>> texts;
  std::vector<int64_t> classes;
  std::vector<float> scores;
  std::vector<int32_t> file;
  std::vector<int64_t> lines;
};

template <class T>
void select(const std::vector<int64_t>& kept, std::vector<T>& values) {
  if (values.empty()) return;
  std::vector<T> out;
  out.reserve(kept.size());
  for (const int64_t i : kept) out.push_back(std::move(values[static_cast<size_t>(i)]));
  values.swap(out);
}

/// The first `limit` of a seeded order, back in the order of the file.
void apply_limit(int64_t limit, int64_t seed, Samples& samples) {
  const auto size = static_cast<int64_t>(samples.texts.size());
  if (limit <= 0 || limit >= size) return;
  std::vector<int64_t> kept = random::permutation(random::stream(static_cast<uint64_t>(seed), "data.limit"), size);
  kept.resize(static_cast<size_t>(limit));
  std::sort(kept.begin(), kept.end());
  select(kept, samples.texts);
  select(kept, samples.classes);
  select(kept, samples.scores);
  select(kept, samples.file);
  select(kept, samples.lines);
}

Samples read_wordnet(const TaskSpec& task, const std::string& split, Dataset& out) {
  const std::string& dir = task.splits.at(split).file;
  for (const std::string& name : wordnet::files()) out.files.push_back((std::filesystem::path(dir) / name).string());
  Samples samples;
  for (wordnet::Synset& synset : wordnet::read(dir, split)) {
    std::vector<std::string> texts;
    for (const std::string& column : task.splits.at(split).text)
      texts.push_back(std::move(column == "word" ? synset.word : synset.gloss));
    samples.texts.push_back(std::move(texts));
    if (task.objective == Objective::classification) samples.classes.push_back(synset.supersense);
    samples.file.push_back(synset.file);
    samples.lines.push_back(synset.line);
  }
  return samples;
}

/// Reads a label into `samples`; an empty string, or what is wrong with it.
std::string read_label(const std::string& text, Objective objective, const LabelReader& reader, Samples& samples) {
  std::string fault;
  if (objective == Objective::regression) {
    if (const auto score = read_score(text, fault)) samples.scores.push_back(*score);
  } else {
    if (const auto number = reader.read(text, fault)) samples.classes.push_back(*number);
  }
  return fault;
}

Samples read_rows(const recipe::DataConfig& config, const TaskSpec& task, const SplitSource& source, Dataset& out) {
  TableOptions options{table_format(task.format), source.header, source.text, config.bad_rows == "skip"};
  const bool labelled = !source.label.empty() && !is_over_tokens(task.objective);
  if (labelled) options.columns.push_back(source.label);
  Table table = read_table(source.file, options);
  out.files = {source.file};
  out.skipped = table.skipped;
  out.first_skipped = table.first_bad;

  Samples samples;
  const LabelReader reader(task.labels);
  for (Row& row : table.rows) {
    if (labelled) {
      const std::string fault = read_label(row.fields.back(), task.objective, reader, samples);
      row.fields.pop_back();
      if (!fault.empty()) {
        const std::string message = fmt::format("{}:{}: {}", source.file, row.line, fault);
        if (!options.skip_bad_rows) throw DataError(message);
        if (out.skipped++ == 0) out.first_skipped = message;
        continue;
      }
    }
    samples.texts.push_back(std::move(row.fields));
    samples.file.push_back(0);
    samples.lines.push_back(row.line);
  }
  return samples;
}

void tokenize_all(const Samples& samples, const Tokenizer& tokenizer, int64_t max_length, Dataset& out) {
  constexpr size_t kChunk = 16384;  // bounds the memory of the loose encodings
  for (size_t begin = 0; begin < samples.texts.size(); begin += kChunk) {
    std::vector<TextPair> texts;
    for (size_t i = begin; i < std::min(begin + kChunk, samples.texts.size()); ++i) {
      const auto& fields = samples.texts[i];
      texts.push_back({fields[0], fields.size() > 1 ? std::optional<std::string_view>(fields[1]) : std::nullopt});
    }
    for (const Encoding& encoding : tokenizer.encode_batch(texts, max_length)) out.add(encoding);
  }
}

Masking masking_for(const recipe::DataConfig& config, const Tokenizer& tokenizer, int64_t seed) {
  const Masking masking{config.mask_probability, static_cast<uint64_t>(seed), tokenizer.special().mask,
                        tokenizer.vocab_size(), tokenizer.special_ids()};
  if (masking.mask_id < 0) throw DataError("the tokenizer has no [MASK] token, which model.task: masked_lm needs");
  return masking;
}

}  // namespace

void Dataset::add(const Encoding& encoding) {
  const auto& types = encoding.type_ids;
  const auto second = std::find(types.begin(), types.end(), 1);
  FG_CHECK(std::all_of(second, types.end(), [](int32_t type) { return type == 1; }), "segments go back from 1 to 0");
  ids.insert(ids.end(), encoding.ids.begin(), encoding.ids.end());
  offsets.push_back(static_cast<int64_t>(ids.size()));
  segment.push_back(static_cast<int32_t>(second - types.begin()));
}

std::vector<int64_t> Dataset::lengths() const {
  std::vector<int64_t> out(offsets.size() - 1);
  for (size_t i = 0; i < out.size(); ++i) out[i] = offsets[i + 1] - offsets[i];
  return out;
}

std::string Dataset::where(int64_t sample) const {
  const auto i = static_cast<size_t>(sample);
  return fmt::format("{}:{}", files.at(static_cast<size_t>(file.at(i))), lines.at(i));
}

uint64_t Dataset::hash() const {
  XXH3_state_t* state = XXH3_createState();
  FG_CHECK(state != nullptr, "out of memory");
  XXH3_64bits_reset(state);
  auto add = [&](const auto& values) {
    const uint64_t count = values.size();
    XXH3_64bits_update(state, &count, sizeof count);
    if (count > 0) XXH3_64bits_update(state, values.data(), count * sizeof values[0]);
  };
  add(ids);
  add(offsets);
  add(segment);
  add(classes);
  add(scores);
  if (!loss_from.empty()) add(loss_from);
  for (const std::string& name : label_names) add(name);
  const uint64_t digest = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return digest;
}

Dataset load_dataset(const recipe::DataConfig& config, const TaskSpec& task, const std::string& split,
                     const Tokenizer& tokenizer, int64_t seed) {
  const auto source = task.splits.find(split);
  if (source == task.splits.end()) throw UsageError(fmt::format("task {} has no split '{}'", task.name, split));
  Dataset out;
  out.task = task.name;
  out.split = split;
  out.objective = task.objective;
  out.label_names = task.labels;
  out.metrics = task.metrics;
  if (task.objective == Objective::masked_lm) out.masking = masking_for(config, tokenizer, seed);

  Samples samples =
      task.format == "wordnet" ? read_wordnet(task, split, out) : read_rows(config, task, source->second, out);
  if (samples.texts.empty())
    throw DataError(fmt::format(
        "{}: the split '{}' has no samples{}", source->second.file, split,
        out.skipped > 0 ? fmt::format("; {} bad rows were left out, first {}", out.skipped, out.first_skipped) : ""));
  if (split == "train") apply_limit(config.limit, seed, samples);
  if (task.objective == Objective::causal_lm) {
    const auto where = [&](size_t row) {
      return fmt::format("{}:{}", out.files.at(static_cast<size_t>(samples.file[row])), samples.lines[row]);
    };
    const auto rows =
        add_causal(samples.texts, tokenizer, {config.max_length, config.pack, config.bad_rows == "skip"}, where, out);
    if (rows.empty())
      throw DataError(fmt::format("{}: the split '{}' leaves no sample{}", source->second.file, split,
                                  out.skipped > 0 ? "; the first row left out: " + out.first_skipped : ""));
    const std::vector<int64_t> kept(rows.begin(), rows.end());
    select(kept, samples.file);
    select(kept, samples.lines);
  } else {
    tokenize_all(samples, tokenizer, config.max_length, out);
  }
  out.classes = std::move(samples.classes);
  out.scores = std::move(samples.scores);
  out.file = std::move(samples.file);
  out.lines = std::move(samples.lines);
  return out;
}

Dataset load_dataset(const recipe::DataConfig& config, const std::string& split, const Tokenizer& tokenizer,
                     Objective objective, int64_t seed) {
  const TaskSpec task = resolve_task(config, objective);
  return load_dataset(config, task, splits_of(task, split).front(), tokenizer, seed);
}

}  // namespace filigree::data
