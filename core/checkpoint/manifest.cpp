#include "core/checkpoint/manifest.h"

#include <filesystem>
#include <string_view>

#include "core/checkpoint/disk.h"
#include "core/error.h"

namespace filigree::checkpoint {
namespace {

constexpr std::string_view kFormat = "filigree-checkpoint";
constexpr int kVersion = 1;
constexpr std::string_view kLead = "{\"xxh3\":\"";
constexpr size_t kDigits = 16;

/// A name in the manifest must not lead out of the checkpoint's directory.
bool plain_name(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name != "." && name != "..";
}

Manifest parse(const std::string& path, const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  if (json.at("format") != kFormat) throw DataError(fmt::format("{}: is not a manifest of filigree", path));
  const int version = json.at("version").get<int>();
  if (version != kVersion)
    throw DataError(
        fmt::format("{}: has format version {}, this program reads version {}; use the release that wrote it", path,
                    version, kVersion));
  Manifest manifest;
  manifest.step = json.at("step").get<int64_t>();
  manifest.state = json.at("state");
  for (const auto& entry : json.at("files")) {
    ManifestFile file{entry.at("name"), {entry.at("bytes").get<uint64_t>(), entry.at("xxh3")}};
    if (!plain_name(file.name))
      throw DataError(fmt::format("{}: lists a file '{}' outside its directory", path, file.name));
    manifest.files.push_back(std::move(file));
  }
  return manifest;
}

}  // namespace

std::string to_text(const Manifest& manifest) {
  nlohmann::ordered_json body = {{"format", kFormat}, {"version", kVersion}, {"step", manifest.step}};
  body["files"] = nlohmann::ordered_json::array();
  for (const auto& file : manifest.files)
    body["files"].push_back({{"name", file.name}, {"bytes", file.hash.bytes}, {"xxh3", file.hash.xxh3}});
  body["state"] = nlohmann::ordered_json(manifest.state);
  const std::string rest = "\"," + body.dump().substr(1) + "\n";
  return std::string(kLead) + hash_text(rest) + rest;
}

Manifest read_manifest(const std::string& dir) {
  const std::string path = dir + "/" + kManifestName;
  if (!std::filesystem::exists(path))
    throw DataError(fmt::format("{}: is missing, so the checkpoint was never finished", path));
  const std::string text = read_file(path);
  const size_t head = kLead.size() + kDigits;
  if (text.size() <= head || !text.starts_with(kLead) ||
      text.substr(kLead.size(), kDigits) != hash_text(text.substr(head)))
    throw DataError(fmt::format("{}: does not match its own checksum: damaged or cut short", path));
  try {
    return parse(path, text);
  } catch (const nlohmann::json::exception& e) {
    throw DataError(fmt::format("{}: is not as this version writes it: {}", path, e.what()));
  }
}

std::optional<std::string> find_fault(const std::string& dir, const Manifest& manifest) {
  for (const auto& file : manifest.files) {
    const std::string path = dir + "/" + file.name;
    std::error_code problem;
    const auto size = std::filesystem::file_size(path, problem);
    if (problem) return fmt::format("{}: {}", path, problem.message());
    if (size != file.hash.bytes)
      return fmt::format("{}: has {} bytes, the manifest says {}", path, size, file.hash.bytes);
    if (hash_file(path).xxh3 != file.hash.xxh3) return fmt::format("{}: does not match its checksum", path);
  }
  return std::nullopt;
}

}  // namespace filigree::checkpoint
