#pragma once
// Checkpoints of a run: whole or absent. A folder of checkpoints holds step-00000123/ directories, each with its tensor
// files and a manifest.json, written last, with every file's size and XXH3 checksum and the caller's state (JSON).
//
//   write:  .tmp-step-…/ → files, each synced → manifest.json, synced → directory synced → rename → parent synced
//   read:   a checkpoint counts only when its manifest and all sizes and checksums are right; else the next older one
//
// kill -9 at any byte leaves the last good one in use. Older ones are deleted only when the new one is in place; the
// newest `keep`, the last and the best stay. A checkpoint to which a user added a file is renamed (….kept-1) where it
// would be deleted. A disk that refuses is a DataError with path, bytes needed and advice, and leaves the older ones as
// they were. Reading needs no lock and changes nothing.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/checkpoint/manifest.h"
#include "core/files/run_directory.h"
#include "core/safetensors/safetensors.h"

namespace filigree::checkpoint {

/// What is saved, or what one rank saves of it. Files are named by their stem: {"trained", tensors} is written as
/// trained.safetensors, or as trained-00002-of-00004.safetensors by the third of four ranks.
struct CheckpointData {
  int64_t step = 0;
  nlohmann::json state;
  std::vector<std::pair<std::string, NamedTensors>> files;
  TensorParts parts = {};  ///< of those tensors that are not whole

  uint64_t bytes() const;  ///< of the tensors
};

/// Writes the files into a folder that CheckpointStore::begin() made; any rank. DataError when the disk refuses.
std::vector<ManifestFile> write_files(const CheckpointData& data, const std::string& folder, int rank = 0,
                                      int ranks = 1);

struct CheckpointInfo {
  int64_t step = 0;
  std::string path;  ///< the step-… directory
};

/// A checkpoint that was passed over, and why.
struct Rejected {
  std::string path;
  std::string reason;
};

/// A checkpoint that is open for reading: tensors by file stem, then by name, put together from the parts that the
/// ranks wrote. Only the bytes that are asked for are read, into tensors on the CPU.
class Loaded {
 public:
  CheckpointInfo info;
  nlohmann::json state;
  int version = 0;  ///< of the manifest

  std::vector<std::string> names(const std::string& file) const;  ///< of its tensors
  bool contains(const std::string& file, const std::string& name) const;
  /// DataError when it is absent.
  at::Tensor tensor(const std::string& file, const std::string& name) const;
  std::vector<int64_t> shape(const std::string& file, const std::string& name) const;  ///< of the whole tensor
  /// Some lines of it along a dimension, whatever way it was divided when it was saved.
  at::Tensor lines(const std::string& file, const std::string& name, int64_t dim, const dist::LineRange& wanted) const;

 private:
  friend Loaded open_checkpoint(const CheckpointInfo& info);
  struct Piece {
    std::shared_ptr<SafetensorsReader> file;
    std::optional<TensorPart> part;  ///< none: the whole tensor
  };
  using Pieces = std::vector<Piece>;  ///< one after another along the dimension that they divide
  const Pieces& find(const std::string& file, const std::string& name) const;
  void add_file(const ManifestFile& file);
  void put_in_order();
  static bool follow_one_another(Pieces& pieces);

  std::map<std::string, std::map<std::string, Pieces>> tensors_;
};

/// Checkpoints in a folder, newest first, unverified. Empty when there is no such folder; DataError when it cannot be
/// listed.
std::vector<CheckpointInfo> list_checkpoints(const std::string& dir);

/// Verifies sizes and checksums of one checkpoint; what is wrong with it, or nothing. DataError when it cannot be read
/// by this process or this version: then it may be good, and to pass over it would overwrite it.
std::optional<std::string> find_fault(const CheckpointInfo& info);

/// The newest checkpoint that is whole; those passed over are appended to `rejected`. DataError as find_fault().
std::optional<CheckpointInfo> newest_whole(const std::string& dir, std::vector<Rejected>* rejected = nullptr);

/// The one marked best, if it is still there.
std::optional<CheckpointInfo> best_checkpoint(const std::string& dir);

/// A step-… directory named by the user.
CheckpointInfo checkpoint_at(const std::string& path);

/// Verifies, then opens. DataError when it is not whole.
Loaded load(const CheckpointInfo& info);

/// Opens a checkpoint that another rank has verified.
Loaded open_checkpoint(const CheckpointInfo& info);

/// The state alone, without the tensors. DataError when it is not whole.
nlohmann::json load_state(const CheckpointInfo& info);

/// The writer of a run's checkpoints: one process, which holds the run directory's lock for its lifetime. Ignores
/// SIGXFSZ from then on, so that a file size limit is an error of the write and not the end of the process.
class CheckpointStore {
 public:
  /// Opens the run directory (core/files/run_directory.h) and makes its checkpoints folder; leftovers of killed runs
  /// are removed. UsageError when another run holds the lock, or the directory holds anything and is not a run.
  CheckpointStore(const std::string& run_dir, int64_t keep);

  const files::RunDirectory& run() const { return run_; }

  /// Returns when the checkpoint is safely on the disk. Replaces one of the same step.
  void save(const CheckpointData& data);

  /// The same in parts, for ranks that write together: begin() makes a folder for write_files() of every rank; commit()
  /// makes a checkpoint of it, give_up() removes it and throws a DataError that says what to do.
  std::string begin(int64_t step) const;
  void commit(int64_t step, const nlohmann::json& state, const std::vector<ManifestFile>& files);
  [[noreturn]] void give_up(int64_t step, uint64_t bytes, const std::string& message) const;

  /// Marks a checkpoint that exists; the one marked before it is no longer kept for that.
  void mark_best(int64_t step);
  std::optional<CheckpointInfo> best() const { return best_checkpoint(dir_); }

  std::optional<CheckpointInfo> newest_whole(std::vector<Rejected>* rejected = nullptr) const;
  Loaded load(const CheckpointInfo& info) const { return checkpoint::load(info); }

  /// A run goes on from `step`: removes what lies after it, which will be written again, and marks the best one as the
  /// state of that step knows it (the marker may be a save ahead or behind after a kill).
  void rewind(int64_t step, std::optional<int64_t> best = std::nullopt);

  /// Before the first step: DataError when the disk cannot hold the checkpoints that `keep` asks for, of `bytes` each.
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
};

}  // namespace filigree::checkpoint
