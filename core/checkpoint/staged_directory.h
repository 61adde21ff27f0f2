#pragma once
// A directory that is whole or absent: it is filled under a temporary name beside its place and renamed by commit().
// What is not committed is removed.
#include <filesystem>
#include <string>

namespace filigree::checkpoint {

class StagedDirectory {
 public:
  /// Throws UsageError when `dir` is a file or holds anything, unless `replace`; DataError when it cannot be made.
  StagedDirectory(const std::string& dir, bool replace);
  ~StagedDirectory();
  StagedDirectory(const StagedDirectory&) = delete;

  const std::filesystem::path& path() const { return temporary_; }  ///< where to write
  void commit();                                                    ///< syncs and renames

 private:
  std::filesystem::path target_, temporary_;
};

}  // namespace filigree::checkpoint
