#pragma once
// What filigree may remove or overwrite: only what it wrote itself, in a directory that it recognises as its own.
//
// A directory that filigree makes contains a marker file, .filigree, written before anything else: JSON with the kind
// of directory and the version of its layout. The marker of an export also lists every file with its size and checksum,
// so that a file that a user added or edited is recognised.
#include <nlohmann/json.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace filigree::files {

inline constexpr std::string_view kMarkerName = ".filigree";

enum class DirectoryKind { run, model_export };

/// Writes the marker, atomically. An existing marker of the same kind is replaced. DataError when the disk refuses.
/// details: further members of the JSON object.
void write_marker(const std::string& dir, DirectoryKind kind, const nlohmann::json& details = nlohmann::json::object());

/// Adds a member to the marker of `dir`, or replaces it. Errors as write_marker().
void add_to_marker(const std::string& dir, DirectoryKind kind, const std::string& key, const nlohmann::json& value);

/// The marker's JSON object; nothing when `dir` has no marker of this kind. DataError when the marker is damaged or was
/// written by a newer version.
std::optional<nlohmann::json> read_marker(const std::string& dir, DirectoryKind kind);

/// Whether `dir` has an intact marker of this kind.
bool is_marked(const std::string& dir, DirectoryKind kind);

/// Writes the marker of a finished export: all files that lie in `dir` now, with sizes and checksums.
void seal_export(const std::string& dir);

/// Whether `dir` is an export of filigree in which nothing was added, edited or removed since.
bool is_untouched_export(const std::string& dir);

/// The files of an export that were edited, damaged or removed since; empty where `dir` is not an export.
std::vector<std::string> changed_since_export(const std::string& dir);

/// Whether `dir` is a directory, not a link, of regular files whose names `is_own` accepts.
bool holds_only(const std::string& dir, const std::function<bool(const std::string& name)>& is_own);

/// Removes the regular files whose names `is_own` accepts, and then `dir` if nothing else lies in it.
void remove_own(const std::string& dir, const std::function<bool(const std::string& name)>& is_own);

/// Renames to the first free "<path>.kept-N" and returns it. DataError when the disk refuses.
std::string set_aside(const std::string& path);

/// The names in a directory, sorted, except the marker. DataError when it cannot be listed.
std::vector<std::string> entries_of(const std::string& dir);

/// "a, b, c and 4 more", for a message.
std::string listed(const std::vector<std::string>& names);

}  // namespace filigree::files
