#pragma once
// XXH3 checksums of text and files, as 16 hex digits.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace filigree::files {

struct FileHash {
  uint64_t bytes = 0;  ///< size of the file
  std::string xxh3;    ///< 16 hex digits
};

std::string hash_text(std::string_view bytes);

/// Hash of a regular file. DataError if it cannot be read.
FileHash hash_file(const std::string& path);

/// Reads a regular file in pieces, calls consume(bytes, size) for each, and returns the file's size. DataError if it
/// cannot be read.
uint64_t read_through(const std::string& path, const std::function<void(const char*, size_t)>& consume);

}  // namespace filigree::files
