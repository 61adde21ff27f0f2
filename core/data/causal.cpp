#include "core/data/causal.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/counted.h"
#include "core/error.h"
#include "core/text/text_file.h"

namespace filigree::data {
namespace {

/// The tokens of one row, and for each whether it is predicted.
struct Sample {
  std::vector<int32_t> ids;
  std::vector<uint8_t> targets;
  bool answered = true;  ///< false: it has a context, and only blanks after it
};

bool has_answer(const std::vector<Segment>& segments) {
  if (std::ranges::all_of(segments, &Segment::has_loss)) return true;
  return std::ranges::any_of(segments,
                             [](const Segment& segment) { return segment.has_loss && !trimmed(segment.text).empty(); });
}

Sample encode(const std::vector<Segment>& segments, const Tokenizer& tokenizer, int32_t end) {
  Sample sample;
  sample.answered = has_answer(segments);
  for (const Segment& segment : segments) {
    tokenizer.tokenize(segment.text, sample.ids);
    if (segment.ends) sample.ids.push_back(end);
    sample.targets.resize(sample.ids.size(), segment.has_loss ? 1 : 0);
  }
  if (!sample.targets.empty()) sample.targets[0] = 0;  // nothing precedes it
  return sample;
}

std::vector<Sample> encode_rows(const std::vector<std::vector<std::string>>& rows, const Format& format,
                                const Tokenizer& tokenizer, int32_t end) {
  std::vector<Sample> samples(rows.size());
  constexpr int64_t kGrain = 64;
  at::parallel_for(0, static_cast<int64_t>(rows.size()), kGrain, [&](int64_t begin, int64_t stop) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(stop); ++i)
      samples[i] = encode(format.segments(rows[i]), tokenizer, end);
  });
  return samples;
}

/// Why nothing can be learned from a sample of at most `most` tokens, or "".
std::string sample_fault(const Sample& sample, size_t most, const Format::Parts& parts) {
  if (!sample.answered) return fmt::format("the {} is empty, so there is nothing to learn", parts.answer);
  const auto context = static_cast<size_t>(std::ranges::find(sample.targets, 1) - sample.targets.begin());
  if (context == sample.targets.size()) return "the text is empty, so there is nothing to learn";
  if (context < most) return "";
  return fmt::format("the {} has {}, so data.max_length {} leaves none for the {}", parts.context,
                     counted(context, "token"), most, parts.answer);
}

void append(const std::vector<int32_t>& ids, const std::vector<uint8_t>& targets, Dataset& out) {
  out.add({ids, std::vector<int32_t>(ids.size(), 0)});
  out.targets.insert(out.targets.end(), targets.begin(), targets.end());
}

/// A block of packed texts: every token is predicted except the first.
void append_block(const std::vector<int32_t>& ids, Dataset& out) {
  std::vector<uint8_t> targets(ids.size(), 1);
  targets[0] = 0;
  append(ids, targets, out);
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
      append_block(block, out);
      first_rows.push_back(first_row);
      block.clear();
    }
  }
  if (block.size() < 2) return first_rows;  // one token has no loss; a longer rest becomes a shorter block
  append_block(block, out);
  first_rows.push_back(first_row);
  return first_rows;
}

int32_t end_of_text(const Tokenizer& tokenizer) {
  const int32_t end = tokenizer.special().eos;
  if (end < 0) throw DataError("the tokenizer has no end-of-text token (eos_token), which model.task: causal_lm needs");
  return end;
}

}  // namespace

std::vector<size_t> add_causal(const std::vector<std::vector<std::string>>& rows, const Format& format,
                               const Tokenizer& tokenizer, const CausalOptions& options,
                               const std::function<std::string(size_t)>& where, Dataset& out) {
  std::vector<Sample> samples = encode_rows(rows, format, tokenizer, end_of_text(tokenizer));
  if (options.pack) return add_packed(samples, options.max_length, out);
  const auto most = static_cast<size_t>(options.max_length);
  std::vector<size_t> first_rows;
  for (size_t row = 0; row < samples.size(); ++row) {
    Sample& sample = samples[row];
    if (const std::string fault = sample_fault(sample, most, format.parts()); !fault.empty()) {
      out.leave_out(fmt::format("{}: {}", where(row), fault), options.skip_bad);
      continue;
    }
    sample.ids.resize(std::min(sample.ids.size(), most));
    sample.targets.resize(sample.ids.size());
    append(sample.ids, sample.targets, out);
    first_rows.push_back(row);
  }
  return first_rows;
}

std::vector<int32_t> causal_ids(const std::vector<Segment>& segments, const Tokenizer& tokenizer) {
  return encode(segments, tokenizer, end_of_text(tokenizer)).ids;
}

}  // namespace filigree::data
