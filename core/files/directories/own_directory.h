#pragma once
// A directory that filigree creates and later writes to again: that of a run or of a bench. A directory that contains
// anything else is refused, so that nothing of a user's is overwritten. Messages name the flag that the user gave.
#include <string>

#include "core/files/ownership.h"

namespace filigree::files {

/// How messages name a directory of this kind.
struct DirectoryWords {
  DirectoryKind kind = DirectoryKind::run;
  std::string noun = "run";    ///< "is not a run of filigree"
  std::string flag = "--out";  ///< that the user gave it with
};

/// Changes nothing. Returns whether `path` has the marker; a new or an empty directory has none. UsageError if it is a
/// file, a link to nothing, or a directory of something else.
bool check_own_directory(const std::string& path, const DirectoryWords& words);

/// The same; creates and marks the directory if needed. DataError if it cannot be created or written.
void claim_own_directory(const std::string& path, const DirectoryWords& words);

/// Creates `dir`/`name` if needed and returns its path. DataError if a link or a file has the name.
std::string own_folder(const std::string& dir, const std::string& name, const DirectoryWords& words);

/// DataError: a symbolic link, or a file, is where filigree writes.
[[noreturn]] void fail_at_link(const std::string& path, const DirectoryWords& words);
[[noreturn]] void fail_at_file(const std::string& path, const DirectoryWords& words);

}  // namespace filigree::files
