#pragma once
// What the program's recipes may name: its methods and data formats.
#include "core/adapt/method.h"
#include "core/data/format.h"
#include "core/data/presets.h"
#include "core/prune/scores/score.h"
#include "core/recipe/catalog.h"

namespace filigree::testing {

inline recipe::Catalog builtin_catalog() {
  return {adapt::builtin_methods().catalog(), data::builtin_formats().traits(), data::preset_names(),
          prune::builtin_scores().traits()};
}

}  // namespace filigree::testing
