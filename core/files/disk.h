#pragma once
// Durable file writes: data is on disk when write_file() or replace_file() returns. Every failure is a DataError with
// the path and the reason. A symbolic link at the path of a file is never followed for writing.
#include <cstdint>
#include <string>
#include <string_view>

#include "core/files/read.h"

namespace filigree::files {

/// Opens or creates a regular file for writing; `flags` are additional flags of open(2). Does not follow a link at
/// `path` and does not block.
Descriptor open_for_writing(const std::string& path, int flags);

/// Writes all of `text`. `path` is for the message.
void write_all(int fd, const std::string& path, std::string_view text);

/// Creates or truncates the file, writes and syncs.
void write_file(const std::string& path, const std::string& text);

/// Writes a temporary file, syncs it, renames it over `path` and syncs the directory: readers see the old or the new
/// text, never a part. A link at `path` is replaced, not followed.
void replace_file(const std::string& path, const std::string& text);

/// Copies a regular file to a new or existing one in pieces, and syncs it.
void copy_file(const std::string& from, const std::string& to);

/// Removes temporary files that replace_file() of killed processes left next to `path`. No process may replace `path`
/// at the same time.
void remove_leftovers_of(const std::string& path);

/// Syncs the entries of a directory to disk. Call it after creating or renaming files in it.
void sync_directory(const std::string& path);

/// From now on a write beyond the file size limit fails with EFBIG; by default it kills the process.
void ignore_file_size_signal();

/// Bytes that this user can still write to the file system of `dir`.
uint64_t free_bytes(const std::string& dir);

/// The largest file that this process may write (RLIMIT_FSIZE).
uint64_t file_size_limit();

std::string format_bytes(uint64_t bytes);  ///< "512 B", "1.5 KB", "90.9 MB"

}  // namespace filigree::files
