#include "core/generate/beam.h"

#include <algorithm>
#include <cmath>

#include "core/generate/scores.h"

namespace filigree::generate {
namespace {

constexpr float kNever = -1e9F;  // added to the score of what must not be chosen

/// Keeps the `count` best, in order; on a tie the earlier one is first.
template <class T>
void keep_best(std::vector<T>& items, size_t count) {
  std::stable_sort(items.begin(), items.end(), [](const T& a, const T& b) { return a.score > b.score; });
  items.resize(std::min(items.size(), count));
}

}  // namespace

BeamSearch::BeamSearch(std::vector<int32_t> prompt, Options options)
    : prompt_(std::move(prompt)), options_(std::move(options)) {
  const auto beams = static_cast<size_t>(options_.beams);
  running_.assign(beams, {{}, kNever, false});
  running_[0].score = 0;  // all are identical: only the first counts
  finished_.assign(beams, {{}, kNever, false});
}

bool BeamSearch::all_finished() const {
  return std::all_of(finished_.begin(), finished_.end(), [](const Hypothesis& one) { return one.finished; });
}

float BeamSearch::normalised(float score, int64_t length) const {
  return score / static_cast<float>(std::pow(static_cast<double>(length), options_.length_penalty));
}

std::vector<BeamSearch::Candidate> BeamSearch::best_candidates(std::span<float> log_probs, size_t vocabulary) const {
  const size_t looked_at = std::max<size_t>(2, 1 + options_.stop.size()) * running_.size();
  std::vector<Candidate> all;
  for (size_t beam = 0; beam < running_.size(); ++beam) {
    const auto row = log_probs.subspan(beam * vocabulary, vocabulary);
    std::vector<int32_t> sequence = prompt_;
    sequence.insert(sequence.end(), running_[beam].tokens.begin(), running_[beam].tokens.end());
    forbid_repeats(sequence, options_.no_repeat_ngram, row);
    std::vector<Candidate> own;
    own.reserve(vocabulary);
    for (size_t token = 0; token < vocabulary; ++token)
      own.push_back({row[token] + running_[beam].score, static_cast<int64_t>(beam * vocabulary + token), false});
    const size_t kept = std::min(looked_at, own.size());
    std::partial_sort(
        own.begin(), own.begin() + static_cast<int64_t>(kept), own.end(),
        [](const auto& a, const auto& b) { return a.score != b.score ? a.score > b.score : a.place < b.place; });
    all.insert(all.end(), own.begin(), own.begin() + static_cast<int64_t>(kept));
  }
  keep_best(all, looked_at);
  for (Candidate& candidate : all)
    candidate.ends = options_.stops(static_cast<int32_t>(candidate.place % static_cast<int64_t>(vocabulary))) ||
                     length_ + 1 == options_.max_new_tokens;
  return all;
}

BeamSearch::Hypothesis BeamSearch::extended(const Candidate& candidate, size_t vocabulary) const {
  const auto width = static_cast<int64_t>(vocabulary);
  Hypothesis next = running_[static_cast<size_t>(candidate.place / width)];
  next.tokens.push_back(static_cast<int32_t>(candidate.place % width));
  next.score = candidate.score;
  return next;
}

void BeamSearch::update_finished(const std::vector<Candidate>& candidates, size_t vocabulary) {
  const bool full = options_.early_stopping && all_finished();
  for (size_t i = 0; i < candidates.size(); ++i) {
    Hypothesis next = extended(candidates[i], vocabulary);
    next.finished = candidates[i].ends && i < running_.size();
    next.score = normalised(next.score, length_ + 1);
    if (full) next.score += kNever;
    if (!improvable_) next.score += kNever;
    if (!next.finished) next.score += kNever;
    finished_.push_back(std::move(next));
  }
  keep_best(finished_, running_.size());
}

BeamSearch::Step BeamSearch::go_on(std::vector<Candidate> candidates, size_t vocabulary) {
  for (Candidate& candidate : candidates)
    if (candidate.ends) candidate.score += kNever;
  keep_best(candidates, running_.size());
  Step step;
  std::vector<Hypothesis> next;
  for (const Candidate& candidate : candidates) {
    next.push_back(extended(candidate, vocabulary));
    step.parent.push_back(candidate.place / static_cast<int64_t>(vocabulary));
    step.token.push_back(next.back().tokens.back());
  }
  running_ = std::move(next);
  return step;
}

void BeamSearch::check_end(const std::vector<Candidate>& candidates) {
  const float reachable = normalised(running_[0].score, length_);
  float worst = finished_[0].score;
  for (const Hypothesis& one : finished_) worst = std::min(worst, one.score);
  improvable_ = improvable_ && std::any_of(finished_.begin(), finished_.end(), [&](const Hypothesis& one) {
                  return reachable > (one.finished ? worst : kNever);
                });
  const bool all_end = std::all_of(candidates.begin(), candidates.end(), [](const auto& one) { return one.ends; });
  done_ = !improvable_ || (options_.early_stopping && all_finished()) || all_end;
}

BeamSearch::Step BeamSearch::advance(std::span<float> log_probs) {
  const size_t vocabulary = log_probs.size() / running_.size();
  const std::vector<Candidate> candidates = best_candidates(log_probs, vocabulary);
  update_finished(candidates, vocabulary);
  Step step = go_on(candidates, vocabulary);
  ++length_;
  check_end(candidates);
  return step;
}

std::vector<int32_t> BeamSearch::result() const {
  std::vector<int32_t> tokens = finished_[0].tokens;
  if (!tokens.empty() && options_.stops(tokens.back())) tokens.pop_back();
  return tokens;
}

}  // namespace filigree::generate
