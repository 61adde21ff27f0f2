#pragma once
// The directory of an export, which is whole or absent: it is filled under a temporary name beside its place and
// renamed by commit(). What is not committed is removed. Several processes may export to one place: the first commit
// wins, the others are refused. What other exports left behind when they were killed is removed by the next one to the
// same place.
#include <filesystem>
#include <optional>
#include <string>

#include "core/files/read.h"

namespace filigree::files {

class StagedDirectory {
 public:
  enum class Existing {
    refuse,   ///< the directory must be absent or empty
    replace,  ///< a run's own export, which a resumed run writes again
  };

  /// UsageError when `dir` is a link or a file, or holds anything with Existing::refuse; DataError when the temporary
  /// directory cannot be made.
  StagedDirectory(const std::string& dir, Existing existing);
  ~StagedDirectory();
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;

  const std::filesystem::path& path() const { return temporary_; }  ///< where to write

  /// Seals (core/files/ownership.h), syncs and renames. UsageError when another process has put something in place
  /// meanwhile. With Existing::replace a directory that is not an untouched export of filigree is kept under the
  /// returned name.
  std::optional<std::string> commit();

 private:
  void put_in_place();
  std::optional<std::string> replace();

  Existing existing_;
  std::filesystem::path target_, temporary_;
  Descriptor lock_;  ///< on the temporary directory: tells a running export from a leftover
};

}  // namespace filigree::files
