#pragma once
// The three adapters of one formula, D = s (U V + S2) with s = alpha / r:
//
//   LowRank          s U V           "<linear>.lora_U" [out, r], "<linear>.lora_V" [r, in]
//   SparseDelta      s S2            "<linear>.sparse_values" [N]; int64 [N] "<linear>.sparse_rows", ".sparse_cols"
//   LowRankSparse    s (U V + S2)    all five
//
// The places of S2 are buffers of the parameter table, so that checkpoints hold them; they are numbers of the whole
// matrix, kept in ascending order of (row, col), and never change but by recut(), which renumbers them. Whoever
// restores a checkpoint assigns all five values together: N may differ from what attach made, after a prune.
//
// On a tensor-parallel axis the update is cut as its linear is:
//
//   linear split by outputs (rows):   U by its rows; V replicated, its gradient a part on each rank
//   linear split by inputs (columns): V by its columns; U replicated, its gradient a part on each rank
//   S2 in both: all N values and places on every rank, which computes with those in its part of the matrix; the
//   gradient is a part on each rank. (N values are a few hundred bytes; so nothing of S2 ever has to move.)
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/adapt/update_function.h"
#include "core/nn/adapter.h"
#include "core/nn/parameter.h"

namespace filigree::adapt {

/// U and V, trainable.
struct Factors {
  nn::ParameterPtr u, v;

  void fill(Update& update) const;
  std::vector<nn::Recut> recut(int64_t dim, const nn::LineChange& change) const;
};

/// N places and their trainable values in an out x in matrix, of which `part` lies here.
struct SparseEntries {
  nn::ParameterPtr rows, cols, values;
  int64_t out = 0;
  int64_t in = 0;
  nn::Placement part = {};

  void fill(Update& update) const;
  std::vector<nn::Recut> recut(int64_t dim, const nn::LineChange& change);
  void take_shapes(const std::function<at::Tensor(const std::string&)>& saved) const;

 private:
  /// The entries in the part that lies here, with their places in it; found again when the places or the part change.
  struct Own {
    at::Tensor of_rows, of_cols;  ///< what it was found from
    int64_t version = -1;
    nn::Placement part;
    at::Tensor entries, rows, cols;
  };
  const Own& own() const;
  mutable Own own_;
};

/// Registers U = 0 and V = `v` ([r, in], whole) for `linear` in the table. part: how the linear's weight is placed.
Factors add_factors(nn::ParameterTable& table, const std::string& linear, int64_t out, const at::Tensor& v,
                    const nn::Placement& part = {});

/// Registers values = 0 at the places rows, cols (int64 [N], ascending) of an out x in matrix.
SparseEntries add_entries(nn::ParameterTable& table, const std::string& linear, int64_t out, int64_t in,
                          const at::Tensor& rows, const at::Tensor& cols, const nn::Placement& part = {});

class LowRank : public nn::Adapter {
 public:
  LowRank(Factors factors, double scale) : factors_(std::move(factors)), scale_(scale) {}
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) const override;
  at::Tensor delta() const override;
  std::vector<nn::ParameterPtr> parameters() const override { return {factors_.u, factors_.v}; }
  std::vector<nn::Recut> recut(int64_t dim, const nn::LineChange& change) override {
    return factors_.recut(dim, change);
  }
  std::string kind() const override { return "low_rank"; }
  double scale() const { return scale_; }

 private:
  Update update() const;
  Factors factors_;
  double scale_;
};

class SparseDelta : public nn::Adapter {
 public:
  SparseDelta(SparseEntries entries, double scale) : entries_(std::move(entries)), scale_(scale) {}
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) const override;
  at::Tensor delta() const override;
  std::vector<nn::ParameterPtr> parameters() const override { return {entries_.values, entries_.rows, entries_.cols}; }
  std::vector<nn::Recut> recut(int64_t dim, const nn::LineChange& change) override {
    return entries_.recut(dim, change);
  }
  void take_shapes(const std::function<at::Tensor(const std::string&)>& saved) override { entries_.take_shapes(saved); }
  std::string kind() const override { return "sparse_delta"; }
  double scale() const { return scale_; }

 private:
  Update update() const;
  SparseEntries entries_;
  double scale_;
};

class LowRankSparse : public nn::Adapter {
 public:
  LowRankSparse(Factors factors, SparseEntries entries, double scale)
      : factors_(std::move(factors)), entries_(std::move(entries)), scale_(scale) {}
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) const override;
  at::Tensor delta() const override;
  std::vector<nn::ParameterPtr> parameters() const override;
  std::vector<nn::Recut> recut(int64_t dim, const nn::LineChange& change) override;
  void take_shapes(const std::function<at::Tensor(const std::string&)>& saved) override { entries_.take_shapes(saved); }
  std::string kind() const override { return "low_rank_sparse"; }
  double scale() const { return scale_; }

 private:
  Update update() const;
  Factors factors_;
  SparseEntries entries_;
  double scale_;
};

/// s of one of the three; nothing of another adapter.
std::optional<double> update_scale(const nn::Adapter& adapter);

}  // namespace filigree::adapt
