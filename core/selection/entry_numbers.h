#pragma once
// Flat indices, in the full matrix, of this rank's entries: row * columns + column. A vector is a matrix of one column.
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/nn/parameter.h"

namespace filigree::selection {

class EntryNumbers {
 public:
  explicit EntryNumbers(const nn::Parameter& weight)
      : width_(weight.sizes().size() > 1 ? weight.size(1) : 1),
        columns_(weight.sizes().size() > 1 ? weight.logical_shape[1] : 1),
        row_(weight.placement.split(0) ? weight.placement.slice.begin : 0),
        column_(weight.placement.split(1) ? weight.placement.slice.begin : 0) {}

  /// Of the i-th local entry, in row-major order.
  int64_t of(int64_t i) const { return (row_ + i / width_) * columns_ + column_ + i % width_; }
  /// Of several entries, int64.
  at::Tensor of(const at::Tensor& i) const {
    const at::Tensor rows = i.div(width_, "floor").add(row_);
    return rows.mul(columns_).add(i.remainder(width_)).add(column_);
  }

 private:
  int64_t width_, columns_, row_, column_;
};

}  // namespace filigree::selection
