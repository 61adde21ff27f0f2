#include "core/data/dataset.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <functional>

#include "core/data/causal.h"
#include "core/data/collate.h"
#include "core/data/samples.h"
#include "core/error.h"

namespace filigree::data {
namespace {

/// Appends the samples; returns the indices of those that have a token.
std::vector<size_t> add_texts(const Samples& samples, const Tokenizer& tokenizer, const recipe::DataConfig& config,
                              const std::function<std::string(size_t)>& where, Dataset& out) {
  constexpr size_t kChunk = 16384;  // bounds the memory of the separate encodings
  std::vector<size_t> kept;
  for (size_t begin = 0; begin < samples.texts.size(); begin += kChunk) {
    std::vector<TextPair> texts;
    for (size_t i = begin; i < std::min(begin + kChunk, samples.texts.size()); ++i) {
      const auto& fields = samples.texts[i];
      texts.push_back({fields[0], fields.size() > 1 ? std::optional<std::string_view>(fields[1]) : std::nullopt});
    }
    const auto encodings = tokenizer.encode_batch(texts, config.max_length);
    for (size_t i = 0; i < encodings.size(); ++i) {
      if (encodings[i].ids.empty()) {
        out.leave_out(fmt::format("{}: {}", where(begin + i), kNoTokens), config.bad_rows == recipe::BadRows::skip);
        continue;
      }
      out.add(encodings[i]);
      kept.push_back(begin + i);
    }
  }
  return kept;
}

Masking masking_for(const recipe::DataConfig& config, const Tokenizer& tokenizer, int64_t seed) {
  const Masking masking{config.mask_probability, static_cast<uint64_t>(seed), tokenizer.special().mask,
                        tokenizer.vocab_size(), tokenizer.special_ids()};
  if (masking.mask_id < 0) throw DataError("the tokenizer has no [MASK] token, which model.task: masked_lm needs");
  return masking;
}

/// Whether any token has a loss. In training every token is masked in some epoch; an evaluation has one draw.
bool predicts(const Dataset& dataset) {
  const auto& special = dataset.masking.special_ids;
  if (!dataset.targets.empty()) return std::ranges::find(dataset.targets, 1) != dataset.targets.end();
  if (dataset.split == "train")
    return !std::ranges::all_of(dataset.ids, [&](int32_t id) { return std::ranges::binary_search(special, id); });
  for (int64_t i = 0; i < dataset.size(); ++i)
    if (collate(dataset, {i}).predicted.numel() > 0) return true;
  return false;
}

void check_predicted(const Dataset& dataset, const std::string& file) {
  if (!is_over_tokens(dataset.model_task) || predicts(dataset)) return;
  throw DataError(fmt::format("{}: the split '{}' has no token with a loss: {}", file, dataset.split,
                              dataset.model_task == Task::causal_lm
                                  ? "all texts are empty"
                                  : "no token that is not special was selected for masking; add more text"));
}

}  // namespace

void Dataset::leave_out(const std::string& fault, bool skip) {
  if (!skip) throw DataError(fault + " (set data.bad_rows: skip to skip such rows)");
  if (skipped++ == 0) first_skipped = fault;
}

void Dataset::check_labelled() const {
  if (labelled() || is_over_tokens(model_task)) return;
  throw DataError(
      fmt::format("{}: the split '{}' of {} has no labels, so nothing can be scored; `filigree predict` labels texts",
                  files.empty() ? task : files.front(), split, task));
}

void Dataset::add(const Encoding& encoding) {
  ids.insert(ids.end(), encoding.ids.begin(), encoding.ids.end());
  for (const int32_t type : encoding.type_ids) type_ids.push_back(static_cast<uint8_t>(type));
  offsets.push_back(static_cast<int64_t>(ids.size()));
}

std::vector<int64_t> Dataset::lengths() const {
  std::vector<int64_t> out(offsets.size() - 1);
  for (size_t i = 0; i < out.size(); ++i) out[i] = offsets[i + 1] - offsets[i];
  return out;
}

int64_t Dataset::first_target(int64_t sample) const {
  const auto begin = targets.begin() + offsets[static_cast<size_t>(sample)];
  return std::find(begin, begin + length(sample), 1) - begin;
}

int64_t Dataset::targets_end(int64_t sample) const {
  const auto begin = targets.begin() + offsets[static_cast<size_t>(sample)];
  return std::find(begin + first_target(sample), begin + length(sample), 0) - begin;
}

std::pair<std::vector<int32_t>, bool> Dataset::target_ranges() const {
  std::vector<int32_t> first;
  bool to_the_end = true;
  for (int64_t i = 0; i < size(); ++i) {
    first.push_back(static_cast<int32_t>(first_target(i)));
    to_the_end &= targets_end(i) == length(i);
  }
  return {first, to_the_end};
}

std::string Dataset::where(int64_t sample) const {
  const auto i = static_cast<size_t>(sample);
  return i < file.size() ? fmt::format("{}:{}", files.at(static_cast<size_t>(file[i])), lines.at(i))
                         : fmt::format("sample {}", sample);
}

std::string Dataset::where(std::vector<int64_t> samples) const {
  std::ranges::sort(samples);
  std::string text;
  for (size_t i = 0; i < samples.size(); ++i) {
    const auto here = static_cast<size_t>(samples[i]);
    const auto before = static_cast<size_t>(samples[i == 0 ? 0 : i - 1]);
    const bool same_file = i > 0 && here < file.size() && file[here] == file[before];
    text += (i == 0 ? "" : ", ") + (same_file ? std::to_string(lines.at(here)) : where(samples[i]));
  }
  return text;
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
  add(type_ids);
  add(classes);
  add(scores);
  if (!targets.empty()) {
    const auto [first, all_to_the_end] = target_ranges();
    add(first);
    if (!all_to_the_end) add(targets);
  }
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
  out.model_task = task.model_task;
  out.label_names = task.labels;
  out.metrics = task.metrics;
  if (task.model_task == Task::masked_lm) out.masking = masking_for(config, tokenizer, seed);

  Samples samples = read_samples(config, task, split, seed, out);
  const auto where = [&](size_t row) {
    return fmt::format("{}:{}", out.files.at(static_cast<size_t>(samples.file[row])), samples.lines[row]);
  };
  const std::vector<size_t> kept =
      task.model_task == Task::causal_lm
          ? add_causal(samples.texts, *task.format, tokenizer,
                       {config.max_length, config.pack, config.bad_rows == recipe::BadRows::skip}, where, out)
          : add_texts(samples, tokenizer, config, where, out);
  if (kept.empty())
    throw DataError(fmt::format("{}: the split '{}' has no usable sample{}", source->second.file, split,
                                out.skipped > 0 ? "; the first skipped row: " + out.first_skipped : ""));
  samples.texts.clear();
  samples.keep(kept);
  check_predicted(out, source->second.file);
  out.classes = std::move(samples.classes);
  out.scores = std::move(samples.scores);
  out.file = std::move(samples.file);
  out.lines = std::move(samples.lines);
  return out;
}

}  // namespace filigree::data
