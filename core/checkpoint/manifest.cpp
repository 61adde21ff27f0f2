#include "core/checkpoint/manifest.h"

#include <filesystem>
#include <string_view>

#include "core/counted.h"
#include "core/error.h"
#include "core/files/json.h"
#include "core/files/read.h"

namespace filigree::checkpoint {
namespace {

constexpr std::string_view kFormat = "filigree-checkpoint";
constexpr int kOldestVersion = 1;  // no parts: every file held full tensors; 2: see core/run/state/saved_state.h
constexpr std::string_view kLead = "{\"xxh3\":\"";
constexpr size_t kDigits = 16;

/// A name in the manifest must not point outside the checkpoint's directory.
bool plain_name(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name != "." && name != "..";
}

bool in_range(const TensorPart& part) {
  if (part.dim < 0 || part.dim >= static_cast<int64_t>(part.shape.size())) return false;
  const auto size = part.shape[static_cast<size_t>(part.dim)];
  return 0 <= part.lines.begin && part.lines.begin <= part.lines.end && part.lines.end <= size;
}

Manifest parse(const std::string& path, const std::string& text) {
  const auto json = files::parse_json(text, path);
  if (json.at("format") != kFormat) throw DataError(fmt::format("{}: is not a filigree manifest", path));
  for (const char* key : {"version", "step"})
    if (!json.at(key).is_number_integer()) throw DataError(fmt::format("{}: {}: must be a whole number", path, key));
  const auto version = json.at("version").get<int64_t>();
  if (version < kOldestVersion || version > kManifestVersion)
    throw files::Unreadable(
        fmt::format("{}: has format version {}, but this program reads {} to {}; use the release that wrote it", path,
                    version, kOldestVersion, kManifestVersion));
  Manifest manifest;
  manifest.version = static_cast<int>(version);
  manifest.step = json.at("step").get<int64_t>();
  if (manifest.step < 0) throw DataError(fmt::format("{}: step: is {}, but must be at least 0", path, manifest.step));
  manifest.state = json.at("state");
  for (const auto& entry : json.at("files")) {
    ManifestFile file = manifest_file_from(entry);
    if (!plain_name(file.name))
      throw DataError(fmt::format("{}: lists a file '{}' outside its directory", path, file.name));
    manifest.files.push_back(std::move(file));
  }
  return manifest;
}

std::string read_text(const std::string& path) {
  std::error_code problem;
  if (!std::filesystem::exists(path, problem) && !problem)
    throw DataError(fmt::format("{}: is missing, so the checkpoint was never finished", path));
  return files::read_file(path);
}

}  // namespace

nlohmann::ordered_json to_json(const ManifestFile& file) {
  nlohmann::ordered_json json = {{"name", file.name}, {"bytes", file.hash.bytes}, {"xxh3", file.hash.xxh3}};
  for (const auto& [name, part] : file.parts)
    json["parts"][name] = {
        {"dim", part.dim}, {"begin", part.lines.begin}, {"end", part.lines.end}, {"shape", part.shape}};
  return json;
}

ManifestFile manifest_file_from(const nlohmann::json& json) {
  ManifestFile file{json.at("name"), {json.at("bytes").get<uint64_t>(), json.at("xxh3")}};
  const auto parts = json.value("parts", nlohmann::json::object());
  for (const auto& [name, entry] : parts.items()) {
    const TensorPart part{entry.at("dim"), {entry.at("begin"), entry.at("end")}, entry.at("shape")};
    if (!in_range(part)) throw DataError(fmt::format("{}: the part of '{}' is out of range", file.name, name));
    file.parts[name] = part;
  }
  return file;
}

std::string to_text(const Manifest& manifest) {
  nlohmann::ordered_json body = {{"format", kFormat}, {"version", manifest.version}, {"step", manifest.step}};
  body["files"] = nlohmann::ordered_json::array();
  for (const auto& file : manifest.files) body["files"].push_back(to_json(file));
  body["state"] = nlohmann::ordered_json(manifest.state);
  const std::string rest = "\"," + body.dump().substr(1) + "\n";
  return std::string(kLead) + files::hash_text(rest) + rest;
}

std::string manifest_path(const std::string& dir) { return dir + "/" + kManifestName; }

Manifest read_manifest(const std::string& dir) {
  const std::string path = manifest_path(dir);
  const std::string text = read_text(path);
  const size_t head = kLead.size() + kDigits;
  if (text.size() <= head || !text.starts_with(kLead) ||
      text.substr(kLead.size(), kDigits) != files::hash_text(text.substr(head)))
    throw DataError(fmt::format("{}: does not match its own checksum: damaged or cut short", path));
  return files::take_values(path, [&] { return parse(path, text); });
}

std::string manifest_hash(const std::string& dir) { return files::hash_text(read_text(manifest_path(dir))); }

std::optional<std::string> find_fault(const std::string& dir, const Manifest& manifest) {
  for (const auto& file : manifest.files) {
    const std::string path = dir + "/" + file.name;
    std::error_code problem;
    const auto size = std::filesystem::file_size(path, problem);
    if (problem == std::errc::no_such_file_or_directory) return fmt::format("{}: {}", path, problem.message());
    if (problem) throw files::Unreadable(fmt::format("{}: {}", path, problem.message()));
    if (size != file.hash.bytes)
      return fmt::format("{}: has {}, but the manifest lists {}", path, counted(size, "byte"), file.hash.bytes);
    if (files::hash_file(path).xxh3 != file.hash.xxh3) return fmt::format("{}: does not match its checksum", path);
  }
  return std::nullopt;
}

}  // namespace filigree::checkpoint
