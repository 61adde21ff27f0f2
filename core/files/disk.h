#pragma once
// Files that are safely on the disk when a function returns. Every refusal is a DataError with the path and the reason.
#include <cstdint>
#include <string>

namespace filigree::files {

/// Creates or truncates, writes, syncs.
void write_file(const std::string& path, const std::string& text);

/// Writes aside, syncs, renames over `path`, syncs the folder: readers see the old or the new text, never a part.
void replace_file(const std::string& path, const std::string& text);

/// What was written to a file that exists is on the disk.
void sync_file(const std::string& path);

/// A folder's entries are on the disk: after files were made or renamed in it.
void sync_directory(const std::string& path);

/// From now on a write beyond the file size limit fails with EFBIG; by default it would end the process.
void ignore_file_size_signal();

/// Bytes that this user can still write on the file system of `dir`.
uint64_t free_bytes(const std::string& dir);

/// The largest file that this process may write (RLIMIT_FSIZE).
uint64_t file_size_limit();

std::string format_bytes(uint64_t bytes);  ///< "512 B", "1.5 KB", "90.9 MB"

}  // namespace filigree::files
