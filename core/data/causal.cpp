#include "core/data/causal.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace filigree::data {
namespace {

/// The tokens of one row and the index of the first one with a loss.
struct Sample {
  std::vector<int32_t> ids;
  int64_t loss_from = 1;
};

Sample encode_row(const std::vector<std::string>& row, const Tokenizer& tokenizer, int32_t end) {
  Sample sample;
  tokenizer.tokenize(row[0], sample.ids);
  sample.ids.push_back(end);
  if (row.size() == 1) return sample;
  sample.loss_from = static_cast<int64_t>(sample.ids.size());
  tokenizer.tokenize(" " + row[1], sample.ids);
  sample.ids.push_back(end);
  return sample;
}

std::vector<Sample> encode_rows(const std::vector<std::vector<std::string>>& rows, const Tokenizer& tokenizer,
                                int32_t end) {
  std::vector<Sample> samples(rows.size());
  constexpr int64_t kGrain = 64;
  at::parallel_for(0, static_cast<int64_t>(rows.size()), kGrain, [&](int64_t begin, int64_t stop) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(stop); ++i)
      samples[i] = encode_row(rows[i], tokenizer, end);
  });
  return samples;
}

void append(const std::vector<int32_t>& ids, int64_t loss_from, Dataset& out) {
  out.add({ids, std::vector<int32_t>(ids.size(), 0)});
  out.loss_from.push_back(static_cast<int32_t>(loss_from));
}

std::vector<size_t> add_packed(const std::vector<Sample>& samples, int64_t length, Dataset& out) {
  std::vector<size_t> first_rows;
  std::vector<int32_t> block;
  size_t first_row = 0;
  for (size_t row = 0; row < samples.size(); ++row) {
    for (const int32_t id : samples[row].ids) {
      if (block.empty()) first_row = row;
      block.push_back(id);
      if (static_cast<int64_t>(block.size()) < length) continue;
      append(block, 1, out);
      first_rows.push_back(first_row);
      block.clear();
    }
  }
  if (block.size() < 2) return first_rows;  // one token has no loss; a longer rest becomes a shorter block
  append(block, 1, out);
  first_rows.push_back(first_row);
  return first_rows;
}

int32_t end_of_text(const Tokenizer& tokenizer) {
  const int32_t end = tokenizer.special().eos;
  if (end < 0) throw DataError("the tokenizer has no end-of-text token (eos_token), which model.task: causal_lm needs");
  return end;
}

}  // namespace

std::vector<size_t> add_causal(const std::vector<std::vector<std::string>>& rows, const Tokenizer& tokenizer,
                               const CausalOptions& options, const std::function<std::string(size_t)>& where,
                               Dataset& out) {
  std::vector<Sample> samples = encode_rows(rows, tokenizer, end_of_text(tokenizer));
  if (options.pack) return add_packed(samples, options.max_length, out);
  std::vector<size_t> first_rows;
  for (size_t row = 0; row < samples.size(); ++row) {
    Sample& sample = samples[row];
    if (sample.loss_from >= options.max_length) {
      out.leave_out(fmt::format("{}: the context has {} tokens, so data.max_length {} leaves none for the reference",
                                where(row), sample.loss_from, options.max_length),
                    options.skip_bad);
      continue;
    }
    sample.ids.resize(std::min(sample.ids.size(), static_cast<size_t>(options.max_length)));
    append(sample.ids, sample.loss_from, out);
    first_rows.push_back(row);
  }
  return first_rows;
}

std::vector<int32_t> causal_prompt(std::string_view context, const Tokenizer& tokenizer) {
  std::vector<int32_t> ids;
  tokenizer.tokenize(context, ids);
  ids.push_back(end_of_text(tokenizer));
  return ids;
}

}  // namespace filigree::data
