#pragma once
// Beam search over one prompt. It keeps `beams` running hypotheses and the best `beams` finished ones, with
// scores divided by length^length_penalty. Each step considers the best beams * max(2, 1 + stop tokens)
// candidates, so that enough continue if all the best end; only the best `beams` of them may finish. The
// search ends when no running hypothesis, scored at its current length, can beat the worst finished one, or
// at max_new_tokens.
#include <cstdint>
#include <span>
#include <vector>

#include "core/generate/options.h"

namespace filigree::generate {

class BeamSearch {
 public:
  BeamSearch(std::vector<int32_t> prompt, Options options);

  /// The new running hypotheses: hypothesis i continues parent[i] with token[i].
  struct Step {
    std::vector<int64_t> parent;
    std::vector<int32_t> token;
  };
  /// log_probs: of the next token of each running hypothesis, [beams * vocabulary]; modified.
  Step advance(std::span<float> log_probs);
  bool done() const { return done_; }

  /// The best finished hypothesis, without the prompt and the stop token.
  std::vector<int32_t> result() const;

 private:
  struct Hypothesis {
    std::vector<int32_t> tokens;  ///< after the prompt
    float score = 0;
    bool finished = false;
  };
  struct Candidate {
    float score;
    int64_t place;  ///< beam * vocabulary + token
    bool ends;
  };
  std::vector<Candidate> best_candidates(std::span<float> log_probs, size_t vocabulary) const;
  void update_finished(const std::vector<Candidate>& candidates, size_t vocabulary);
  Step go_on(std::vector<Candidate> candidates, size_t vocabulary);
  void check_end(const std::vector<Candidate>& candidates);
  Hypothesis extended(const Candidate& candidate, size_t vocabulary) const;
  bool all_finished() const;
  float normalised(float score, int64_t length) const;

  std::vector<int32_t> prompt_;
  Options options_;
  std::vector<Hypothesis> running_, finished_;
  int64_t length_ = 0;      ///< tokens after the prompt
  bool improvable_ = true;  ///< whether a running hypothesis can still beat a finished one
  bool done_ = false;
};

}  // namespace filigree::generate
