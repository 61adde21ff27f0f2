// The reading half of store.h: needs no lock and changes nothing.
#include <algorithm>
#include <filesystem>

#include "core/checkpoint/manifest.h"
#include "core/checkpoint/paths.h"
#include "core/checkpoint/store.h"
#include "core/error.h"
#include "core/files/read.h"

namespace filigree::checkpoint {
namespace {

namespace fs = std::filesystem;

Manifest verified_manifest(const CheckpointInfo& info) {
  auto manifest = read_manifest(info.path);
  if (const auto fault = find_fault(info.path, manifest))
    throw DataError(fmt::format("{}: the checkpoint is damaged; use an older one", *fault));
  return manifest;
}

}  // namespace

std::vector<CheckpointInfo> list_checkpoints(const std::string& dir) {
  std::vector<CheckpointInfo> found;
  std::error_code problem;
  fs::directory_iterator it(dir, problem);
  for (const fs::directory_iterator end; !problem && it != end; it.increment(problem)) {
    const auto step = step_of(it->path().filename().string());
    std::error_code gone;
    if (step && it->is_directory(gone)) found.push_back({*step, it->path().string()});
  }
  if (problem && problem != std::errc::no_such_file_or_directory && problem != std::errc::not_a_directory)
    throw DataError(fmt::format("{}: cannot be listed: {}", dir, problem.message()));
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.step > b.step; });
  return found;
}

std::optional<std::string> find_fault(const CheckpointInfo& info) {
  try {
    const Manifest manifest = read_manifest(info.path);
    if (manifest.step != info.step)
      return fmt::format("{}: contains step {}, but its name is that of step {}", info.path, manifest.step, info.step);
    return find_fault(info.path, manifest);
  } catch (const files::Unreadable& e) {
    throw DataError(fmt::format("{}\nThe checkpoint may be good and is not skipped: make it readable, or move {} away",
                                e.what(), info.path));
  } catch (const UserError& e) {
    return e.what();
  }
}

std::optional<CheckpointInfo> newest_whole(const std::string& dir, std::vector<Rejected>* rejected) {
  for (const auto& info : list_checkpoints(dir)) {
    const auto fault = find_fault(info);
    if (!fault) return info;
    if (rejected) rejected->push_back({info.path, *fault});
  }
  return std::nullopt;
}

std::optional<CheckpointInfo> best_checkpoint(const std::string& dir) {
  const std::string marker = dir + "/" + kBestName;
  if (!fs::exists(marker)) return std::nullopt;
  const auto json = nlohmann::json::parse(files::read_file(marker), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.value("step", nlohmann::json()).is_number_integer()) return std::nullopt;
  CheckpointInfo info{json["step"], (fs::path(dir) / directory_name(json["step"])).string()};
  if (!fs::is_directory(info.path)) return std::nullopt;
  return info;
}

CheckpointInfo checkpoint_at(const std::string& path) {
  const std::string plain = path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  if (!fs::is_directory(plain)) throw DataError(fmt::format("{}: there is no such checkpoint", path));
  return {read_manifest(plain).step, plain};
}

Loaded load(const CheckpointInfo& info) {
  verified_manifest(info);
  return open_checkpoint(info);
}

nlohmann::json load_state(const CheckpointInfo& info) { return verified_manifest(info).state; }

}  // namespace filigree::checkpoint
