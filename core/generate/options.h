#pragma once
// How a sequence is continued: by beam search if beams > 1, by sampling if `sample` is set, otherwise
// greedily. All three decode as transformers' generate() does with the same settings (generation/utils.py of
// 5.23); tests compare greedy and beam search with it.
#include <algorithm>
#include <cstdint>
#include <vector>

namespace filigree::generate {

struct Options {
  int64_t max_new_tokens = 64;
  std::vector<int32_t> stop;  ///< tokens that end a sequence; results do not include them
  bool stops(int32_t token) const { return std::find(stop.begin(), stop.end(), token) != stop.end(); }

  int64_t beams = 1;
  double length_penalty = 1;    ///< a hypothesis of n tokens scores sum(log p) / n^length_penalty
  bool early_stopping = false;  ///< stop as soon as `beams` hypotheses are finished
  int64_t no_repeat_ngram = 0;  ///< size of n-grams that may not repeat, prompt included; 0: off

  bool sample = false;
  double temperature = 1;
  int64_t top_k = 0;  ///< only the k most likely tokens; 0: all
  double top_p = 1;   ///< only the most likely tokens that add up to this probability
  uint64_t seed = 0;  ///< token i of prompt n is drawn from the stream (seed, n, i)
};

}  // namespace filigree::generate
