#pragma once
// Prunable structures as data. A model lists its StructureGroups; scores, plan, shrinking, FLOP counts, the exporter
// and the report read only these and do not depend on the model.
//
// Example: layer 3 of a BERT with 12 heads of 32 (hidden 384) has the group
//   {kind: head, layer: 3, total: 12, unit: 32, kept: 0..11,
//    members: {query,dim 0}, {key,dim 0}, {value,dim 0}, {attention.output.dense,dim 1}}
// so unit h of a member is its rows (dim 0, with the bias) or columns (dim 1) [h*unit, (h+1)*unit). h counts
// only the kept units, in ascending order of their original indices.
#include <cstdint>
#include <string>
#include <vector>

#include "core/nn/linear.h"
#include "core/nn/parameter.h"

namespace filigree::nn {

enum class StructureKind { head, neuron };
const char* to_string(StructureKind kind);  // "head", "neuron"

struct StructureMember {
  Linear* linear = nullptr;
  int64_t dim = 0;   ///< 0: rows (outputs) and bias, 1: columns (inputs)
  std::string role;  ///< "query", "key", "value", "attention_out", "ffn_in", "ffn_out"
};

struct StructureGroup {
  StructureKind kind = StructureKind::head;
  int64_t layer = 0;
  int64_t total = 0;          ///< units before any prune
  int64_t unit = 1;           ///< rows or columns of one unit in each member (head size; 1 for a neuron)
  std::vector<int64_t> kept;  ///< original indices of the remaining units, ascending
  std::vector<StructureMember> members;
  /// Range in `kept` of the units of each tensor-parallel rank, in rank order; empty: this rank holds all.
  std::vector<Slice> shares = {};
  size_t rank = 0;  ///< this rank's index in `shares`

  int64_t left() const { return static_cast<int64_t>(kept.size()); }
  Slice share() const { return shares.empty() ? Slice{0, left()} : shares[rank]; }
  std::vector<int64_t> held() const;  ///< original indices of the local units
  /// The remaining units, split over `ranks` as evenly as possible.
  std::vector<Slice> even_shares(size_t ranks) const;
  /// Rows or columns of a member that belong to a range of units.
  Slice lines(const Slice& units) const { return {units.begin * unit, units.end * unit}; }
};

}  // namespace filigree::nn
