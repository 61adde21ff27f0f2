#pragma once
// Options that soft movement and its block form share.
#include "core/recipe/schema.h"

namespace filigree::adapt {

constexpr double kFirstSoftScore = 2.1972245773362196;  ///< sigmoid of it is 0.9, as in the published code

constexpr const char* kFreezeHelp =
    "parts of the model to keep frozen, by words in parameter names, such as embeddings";
constexpr const char* kRatioHelp = "learning rate of the scores, as a multiple of the recipe's";

template <class Options>
void describe_thresholds(recipe::Schema& schema, Options& options) {
  schema.field("threshold", options.threshold, "entries whose sigmoid of the score is at most this are 0 at the end",
               recipe::above(0).below(1));
  schema.field("penalty", options.penalty, "factor of the mean sigmoid of the scores in the loss, at the end",
               recipe::from(0).to(1e9));
  schema.field("threshold_warmup", options.threshold_warmup, "share of the steps before the threshold grows",
               recipe::from(0).to(1));
  schema
      .field("threshold_hold", options.threshold_hold,
             "share of the steps at the end that train at the final threshold", recipe::from(0).to(1))
      .rule("threshold_warmup and threshold_hold are at most 1 together", [&options] {
        return options.threshold_warmup + options.threshold_hold > 1 ? "and threshold_warmup are more than 1 together"
                                                                     : "";
      });
  schema.field("score_lr_ratio", options.score_lr_ratio, kRatioHelp, recipe::above(0).to(1e6));
}

}  // namespace filigree::adapt
