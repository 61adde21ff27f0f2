// Shape suffixes: B sequences, V vocabulary.
#include "core/generate/generate.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <memory>
#include <span>

#include "core/counted.h"
#include "core/error.h"
#include "core/generate/beam.h"
#include "core/generate/scores.h"
#include "core/nn/key_value_cache.h"
#include "core/random.h"

namespace filigree::generate {
namespace {

/// Runs one batch of sequences through the model, pass by pass.
class Decoder {
 public:
  Decoder(nn::Model& model, at::ScalarType compute, int64_t capacity) : model_(model), cache_(capacity) {
    context_.compute = compute;
    context_.cache = &cache_;
  }

  /// Logits of the next token of each sequence: fp32 [B, V] on the CPU. `fresh`: its tokens not in the cache.
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

  /// Sequence i continues sequence from[i]; copies nothing if every sequence continues itself.
  void select(const std::vector<int64_t>& from) {
    bool same = from.size() == cache_.lengths().size();
    for (size_t i = 0; same && i < from.size(); ++i) same = from[i] == static_cast<int64_t>(i);
    if (!same) cache_.select(at::tensor(from, at::kLong));
  }

 private:
  nn::Model& model_;
  nn::KeyValueCache cache_;
  nn::ForwardContext context_;
};

/// The options of one prompt, with max_new_tokens limited to the positions that the model has left.
Options options_for(const Prompt& prompt, const Options& options, const nn::Model& model) {
  Options own = options;
  own.max_new_tokens =
      std::min(options.max_new_tokens, model.max_positions() - static_cast<int64_t>(prompt.tokens.size()));
  return own;
}

/// Continues one prompt token by token, greedily or by sampling. Has the interface of BeamSearch.
class GreedyOrSampling {
 public:
  GreedyOrSampling(const Prompt& prompt, Options options)
      : prompt_(prompt), options_(std::move(options)), sequence_(prompt.tokens) {}

  static at::Tensor scores(const at::Tensor& logits) { return logits; }

  BeamSearch::Step advance(std::span<float> logits) {
    forbid_repeats(sequence_, options_.no_repeat_ngram, logits);
    const auto place = static_cast<int64_t>(sequence_.size() - prompt_.tokens.size());
    const int32_t token =
        options_.sample
            ? sample_token(logits, options_.temperature, options_.top_k, options_.top_p,
                           random::uniform(random::stream(options_.seed, "generate", prompt_.number), place))
            : best(logits);
    const bool stops = options_.stops(token);
    if (!stops) sequence_.push_back(token);
    done_ = stops || place + 1 == options_.max_new_tokens;
    return {{0}, {token}};
  }
  bool done() const { return done_; }
  std::vector<int32_t> result() const {
    return {sequence_.begin() + static_cast<int64_t>(prompt_.tokens.size()), sequence_.end()};
  }

 private:
  const Prompt& prompt_;
  Options options_;
  std::vector<int32_t> sequence_;  ///< prompt and continuation
  bool done_ = false;
};

/// The same interface for beam search.
struct BeamStrategy : BeamSearch {
  BeamStrategy(const Prompt& prompt, const Options& options) : BeamSearch(prompt.tokens, options) {}
  static at::Tensor scores(const at::Tensor& logits) { return at::log_softmax(logits, 1); }
};

std::vector<std::vector<int32_t>> tokens_of(const std::vector<Prompt>& prompts) {
  std::vector<std::vector<int32_t>> tokens;
  for (const Prompt& prompt : prompts) tokens.push_back(prompt.tokens);
  return tokens;
}

/// Row indices of the prompts' logits, each repeated `beams` times.
std::vector<int64_t> repeated(size_t prompts, int64_t beams) {
  std::vector<int64_t> rows;
  for (size_t i = 0; i < prompts; ++i) rows.insert(rows.end(), static_cast<size_t>(beams), static_cast<int64_t>(i));
  return rows;
}

/// Decodes every prompt to its end; one pass advances all open ones. Each prompt has `beams` rows.
template <class Strategy>
std::vector<std::vector<int32_t>> decode(Decoder& decoder, const std::vector<Prompt>& prompts,
                                         const std::vector<Options>& options) {
  const int64_t beams = options[0].beams;
  std::vector<Strategy> strategies;
  std::vector<size_t> open;
  for (size_t i = 0; i < prompts.size(); ++i) {
    strategies.emplace_back(prompts[i], options[i]);
    open.push_back(i);
  }
  std::vector<int64_t> rows = repeated(prompts.size(), beams);
  at::Tensor scores_BV = Strategy::scores(decoder.next(tokens_of(prompts)));
  if (beams > 1) scores_BV = scores_BV.index_select(0, at::tensor(rows, at::kLong));
  decoder.select(rows);
  for (;;) {
    const int64_t width = scores_BV.size(1);
    std::vector<size_t> still;
    std::vector<std::vector<int32_t>> fresh;
    rows.clear();
    for (size_t i = 0; i < open.size(); ++i) {
      const auto first = static_cast<int64_t>(i) * beams;
      Strategy& strategy = strategies[open[i]];
      const auto step =
          strategy.advance({scores_BV.mutable_data_ptr<float>() + first * width, static_cast<size_t>(beams * width)});
      if (strategy.done()) continue;
      still.push_back(open[i]);
      for (size_t beam = 0; beam < step.token.size(); ++beam) {
        rows.push_back(first + step.parent[beam]);
        fresh.push_back({step.token[beam]});
      }
    }
    open = std::move(still);
    if (open.empty()) break;
    decoder.select(rows);
    scores_BV = Strategy::scores(decoder.next(fresh));
  }
  std::vector<std::vector<int32_t>> results;
  for (const Strategy& strategy : strategies) results.push_back(strategy.result());
  return results;
}

void check(nn::Model& model, const std::vector<Prompt>& prompts) {
  if (model.task() != Task::causal_lm)
    throw UsageError(fmt::format("generate: needs a causal language model (GPT2LMHeadModel), but this one is a {}",
                                 model.architecture()));
  for (const Prompt& prompt : prompts) {
    const auto length = static_cast<int64_t>(prompt.tokens.size());
    if (length == 0) throw UsageError(fmt::format("generate: prompt {} is empty", prompt.number + 1));
    if (length >= model.max_positions())
      throw UsageError(fmt::format("generate: prompt {} has {}, but the model has {}", prompt.number + 1,
                                   counted(length, "token"), counted(model.max_positions(), "position")));
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
    for (auto& tokens :
         options.beams > 1 ? decode<BeamStrategy>(decoder, some, own) : decode<GreedyOrSampling>(decoder, some, own))
      results.push_back(std::move(tokens));
  }
  return results;
}

}  // namespace filigree::generate
