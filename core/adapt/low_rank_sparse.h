#pragma once
// The three adapters of one formula, D = s (U V + S2) with s = alpha / r:
//
//   LowRank          s U V           "<linear>.lora_U" [out, r], "<linear>.lora_V" [r, in]
//   SparseDelta      s S2            "<linear>.sparse_values" [N]; "<linear>.sparse_rows", "<linear>.sparse_cols" int64
//   [N] LowRankSparse    s (U V + S2)    all five
//
// The places of S2 are buffers of the parameter table, so that checkpoints hold them; they are kept in ascending order
// of (row, col) and never change but by shrink(), which renumbers them. Whoever restores a checkpoint assigns all five
// values together: N may differ from what attach made, after a prune. Nothing is cached, so an assignment is seen at
// once.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/adapt/adapter.h"
#include "core/adapt/update_function.h"
#include "core/nn/parameter.h"

namespace filigree::adapt {

/// U and V, trainable.
struct Factors {
  nn::ParameterPtr u, v;

  void fill(Update& update) const;
  std::vector<nn::Reindex> shrink(int64_t dim, const at::Tensor& index) const;
};

/// N places and their trainable values in an out x in matrix.
struct SparseEntries {
  nn::ParameterPtr rows, cols, values;
  int64_t out = 0;
  int64_t in = 0;

  void fill(Update& update) const;
  std::vector<nn::Reindex> shrink(int64_t dim, const at::Tensor& index);
  void take_shapes(const std::function<at::Tensor(const std::string&)>& saved) const;
};

/// Registers U = 0 and V = `v` ([r, in]) for `linear` in the table.
Factors add_factors(nn::ParameterTable& table, const std::string& linear, int64_t out, const at::Tensor& v);

/// Registers values = 0 at the places rows, cols (int64 [N], ascending) of an out x in matrix.
SparseEntries add_entries(nn::ParameterTable& table, const std::string& linear, int64_t out, int64_t in,
                          const at::Tensor& rows, const at::Tensor& cols);

class LowRank : public Adapter {
 public:
  LowRank(Factors factors, double scale) : factors_(std::move(factors)), scale_(scale) {}
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) const override;
  at::Tensor delta() const override;
  std::vector<nn::ParameterPtr> parameters() const override { return {factors_.u, factors_.v}; }
  std::vector<nn::Reindex> shrink(int64_t dim, const at::Tensor& index) override { return factors_.shrink(dim, index); }
  std::string kind() const override { return "low_rank"; }
  double scale() const { return scale_; }

 private:
  Update update() const;
  Factors factors_;
  double scale_;
};

class SparseDelta : public Adapter {
 public:
  SparseDelta(SparseEntries entries, double scale) : entries_(std::move(entries)), scale_(scale) {}
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) const override;
  at::Tensor delta() const override;
  std::vector<nn::ParameterPtr> parameters() const override { return {entries_.values, entries_.rows, entries_.cols}; }
  std::vector<nn::Reindex> shrink(int64_t dim, const at::Tensor& index) override { return entries_.shrink(dim, index); }
  void take_shapes(const std::function<at::Tensor(const std::string&)>& saved) override { entries_.take_shapes(saved); }
  std::string kind() const override { return "sparse_delta"; }
  double scale() const { return scale_; }

 private:
  Update update() const;
  SparseEntries entries_;
  double scale_;
};

class LowRankSparse : public Adapter {
 public:
  LowRankSparse(Factors factors, SparseEntries entries, double scale)
      : factors_(std::move(factors)), entries_(std::move(entries)), scale_(scale) {}
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) const override;
  at::Tensor delta() const override;
  std::vector<nn::ParameterPtr> parameters() const override;
  std::vector<nn::Reindex> shrink(int64_t dim, const at::Tensor& index) override;
  void take_shapes(const std::function<at::Tensor(const std::string&)>& saved) override { entries_.take_shapes(saved); }
  std::string kind() const override { return "low_rank_sparse"; }
  double scale() const { return scale_; }

 private:
  Update update() const;
  Factors factors_;
  SparseEntries entries_;
  double scale_;
};

}  // namespace filigree::adapt
