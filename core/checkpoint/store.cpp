#include "core/checkpoint/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <initializer_list>

#include "core/checkpoint/paths.h"
#include "core/error.h"
#include "core/files/disk.h"

namespace filigree::checkpoint {
namespace {

namespace fs = std::filesystem;

/// Swaps two directories in one step; false where the file system cannot.
bool exchange(const std::string& a, const std::string& b) {
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0;
}

void rename_or_throw(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    throw DataError(fmt::format("{}: cannot be put in place: {}", to, std::strerror(errno)));
}

std::string aside(const std::string& dir, std::string_view purpose, const std::string& name) {
  return fmt::format("{}/{}{}-{}", dir, kTemporaryPrefix, purpose, name);
}

const std::string kMakeRoom =
    "Free some space, lower checkpoint.keep, raise the file size limit (ulimit -f), or choose another --out";

/// What to do about a checkpoint that could not be written though there is room for it now.
std::string advice_for(const std::string& message, const std::string& dir) {
  const auto tells = [&](std::initializer_list<int> codes) {
    return std::ranges::any_of(codes, [&](int code) { return message.find(std::strerror(code)) != std::string::npos; });
  };
  if (tells({ENOSPC, EDQUOT, EFBIG})) return kMakeRoom;
  if (!fs::exists(dir))
    return "The folder of the checkpoints was removed while the run went on. Choose an --out that stays";
  if (tells({EACCES, EPERM, EROFS})) return "Make the folder writable by all ranks or choose another --out";
  return "Look for a fault of the disk or of its file system, or choose another --out";
}

std::string file_name(const std::string& stem, int rank, int ranks) {
  const std::string number = ranks == 1 ? "" : fmt::format("{}{:05}{}{:05}", kRankMark, rank + 1, kRanksMark, ranks);
  return stem + number + std::string(kTensorSuffix);
}

}  // namespace

uint64_t CheckpointData::bytes() const {
  uint64_t total = 0;
  for (const auto& [stem, tensors] : files)
    for (const auto& [name, tensor] : tensors) total += tensor.nbytes();
  return total;
}

CheckpointStore::CheckpointStore(const std::string& run_dir, int64_t keep)
    : dir_(run_dir + "/checkpoints"), keep_(keep), lock_(run_dir) {
  files::ignore_file_size_signal();
  std::error_code problem;
  fs::create_directories(dir_, problem);
  if (problem) throw DataError(fmt::format("{}: cannot be made: {}; choose another --out", dir_, problem.message()));
  remove_leftovers();
}

void CheckpointStore::remove_leftovers() {
  std::error_code problem;
  std::vector<fs::path> leftovers;
  for (fs::directory_iterator it(dir_, problem), end; !problem && it != end; it.increment(problem))
    if (it->path().filename().string().starts_with(kTemporaryPrefix)) leftovers.push_back(it->path());
  for (const auto& path : leftovers) fs::remove_all(path, problem);
}

std::vector<ManifestFile> write_files(const CheckpointData& data, const std::string& folder, int rank, int ranks) {
  files::ignore_file_size_signal();
  std::vector<ManifestFile> files;
  for (const auto& [stem, tensors] : data.files) {
    if (tensors.empty() && ranks > 1) continue;
    ManifestFile file{file_name(stem, rank, ranks), {}};
    const std::string path = folder + "/" + file.name;
    write_safetensors(path, tensors);
    file.hash = hash_file(path);
    for (const auto& [name, tensor] : tensors)
      if (const auto part = data.parts.find(name); part != data.parts.end()) file.parts.insert(*part);
    files.push_back(std::move(file));
  }
  return files;
}

void CheckpointStore::save(const CheckpointData& data) {
  try {
    const std::string folder = begin(data.step);
    commit(data.step, data.state, write_files(data, folder));
  } catch (const UserError& e) {
    give_up(data.step, data.bytes(), e.what());
  }
}

std::string CheckpointStore::temporary(int64_t step) const {
  return dir_ + "/" + std::string(kTemporaryPrefix) + directory_name(step);
}

std::string CheckpointStore::begin(int64_t step) const {
  const std::string folder = temporary(step);
  std::error_code problem;
  fs::remove_all(folder, problem);
  if (::mkdir(folder.c_str(), 0777) != 0)
    throw DataError(fmt::format("{}: cannot be made: {}", folder, std::strerror(errno)));
  return folder;
}

void CheckpointStore::commit(int64_t step, const nlohmann::json& state, const std::vector<ManifestFile>& files) {
  const std::string folder = temporary(step);
  files::write_file(folder + "/" + kManifestName, to_text(Manifest{step, state, files}));
  files::sync_directory(folder);
  put_in_place(folder, dir_ + "/" + directory_name(step));
  retire_old(step);
}

void CheckpointStore::put_in_place(const std::string& temporary, const std::string& target) const {
  if (!fs::exists(target)) {
    rename_or_throw(temporary, target);
  } else if (!exchange(temporary, target)) {
    // Without the exchange there is a moment with neither in place; older checkpoints bridge it.
    const std::string old = aside(dir_, "old", fs::path(target).filename().string());
    rename_or_throw(target, old);
    rename_or_throw(temporary, target);
    remove(old);
  }
  files::sync_directory(dir_);
  std::error_code ignored;
  fs::remove_all(temporary, ignored);  // after an exchange: the one that was replaced
}

void CheckpointStore::retire_old(int64_t newest) {
  const auto marked = best();
  int64_t kept = 0;
  for (const auto& info : list_checkpoints(dir_)) {
    const bool among_newest = info.step == newest || (kept < keep_ && info.step < newest);
    if (among_newest) ++kept;
    if (!among_newest && !(marked && marked->step == info.step)) remove(info.path);
  }
}

void CheckpointStore::remove(const std::string& path) const {
  // Renamed first, so that no reader meets half of it. What cannot be removed now is tried again at the next start.
  const std::string away = aside(dir_, "delete", fs::path(path).filename().string());
  std::error_code ignored;
  if (::rename(path.c_str(), away.c_str()) == 0) fs::remove_all(away, ignored);
}

void CheckpointStore::mark_best(int64_t step) {
  FG_CHECK(fs::exists(dir_ + "/" + directory_name(step) + "/" + kManifestName), "step {} was not saved", step);
  write_best(step);
  const auto all = list_checkpoints(dir_);
  if (!all.empty()) retire_old(all.front().step);
}

void CheckpointStore::write_best(int64_t step) const {
  files::replace_file(dir_ + "/" + kBestName, nlohmann::json({{"step", step}}).dump() + "\n");
}

std::optional<CheckpointInfo> CheckpointStore::newest_whole(std::vector<Rejected>* rejected) const {
  return checkpoint::newest_whole(dir_, rejected);
}

void CheckpointStore::rewind(int64_t step, std::optional<int64_t> best) {
  std::error_code ignored;
  const auto marked = checkpoint::best_checkpoint(dir_);
  if (marked && marked->step > step) fs::remove(dir_ + "/" + kBestName, ignored);
  for (const auto& info : list_checkpoints(dir_)) {
    if (info.step > step) remove(info.path);
    if (best == info.step && info.step <= step) write_best(info.step);
  }
  files::sync_directory(dir_);
}

void CheckpointStore::check_space(uint64_t bytes) const {
  // At the peak there are the kept ones, the best, and the one being written; those of an earlier start count as kept.
  const auto wanted = static_cast<uint64_t>(std::max<int64_t>(keep_, 1)) + 2;
  const auto present = static_cast<uint64_t>(list_checkpoints(dir_).size());
  const uint64_t needed = bytes * (wanted - std::min(wanted - 1, present));
  const uint64_t available = files::free_bytes(dir_);
  if (available < needed)
    throw DataError(fmt::format(
        "{}: checkpoints of {} each need {} (checkpoint.keep: {}, the best, and one being written), and "
        "only {} are free; free some space, lower checkpoint.keep, or choose another --out",
        dir_, files::format_bytes(bytes), files::format_bytes(needed), keep_, files::format_bytes(available)));
}

void CheckpointStore::give_up(int64_t step, uint64_t bytes, const std::string& message) const {
  std::error_code ignored;
  fs::remove_all(temporary(step), ignored);
  const uint64_t available = std::min(files::free_bytes(dir_), files::file_size_limit());
  const bool full = available < bytes + bytes / 8 + 65536;
  const std::string advice = full ? kMakeRoom : advice_for(message, dir_);
  const auto last = newest_whole();
  throw DataError(
      fmt::format("{}\nThe checkpoint of step {} needs {}; {} can be written there. {} {}, then start the run again{}",
                  message, step, files::format_bytes(bytes), files::format_bytes(available),
                  last ? fmt::format("The last whole one is {}.", last->path) : "There is no older one.", advice,
                  last ? ": it goes on from there" : ""));
}

}  // namespace filigree::checkpoint
