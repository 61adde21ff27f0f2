#include "core/checkpoint/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <set>

#include "core/checkpoint/paths.h"
#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/hash.h"
#include "core/files/ownership.h"

namespace filigree::checkpoint {
namespace {

namespace fs = std::filesystem;

/// Swaps two directories atomically; false if the file system cannot do this.
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

/// Whether begin(), put_in_place() or remove() creates such names.
bool is_leftover(const std::string& name) {
  const auto made_for = [&](const char* purpose) {
    return name.starts_with(fmt::format("{}{}{}", kTemporaryPrefix, purpose, kStepPrefix));
  };
  return made_for("") || made_for("old-") || made_for("delete-");
}

bool may_be_checkpoint_file(const std::string& name) { return name == kManifestName || name.ends_with(kTensorSuffix); }

/// Accepts the files listed in the manifest; if it cannot be read, any name that a checkpoint's file may have.
std::function<bool(const std::string&)> files_of_checkpoint(const std::string& path) {
  try {
    std::set<std::string> names{kManifestName};
    for (const ManifestFile& file : read_manifest(path).files) names.insert(file.name);
    return [names = std::move(names)](const std::string& name) { return names.contains(name); };
  } catch (const DataError&) {
    return may_be_checkpoint_file;
  }
}

/// Removes only a checkpoint's own files; a folder that contains anything else stays.
void remove_now(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(fs::symlink_status(path, ignored))) files::remove_own(path, files_of_checkpoint(path));
}

/// Renames a checkpoint to which a user added something, or a link in its place; false if there is no need.
bool keep_for_user(const std::string& path) {
  if (files::holds_only(path, files_of_checkpoint(path))) return false;
  files::set_aside(path);
  return true;
}

const std::string kMakeRoom =
    "Free some space, lower checkpoint.keep, raise the file size limit (ulimit -f), or choose another --out";

/// Advice for a checkpoint that could not be written although there is room for it now.
std::string advice_for(const std::string& message) {
  const auto tells = [&](std::initializer_list<int> codes) {
    return std::ranges::any_of(codes, [&](int code) { return message.find(std::strerror(code)) != std::string::npos; });
  };
  if (tells({ENOSPC, EDQUOT, EFBIG})) return kMakeRoom;
  if (tells({EACCES, EPERM, EROFS})) return "Make the folder writable by all ranks or choose another --out";
  return "Check the disk and its file system for faults, or choose another --out";
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
    : run_(run_dir), dir_(run_.folder(files::run_names::kCheckpoints)), keep_(keep) {
  files::ignore_file_size_signal();
  remove_leftovers();
}

void CheckpointStore::remove_leftovers() {
  files::remove_leftovers_of(dir_ + "/" + kBestName);
  for (const std::string& name : files::entries_of(dir_))
    if (is_leftover(name)) remove_now(dir_ + "/" + name);
}

std::vector<ManifestFile> write_files(const CheckpointData& data, const std::string& folder, int rank, int ranks) {
  files::ignore_file_size_signal();
  std::vector<ManifestFile> files;
  for (const auto& [stem, tensors] : data.files) {
    if (tensors.empty() && ranks > 1) continue;
    ManifestFile file{file_name(stem, rank, ranks), {}};
    const std::string path = folder + "/" + file.name;
    write_safetensors(path, tensors);
    file.hash = files::hash_file(path);
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
  run_.folder(files::run_names::kCheckpoints);
  const std::string folder = temporary(step);
  remove_now(folder);
  if (::mkdir(folder.c_str(), 0777) != 0)
    throw DataError(fmt::format("{}: cannot be created: {}", folder, std::strerror(errno)));
  return folder;
}

void CheckpointStore::commit(int64_t step, const nlohmann::json& state, const std::vector<ManifestFile>& files) {
  const std::string folder = temporary(step);
  files::write_file(manifest_path(folder), to_text(Manifest{step, state, files}));
  files::sync_directory(folder);
  put_in_place(folder, dir_ + "/" + directory_name(step));
  retire_old(step);
}

void CheckpointStore::put_in_place(const std::string& temporary, const std::string& target) const {
  if (!fs::exists(fs::symlink_status(target)) || keep_for_user(target)) {
    rename_or_throw(temporary, target);
  } else if (!exchange(temporary, target)) {
    // Without the exchange, neither is in place for a moment; older checkpoints cover this case.
    const std::string old = aside(dir_, "old", fs::path(target).filename().string());
    rename_or_throw(target, old);
    rename_or_throw(temporary, target);
    remove(old);
  }
  files::sync_directory(dir_);
  remove_now(temporary);  // after an exchange: the one that was replaced
}

void CheckpointStore::retire_old(int64_t newest) {
  const auto marked = best();
  int64_t kept = 0;
  for (const auto& info : list_checkpoints(dir_)) {
    const bool among_newest = info.step == newest || (kept < keep_ && info.step < newest);
    if (among_newest) ++kept;
    const bool wanted = among_newest || pinned_.contains(info.step) || (marked && marked->step == info.step);
    if (!wanted) remove(info.path);
  }
}

void CheckpointStore::remove(const std::string& path) const {
  // Rename first, so that no reader sees half of it. What cannot be removed now is retried at the next start.
  if (keep_for_user(path)) return;
  const std::string away = aside(dir_, "delete", fs::path(path).filename().string());
  if (::rename(path.c_str(), away.c_str()) == 0) remove_now(away);
}

void CheckpointStore::mark_best(int64_t step) {
  FG_CHECK(fs::exists(manifest_path(dir_ + "/" + directory_name(step))), "step {} was not saved", step);
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

void CheckpointStore::bring(const CheckpointInfo& other) {
  const std::string target = dir_ + "/" + directory_name(other.step);
  if (fs::exists(fs::symlink_status(target))) return;
  const std::string folder = begin(other.step);
  for (const ManifestFile& file : read_manifest(other.path).files)
    files::copy_file(other.path + "/" + file.name, folder + "/" + file.name);
  files::copy_file(manifest_path(other.path), manifest_path(folder));
  files::sync_directory(folder);
  put_in_place(folder, target);
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
  // At the peak the disk holds the kept ones, the best and the one being written; existing ones count as kept.
  const auto wanted = static_cast<uint64_t>(std::max<int64_t>(keep_, 1)) + pinned_.size() + 2;
  const auto present = static_cast<uint64_t>(list_checkpoints(dir_).size());
  const uint64_t needed = bytes * (wanted - std::min(wanted - 1, present));
  const uint64_t available = files::free_bytes(dir_);
  if (available < needed)
    throw DataError(fmt::format(
        "{}: checkpoints of {} each need {} (checkpoint.keep: {}, the best, and one being written), but "
        "only {} is free; free some space, lower checkpoint.keep, or choose another --out",
        dir_, files::format_bytes(bytes), files::format_bytes(needed), keep_, files::format_bytes(available)));
}

void CheckpointStore::give_up(int64_t step, uint64_t bytes, const std::string& message) const {
  run_.require_present();
  remove_now(temporary(step));
  const uint64_t available = std::min(files::free_bytes(dir_), files::file_size_limit());
  const bool full = available < bytes + bytes / 8 + 65536;
  const std::string advice = full ? kMakeRoom : advice_for(message);
  const auto last = newest_whole();
  throw DataError(
      fmt::format("{}\nThe checkpoint of step {} needs {}; {} is available. {} {}, then start the run again{}", message,
                  step, files::format_bytes(bytes), files::format_bytes(available),
                  last ? fmt::format("The newest complete one is {}.", last->path) : "There is no older one.", advice,
                  last ? ": it resumes from there" : ""));
}

}  // namespace filigree::checkpoint
