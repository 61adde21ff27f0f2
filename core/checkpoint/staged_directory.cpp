#include "core/checkpoint/staged_directory.h"

#include "core/checkpoint/paths.h"
#include "core/error.h"
#include "core/files/disk.h"

namespace filigree::checkpoint {
namespace {

namespace fs = std::filesystem;

void refuse_occupied(const fs::path& dir) {
  std::error_code error;
  if (!fs::exists(dir, error)) return;
  if (!fs::is_directory(dir, error)) throw UsageError(fmt::format("{}: is a file, not a directory", dir.string()));
  if (fs::is_empty(dir, error) && !error) return;
  throw UsageError(
      fmt::format("{}: is not empty, and an export overwrites nothing; name a new directory", dir.string()));
}

}  // namespace

StagedDirectory::StagedDirectory(const std::string& dir, bool replace) {
  target_ = fs::absolute(dir).lexically_normal();
  if (!target_.has_filename()) target_ = target_.parent_path();  // "dir/" names dir
  if (!replace) refuse_occupied(target_);
  temporary_ = target_.parent_path() / fmt::format("{}export-{}", kTemporaryPrefix, target_.filename().string());
  std::error_code error;
  fs::remove_all(temporary_, error);
  fs::create_directories(temporary_, error);
  if (error) throw DataError(fmt::format("{}: cannot be made: {}", temporary_.string(), error.message()));
}

StagedDirectory::~StagedDirectory() {
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
}

void StagedDirectory::commit() {
  files::sync_directory(temporary_.string());
  std::error_code error;
  fs::remove_all(target_, error);
  if (!error) fs::rename(temporary_, target_, error);
  if (error) throw DataError(fmt::format("{}: cannot be written: {}", target_.string(), error.message()));
  files::sync_directory(target_.parent_path().string());
}

}  // namespace filigree::checkpoint
