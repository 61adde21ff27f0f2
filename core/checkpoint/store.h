#pragma once
// Checkpoints of a run; each is complete or absent. A checkpoints folder has step-00000123/ directories. Each
// contains its tensor files and manifest.json, which is written last and holds the size and XXH3 checksum of
// every file and the caller's state (JSON).
//
//   write:  .tmp-step-…/ → files, each synced → manifest.json, synced → directory synced → rename → parent synced
//   read:   a checkpoint is used only if its manifest and all sizes and checksums match; else the next older one
//
// After kill -9 at any byte, the last good checkpoint is still in use. Older ones are deleted only when the new one
// is in place; the newest `keep`, the last, the best and the pinned ones are kept. A checkpoint to which a user
// added a file is renamed (….kept-1) instead of deleted. A failed write is a DataError with path, bytes needed and
// advice; older checkpoints stay unchanged. Reading needs no lock and changes nothing.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/checkpoint/manifest.h"
#include "core/files/run_directory.h"
#include "core/safetensors/safetensors.h"

namespace filigree::checkpoint {

/// The data of a checkpoint, or one rank's share of it. Files are named by their stem: {"trained", tensors}
/// is written as trained.safetensors, or as trained-00002-of-00004.safetensors by rank 1 of 4.
struct CheckpointData {
  int64_t step = 0;
  nlohmann::json state;
  std::vector<std::pair<std::string, NamedTensors>> files;
  TensorParts parts = {};  ///< of the tensors stored as slices

  uint64_t bytes() const;  ///< of the tensors
};

/// Writes the files into a folder made by CheckpointStore::begin(), on any rank. DataError if a write fails.
std::vector<ManifestFile> write_files(const CheckpointData& data, const std::string& folder, int rank = 0,
                                      int ranks = 1);

struct CheckpointInfo {
  int64_t step = 0;
  std::string path;  ///< the step-… directory
};

/// A checkpoint that was skipped, and why.
struct Rejected {
  std::string path;
  std::string reason;
};

/// A checkpoint open for reading: tensors by file stem, then by name, assembled from the slices that the
/// ranks wrote. Only the requested bytes are read, into CPU tensors.
class Loaded {
 public:
  CheckpointInfo info;
  nlohmann::json state;
  int version = 0;  ///< of the manifest

  std::vector<std::string> names(const std::string& file) const;  ///< of its tensors
  bool contains(const std::string& file, const std::string& name) const;
  /// DataError if it is absent.
  at::Tensor tensor(const std::string& file, const std::string& name) const;
  std::vector<int64_t> shape(const std::string& file, const std::string& name) const;  ///< of the full tensor
  /// The range `wanted` along `dim`, regardless of how the tensor was sharded when it was saved.
  at::Tensor lines(const std::string& file, const std::string& name, int64_t dim, const dist::IndexRange& wanted) const;

 private:
  friend Loaded open_checkpoint(const CheckpointInfo& info);
  struct Piece {
    std::shared_ptr<SafetensorsReader> file;
    std::optional<TensorPart> part;  ///< none: the full tensor
  };
  using Pieces = std::vector<Piece>;  ///< consecutive along the sharded dimension
  const Pieces& find(const std::string& file, const std::string& name) const;
  void add_file(const ManifestFile& file);
  void put_in_order();
  static bool follow_one_another(Pieces& pieces);

  std::map<std::string, std::map<std::string, Pieces>> tensors_;
};

/// Checkpoints in a folder, newest first, unverified. Empty if there is no such folder; DataError if it
/// cannot be listed.
std::vector<CheckpointInfo> list_checkpoints(const std::string& dir);

/// Verifies sizes and checksums of one checkpoint. Returns the fault, or nothing. DataError if this process
/// or this version cannot read it: it may be good, and skipping it would overwrite it.
std::optional<std::string> find_fault(const CheckpointInfo& info);

/// The newest complete checkpoint; skipped ones are appended to `rejected`. DataError as in find_fault().
std::optional<CheckpointInfo> newest_whole(const std::string& dir, std::vector<Rejected>* rejected = nullptr);

/// The checkpoint marked best, if it still exists.
std::optional<CheckpointInfo> best_checkpoint(const std::string& dir);

/// The checkpoint in a step-… directory given by the user.
CheckpointInfo checkpoint_at(const std::string& path);

/// Verifies, then opens. DataError if it is incomplete or damaged.
Loaded load(const CheckpointInfo& info);

/// Opens a checkpoint that another rank has verified.
Loaded open_checkpoint(const CheckpointInfo& info);

/// Only the state, without the tensors. DataError if the checkpoint is incomplete or damaged.
nlohmann::json load_state(const CheckpointInfo& info);

/// Writes a run's checkpoints. Used by one process, which holds the run directory's lock for the lifetime of
/// this object. From then on the process ignores SIGXFSZ, so that a file size limit makes the write fail and
/// does not kill the process.
class CheckpointStore {
 public:
  /// Opens the run directory (core/files/run_directory.h), creates its checkpoints folder and removes leftovers
  /// of killed runs. UsageError if another run holds the lock, or the directory is neither empty nor a run.
  CheckpointStore(const std::string& run_dir, int64_t keep);

  const files::RunDirectory& run() const { return run_; }

  /// Returns when the checkpoint is safely on disk. Replaces a checkpoint of the same step.
  void save(const CheckpointData& data);

  /// save() in steps, for ranks that write together: begin() creates a folder for write_files() of every
  /// rank, and commit() makes it a checkpoint. give_up() removes it and throws a DataError with advice.
  std::string begin(int64_t step) const;
  void commit(int64_t step, const nlohmann::json& state, const std::vector<ManifestFile>& files);
  [[noreturn]] void give_up(int64_t step, uint64_t bytes, const std::string& message) const;

  /// From now on, only the checkpoints of these steps are kept besides the newest `keep`, the last and the best.
  void pin(std::set<int64_t> steps) { pinned_ = std::move(steps); }

  /// Marks an existing checkpoint as the best; the one marked before loses this protection.
  void mark_best(int64_t step);
  std::optional<CheckpointInfo> best() const { return best_checkpoint(dir_); }

  std::optional<CheckpointInfo> newest_whole(std::vector<Rejected>* rejected = nullptr) const;
  Loaded load(const CheckpointInfo& info) const { return checkpoint::load(info); }

  /// Copies a checkpoint of another run into this folder, unless it has one of that step.
  void bring(const CheckpointInfo& other);

  /// For a run that resumes from `step`: removes later checkpoints, which will be written again, and marks
  /// `best`, the best step according to the resumed state (after a kill the marker may be off by one save).
  void rewind(int64_t step, std::optional<int64_t> best = std::nullopt);

  /// Before the first step: DataError if the disk cannot hold the checkpoints that `keep` requires, `bytes` each.
  void check_space(uint64_t bytes) const;

  const std::string& dir() const { return dir_; }  ///< …/checkpoints

 private:
  void remove_leftovers();
  std::string temporary(int64_t step) const;
  void put_in_place(const std::string& temporary, const std::string& target) const;
  void retire_old(int64_t newest);
  void write_best(int64_t step) const;
  void remove(const std::string& path) const;

  files::RunDirectory run_;
  std::string dir_;
  int64_t keep_;
  std::set<int64_t> pinned_;
};

}  // namespace filigree::checkpoint
