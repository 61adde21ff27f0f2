#pragma once
// An append-only file. It is opened without following a link, and a later removal or replacement is detected.
#include <string>
#include <string_view>

#include "core/files/read.h"

namespace filigree::files {

class AppendFile {
 public:
  enum class Mode { create, append };  ///< create: the file must be new

  /// Not open: append() throws.
  AppendFile() = default;
  /// DataError if it cannot be opened, or is a link or not a regular file.
  AppendFile(const std::string& path, Mode mode);

  /// Writes all of `text`. DataError if the write fails, or if the file is no longer at its path.
  void append(std::string_view text);
  void sync();  ///< returns when the file's data is on disk
  const std::string& path() const { return path_; }
  int descriptor() const { return file_.get(); }  ///< for a signal handler

 private:
  void require_present() const;

  std::string path_;
  Descriptor file_;
};

}  // namespace filigree::files
