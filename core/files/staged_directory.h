#pragma once
// The directory of an export, which is complete or absent: it is filled under a temporary name next to its target, and
// commit() renames it. The destructor removes what is not committed. Several processes may export to the same target:
// the first commit wins, the others fail. The next export to a target removes what killed exports left there.
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

  /// UsageError if `dir` is a link or a file, or is not empty with Existing::refuse; DataError if the temporary
  /// directory cannot be created.
  StagedDirectory(const std::string& dir, Existing existing);
  ~StagedDirectory();
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;

  const std::filesystem::path& path() const { return temporary_; }  ///< where to write

  /// Seals (core/files/ownership.h), syncs and renames. UsageError if another process has written to the target in the
  /// meantime. With Existing::replace, a directory that is not an untouched filigree export is kept under the returned
  /// name.
  std::optional<std::string> commit();

 private:
  void put_in_place();
  std::optional<std::string> replace();

  Existing existing_;
  std::filesystem::path target_, temporary_;
  Descriptor lock_;  ///< on the temporary directory: distinguishes a running export from a leftover
};

}  // namespace filigree::files
