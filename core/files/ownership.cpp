#include "core/files/ownership.h"

#include <fcntl.h>
#include <unistd.h>

#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "core/files/disk.h"
#include "core/files/hash.h"
#include "core/files/json.h"

namespace filigree::files {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kLayoutVersion = 1;
constexpr size_t kListed = 4;
constexpr uintmax_t kLargestMarker = uintmax_t{1} << 24;  // bytes; one line per file of an export
constexpr int kMostKept = 10'000;

const char* name_of(DirectoryKind kind) {
  if (kind == DirectoryKind::bench) return "bench";
  return kind == DirectoryKind::run ? "run" : "export";
}

std::string marker_path(const std::string& dir) { return dir + "/" + std::string(kMarkerName); }

json describe(const std::string& path) {
  const FileHash hash = hash_file(path);
  return {{"bytes", hash.bytes}, {"xxh3", hash.xxh3}};
}

bool is_plain_file(const std::string& path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type() == fs::file_type::regular;
}

/// What is in a directory and the directories in it: "a", "b/c"; of a directory, its name if it is empty.
std::vector<std::string> entries_below(const std::string& dir) {
  std::vector<std::string> found;
  for (const std::string& name : entries_of(dir)) {
    const std::string path = dir + "/" + name;
    std::error_code ignored;
    std::vector<std::string> below;
    if (fs::symlink_status(path, ignored).type() == fs::file_type::directory) below = entries_below(path);
    for (const std::string& other : below) found.push_back(fmt::format("{}/{}", name, other));
    if (below.empty()) found.push_back(name);
  }
  return found;
}

bool same_files(const std::string& dir, const json& sealed) {
  const std::vector<std::string> names = entries_below(dir);
  if (!sealed.is_object() || names.size() != sealed.size()) return false;
  return std::ranges::all_of(names, [&](const std::string& name) {
    const std::string path = dir + "/" + name;
    return sealed.contains(name) && is_plain_file(path) && describe(path) == sealed[name];
  });
}

}  // namespace

void write_marker(const std::string& dir, DirectoryKind kind, const json& details) {
  json marker = {{"filigree", name_of(kind)}, {"version", kLayoutVersion}};
  marker.update(details);
  replace_file(marker_path(dir), marker.dump() + "\n");
}

std::optional<json> read_marker(const std::string& dir, DirectoryKind kind) {
  const std::string path = marker_path(dir);
  std::error_code ignored;
  if (fs::symlink_status(path, ignored).type() == fs::file_type::not_found) return std::nullopt;
  json marker;
  if (is_plain_file(path) && fs::file_size(path, ignored) <= kLargestMarker) marker = read_json(path);
  const auto version = marker.is_object() ? marker.find("version") : marker.end();
  if (!marker.is_object() || !marker.contains("filigree") || version == marker.end() || !version->is_number_integer())
    throw DataError(
        fmt::format("{}: is not a marker file of filigree; move it away or choose another directory", path));
  if (*version > kLayoutVersion)
    throw DataError(fmt::format("{}: was written by a newer version of filigree (layout {}, this program supports {})",
                                path, version->dump(), kLayoutVersion));
  if (marker["filigree"] != name_of(kind)) return std::nullopt;
  return marker;
}

void add_to_marker(const std::string& dir, DirectoryKind kind, const std::string& key, const json& value) {
  json details = read_marker(dir, kind).value_or(json::object());
  details[key] = value;
  write_marker(dir, kind, details);
}

void seal_export(const std::string& dir) {
  json sealed = json::object();
  for (const std::string& name : entries_below(dir)) sealed[name] = describe(dir + "/" + name);
  write_marker(dir, DirectoryKind::model_export, {{"files", sealed}});
}

bool is_marked(const std::string& dir, DirectoryKind kind) {
  try {
    return read_marker(dir, kind).has_value();
  } catch (const DataError&) {
    return false;
  }
}

bool is_untouched_export(const std::string& dir) {
  if (!is_marked(dir, DirectoryKind::model_export)) return false;
  return same_files(dir, read_marker(dir, DirectoryKind::model_export)->value("files", json()));
}

std::vector<std::string> changed_since_export(const std::string& dir) {
  std::vector<std::string> changed;
  if (!is_marked(dir, DirectoryKind::model_export)) return changed;
  const json sealed = read_marker(dir, DirectoryKind::model_export)->value("files", json::object());
  for (const auto& [name, state] : sealed.items()) {
    const std::string path = dir + "/" + name;
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored) || describe(path) != state) changed.push_back(name);
  }
  return changed;
}

bool holds_only(const std::string& dir, const std::function<bool(const std::string& name)>& is_own) {
  std::error_code ignored;
  if (fs::symlink_status(dir, ignored).type() != fs::file_type::directory) return false;
  return std::ranges::all_of(entries_of(dir),
                             [&](const std::string& name) { return is_own(name) && is_plain_file(dir + "/" + name); });
}

void remove_own(const std::string& dir, const std::function<bool(const std::string& name)>& is_own) {
  std::error_code ignored;
  for (const std::string& name : entries_of(dir))
    if (is_own(name) && is_plain_file(dir + "/" + name)) fs::remove(dir + "/" + name, ignored);
  ::rmdir(dir.c_str());
}

std::string set_aside(const std::string& path) {
  for (int number = 1; number <= kMostKept; ++number) {
    const std::string kept = fmt::format("{}.kept-{}", path, number);
    if (::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, kept.c_str(), RENAME_NOREPLACE) == 0) return kept;
    if (errno == EEXIST) continue;
    const int code = errno;
    std::error_code ignored;
    // Some network file systems do not support RENAME_NOREPLACE.
    if (code == EINVAL && fs::exists(fs::symlink_status(kept, ignored))) continue;
    if (code == EINVAL && ::rename(path.c_str(), kept.c_str()) == 0) return kept;
    throw DataError(fmt::format("{}: cannot be renamed: {}", path, std::strerror(code)));
  }
  throw DataError(fmt::format("{}.kept-N: all {} names are taken; remove some of them", path, kMostKept));
}

std::vector<std::string> entries_of(const std::string& dir) {
  std::vector<std::string> names;
  std::error_code problem;
  for (fs::directory_iterator it(dir, problem), end; !problem && it != end; it.increment(problem))
    names.push_back(it->path().filename().string());
  if (problem) throw DataError(fmt::format("{}: cannot be listed: {}", dir, problem.message()));
  std::erase(names, kMarkerName);
  std::ranges::sort(names);
  return names;
}

std::string listed(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kListed);
  std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

}  // namespace filigree::files
