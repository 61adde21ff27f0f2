#pragma once
// The content hash that names a base model.
#include <string>

namespace filigree::checkpoint {

/// Content hash of a model's weights ("xxh3:" + 32 hex digits of XXH3-128) over its safetensors files in the
/// order of their names. model_dir: any path that SafetensorsReader::open() accepts.
std::string content_hash(const std::string& model_dir);

}  // namespace filigree::checkpoint
