#include "core/nn/structure.h"

namespace filigree::nn {

const char* to_string(StructureKind kind) { return kind == StructureKind::head ? "head" : "neuron"; }

std::vector<int64_t> StructureGroup::held() const { return {kept.begin() + share().begin, kept.begin() + share().end}; }

std::vector<Slice> StructureGroup::even_shares(size_t ranks) const {
  std::vector<Slice> even;
  for (size_t i = 0; i < ranks; ++i)
    even.push_back(dist::even_part(left(), static_cast<int64_t>(i), static_cast<int64_t>(ranks)));
  return even;
}

}  // namespace filigree::nn
