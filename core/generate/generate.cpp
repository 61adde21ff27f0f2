// Shape suffixes: B sequences, V vocabulary.
#include "core/generate/generate.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <memory>
#include <span>

#include "core/error.h"
#include "core/generate/beam.h"
#include "core/generate/scores.h"
#include "core/nn/key_value_cache.h"
#include "core/random.h"

namespace filigree::generate {
namespace {

/// Passes of one batch of sequences over the model.
class Decoder {
 public:
  Decoder(nn::Model& model, at::ScalarType compute, int64_t capacity) : model_(model), cache_(capacity) {
    context_.compute = compute;
    context_.cache = &cache_;
  }

  /// Logits of the token after the last one of each sequence: fp32 [B, V] on the CPU.
  at::Tensor next(const std::vector<std::vector<int32_t>>& fresh) {
    data::Batch batch;
    std::vector<int64_t> ids, positions;
    batch.offsets = {0};
    for (size_t b = 0; b < fresh.size(); ++b) {
      const int64_t seen = cache_.lengths().empty() ? 0 : cache_.lengths()[b];
      for (size_t i = 0; i < fresh[b].size(); ++i) {
        ids.push_back(fresh[b][i]);
        positions.push_back(seen + static_cast<int64_t>(i));
      }
      batch.samples.push_back(static_cast<int64_t>(b));
      batch.offsets.push_back(static_cast<int64_t>(ids.size()));
    }
    batch.ids = at::tensor(ids, at::kLong);
    batch.positions = at::tensor(positions, at::kLong);
    batch.type_ids = at::zeros_like(batch.ids);
    return model_.forward(to(batch, model_.device()), context_).logits.to(at::kCPU, at::kFloat).contiguous();
  }

  void select(const std::vector<int64_t>& from) { cache_.select(at::tensor(from, at::kLong)); }

 private:
  nn::Model& model_;
  nn::KeyValueCache cache_;
  nn::ForwardContext context_;
};

std::span<float> row_of(const at::Tensor& rows, int64_t row) {
  const auto width = static_cast<size_t>(rows.size(1));
  return {rows.mutable_data_ptr<float>() + static_cast<size_t>(row) * width, width};
}

/// The options of one prompt: as many tokens as the model has positions left.
Options options_for(const Prompt& prompt, const Options& options, const nn::Model& model) {
  Options own = options;
  own.max_new_tokens =
      std::min(options.max_new_tokens, model.max_positions() - static_cast<int64_t>(prompt.tokens.size()));
  return own;
}

/// One prompt's way, one token at a time.
struct Walk {
  Prompt prompt;
  Options options;
  std::vector<int32_t> sequence;  ///< prompt and what came after it
  bool done = false;

  /// Returns the token that the sequence goes on with; sets done.
  int32_t advance(std::span<float> logits) {
    forbid_repeats(sequence, options.no_repeat_ngram, logits);
    const auto place = static_cast<int64_t>(sequence.size() - prompt.tokens.size());
    const int32_t token = options.sample
                              ? draw(logits, options.temperature, options.top_k, options.top_p,
                                     random::uniform(random::stream(options.seed, "generate", prompt.number), place))
                              : best(logits);
    const bool stops = std::find(options.stop.begin(), options.stop.end(), token) != options.stop.end();
    if (!stops) sequence.push_back(token);
    done = stops || place + 1 == options.max_new_tokens;
    return token;
  }
  std::vector<int32_t> result() const {
    return {sequence.begin() + static_cast<int64_t>(prompt.tokens.size()), sequence.end()};
  }
};

std::vector<std::vector<int32_t>> tokens_of(const std::vector<Prompt>& prompts) {
  std::vector<std::vector<int32_t>> tokens;
  for (const Prompt& prompt : prompts) tokens.push_back(prompt.tokens);
  return tokens;
}

std::vector<std::vector<int32_t>> walk(Decoder& decoder, const std::vector<Prompt>& prompts,
                                       const std::vector<Options>& options) {
  std::vector<Walk> walks;
  for (size_t i = 0; i < prompts.size(); ++i) walks.push_back({prompts[i], options[i], prompts[i].tokens});
  std::vector<size_t> open;
  for (size_t i = 0; i < walks.size(); ++i) open.push_back(i);
  std::vector<std::vector<int32_t>> fresh = tokens_of(prompts);
  while (!open.empty()) {
    const at::Tensor logits_BV = decoder.next(fresh);
    std::vector<size_t> still;
    std::vector<int64_t> rows;
    fresh.clear();
    for (size_t b = 0; b < open.size(); ++b) {
      Walk& one = walks[open[b]];
      const int32_t token = one.advance(row_of(logits_BV, static_cast<int64_t>(b)));
      if (one.done) continue;
      still.push_back(open[b]);
      rows.push_back(static_cast<int64_t>(b));
      fresh.push_back({token});
    }
    if (still.size() < open.size() && !still.empty()) decoder.select(rows);
    open = std::move(still);
  }
  std::vector<std::vector<int32_t>> results;
  for (const Walk& one : walks) results.push_back(one.result());
  return results;
}

/// Rows of the prompts' logits, `beams` times each.
std::vector<int64_t> repeated(size_t prompts, int64_t beams) {
  std::vector<int64_t> rows;
  for (size_t i = 0; i < prompts; ++i) rows.insert(rows.end(), static_cast<size_t>(beams), static_cast<int64_t>(i));
  return rows;
}

std::vector<std::vector<int32_t>> search(Decoder& decoder, const std::vector<Prompt>& prompts,
                                         const std::vector<Options>& options) {
  const int64_t beams = options[0].beams;
  std::vector<BeamSearch> searches;
  std::vector<size_t> open;
  for (size_t i = 0; i < prompts.size(); ++i) {
    searches.emplace_back(prompts[i].tokens, options[i]);
    open.push_back(i);
  }
  const auto first_rows = repeated(prompts.size(), beams);
  at::Tensor log_probs_BV =
      at::log_softmax(decoder.next(tokens_of(prompts)), 1).index_select(0, at::tensor(first_rows, at::kLong));
  decoder.select(first_rows);
  for (;;) {
    const int64_t width = log_probs_BV.size(1);
    std::vector<size_t> still;
    std::vector<int64_t> rows;
    std::vector<std::vector<int32_t>> fresh;
    for (size_t i = 0; i < open.size(); ++i) {
      const auto first = static_cast<int64_t>(i) * beams;
      const auto step = searches[open[i]].advance(
          {log_probs_BV.mutable_data_ptr<float>() + first * width, static_cast<size_t>(beams * width)});
      if (searches[open[i]].done()) continue;
      still.push_back(open[i]);
      for (size_t beam = 0; beam < step.token.size(); ++beam) {
        rows.push_back(first + step.parent[beam]);
        fresh.push_back({step.token[beam]});
      }
    }
    open = std::move(still);
    if (open.empty()) break;
    decoder.select(rows);
    log_probs_BV = at::log_softmax(decoder.next(fresh), 1);
  }
  std::vector<std::vector<int32_t>> results;
  for (const BeamSearch& one : searches) results.push_back(one.result());
  return results;
}

void check(nn::Model& model, const std::vector<Prompt>& prompts) {
  if (model.task() != nn::Task::causal_lm)
    throw UsageError("generate: needs a causal language model (GPT2LMHeadModel), this one does " +
                     std::string(nn::to_string(model.task())));
  for (const Prompt& prompt : prompts) {
    const auto length = static_cast<int64_t>(prompt.tokens.size());
    if (length == 0) throw UsageError(fmt::format("generate: prompt {} is empty", prompt.number + 1));
    if (length >= model.max_positions())
      throw UsageError(fmt::format("generate: prompt {} has {} tokens, the model {} positions", prompt.number + 1,
                                   length, model.max_positions()));
  }
}

}  // namespace

std::vector<std::vector<int32_t>> generate(nn::Model& model, const std::vector<Prompt>& prompts, const Options& options,
                                           int64_t batch, at::ScalarType compute) {
  check(model, prompts);
  const at::NoGradGuard no_grad;
  std::vector<std::vector<int32_t>> results;
  for (size_t begin = 0; begin < prompts.size(); begin += static_cast<size_t>(batch)) {
    const size_t end = std::min(prompts.size(), begin + static_cast<size_t>(batch));
    const std::vector<Prompt> some(prompts.begin() + static_cast<int64_t>(begin),
                                   prompts.begin() + static_cast<int64_t>(end));
    std::vector<Options> own;
    int64_t capacity = 0;
    for (const Prompt& prompt : some) {
      own.push_back(options_for(prompt, options, model));
      capacity = std::max(capacity, static_cast<int64_t>(prompt.tokens.size()) + own.back().max_new_tokens);
    }
    Decoder decoder(model, compute, capacity);
    for (auto& tokens : options.beams > 1 ? search(decoder, some, own) : walk(decoder, some, own))
      results.push_back(std::move(tokens));
  }
  return results;
}

}  // namespace filigree::generate
