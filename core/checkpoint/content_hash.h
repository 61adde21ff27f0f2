#pragma once
// XXH3 of files: what a checkpoint's manifest and the name of a base model are made of.
#include <cstdint>
#include <string>
#include <string_view>

namespace filigree::checkpoint {

/// 16 lower-case hex digits of XXH3-64.
std::string hash_text(std::string_view bytes);

struct FileHash {
  uint64_t bytes = 0;
  std::string xxh3;
};

/// Reads the whole file. DataError when it cannot be read.
FileHash hash_file(const std::string& path);

/// Content hash of a model's weights ("xxh3:" + 32 hex digits of XXH3-128) over its safetensors files in order of their
/// names. model_dir: what SafetensorsReader::open() takes.
std::string content_hash(const std::string& model_dir);

}  // namespace filigree::checkpoint
