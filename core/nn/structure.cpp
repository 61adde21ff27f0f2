#include "core/nn/structure.h"

namespace filigree::nn {

const char* to_string(StructureKind kind) { return kind == StructureKind::head ? "head" : "neuron"; }

}  // namespace filigree::nn
