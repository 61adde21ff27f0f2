#pragma once
// What filigree may remove or overwrite: only what it wrote itself, in a directory that it recognizes as its own.
//
// A directory that filigree creates contains a marker file, .filigree, written before anything else: JSON with the kind
// of directory and the version of its layout. The marker of an export also lists every file with its size and checksum,
// so that a file that a user added or edited is recognized.
#include <nlohmann/json.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace filigree::files {

inline constexpr std::string_view kMarkerName = ".filigree";

enum class DirectoryKind { run, model_export, bench };

/// Writes the marker, atomically. An existing marker of the same kind is replaced. DataError if the write fails.
/// details: further members of the JSON object.
void write_marker(const std::string& dir, DirectoryKind kind, const nlohmann::json& details = nlohmann::json::object());

/// Adds a member to the marker of `dir`, or replaces it. Errors as for write_marker().
void add_to_marker(const std::string& dir, DirectoryKind kind, const std::string& key, const nlohmann::json& value);

/// The marker's JSON object; nullopt if `dir` has no marker of this kind. DataError if the marker is damaged (or a
/// link, or a file of more than 16 MiB) or was written by a newer version.
std::optional<nlohmann::json> read_marker(const std::string& dir, DirectoryKind kind);

/// Whether `dir` has an intact marker of this kind.
bool is_marked(const std::string& dir, DirectoryKind kind);

/// Writes the marker of a finished export: all files now in `dir`, with sizes and checksums.
void seal_export(const std::string& dir);

/// Whether `dir` is a filigree export in which nothing was added, edited or removed since.
bool is_untouched_export(const std::string& dir);

/// The files of an export that were edited, damaged or removed since; empty if `dir` is not an export.
std::vector<std::string> changed_since_export(const std::string& dir);

/// Whether `dir` is a directory, not a link, and contains only regular files whose names `is_own` accepts.
bool holds_only(const std::string& dir, const std::function<bool(const std::string& name)>& is_own);

/// Removes the regular files whose names `is_own` accepts, and then `dir` if it is empty.
void remove_own(const std::string& dir, const std::function<bool(const std::string& name)>& is_own);

/// Renames `path` to the first free "<path>.kept-N" and returns that name. DataError if the rename fails.
std::string set_aside(const std::string& path);

/// The names in a directory, sorted, except the marker. DataError if it cannot be listed.
std::vector<std::string> entries_of(const std::string& dir);

/// "a, b, c and 4 more", for a message.
std::string listed(const std::vector<std::string>& names);

}  // namespace filigree::files
