#pragma once
// manifest.json of a checkpoint, written last: what makes a directory a checkpoint.
//
//   {"xxh3":"<16 hex digits: of all bytes after this value>",
//    "format":"filigree-checkpoint","version":1,"step":123,"files":[{"name":…,"bytes":…,"xxh3":…}],"state":{…}}
//
// The leading checksum covers the rest of the text, so that a flipped byte in the state is found as well.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/checkpoint/content_hash.h"

namespace filigree::checkpoint {

struct ManifestFile {
  std::string name;
  FileHash hash;
};

struct Manifest {
  int64_t step = 0;
  nlohmann::json state;
  std::vector<ManifestFile> files;
};

inline constexpr const char* kManifestName = "manifest.json";

std::string to_text(const Manifest& manifest);

/// Reads `dir`/manifest.json and checks its own checksum, but not the files. DataError says what is wrong.
Manifest read_manifest(const std::string& dir);

/// Compares sizes and checksums of the files with the manifest; what is wrong, or nothing.
std::optional<std::string> find_fault(const std::string& dir, const Manifest& manifest);

}  // namespace filigree::checkpoint
