#pragma once
// A file that grows: opened without following a link, and found missing when it is removed.
#include <string>
#include <string_view>

#include "core/files/read.h"

namespace filigree::files {

class AppendFile {
 public:
  enum class Mode { create, append, truncate };  ///< create: the file must be new

  /// Writes nothing; append() throws.
  AppendFile() = default;
  /// DataError when it cannot be opened, or is a link or not a regular file.
  AppendFile(const std::string& path, Mode mode);

  /// Writes all of `text`. DataError when the disk refuses, or when the file no longer lies at its path.
  void append(std::string_view text);
  void sync();  ///< returns when the file is on the disk
  const std::string& path() const { return path_; }

 private:
  void require_present() const;

  std::string path_;
  Descriptor file_;
};

}  // namespace filigree::files
