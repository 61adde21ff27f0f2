// labels: unit
// The choice itself is tested with the method, in selection_methods_test.
#include "core/adapt/fisher.h"

#include <gtest/gtest.h>

#include "dist/factory.h"

namespace filigree::adapt {
namespace {

/// A model whose layers are all frozen.
TEST(Fisher, OfNoParameterIsNoMask) {
  const auto ranks = dist::make_single();
  const nn::GradientBatches data{2, [](int64_t) {}, *ranks};
  EXPECT_TRUE(kept_by_fisher({}, {}, data, *ranks).empty());
}

}  // namespace
}  // namespace filigree::adapt
