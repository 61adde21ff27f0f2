#include "core/log/metrics_file.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/files/disk.h"
#include "core/files/hash.h"
#include "core/files/read.h"

namespace filigree::train {
namespace {

/// digest(n lines) = hash(digest(n - 1 lines) + line n)
void add_line(KeptLines& kept, const std::string& line) {
  ++kept.lines;
  kept.digest = files::hash_text(kept.digest + line);
}

}  // namespace

KeptLines cut_metrics(const std::string& path, int64_t lines) {
  KeptLines kept;
  if (!std::filesystem::exists(path)) return kept;
  const std::string text = files::read_file(path);
  size_t keep = 0;
  for (size_t end = 0; (end = text.find('\n', keep)) != std::string::npos; keep = end + 1) {
    const std::string line = text.substr(keep, end - keep);
    if (kept.lines >= lines) break;
    add_line(kept, line);
  }
  if (keep < text.size()) files::replace_file(path, text.substr(0, keep));
  return kept;
}

MetricsFile::MetricsFile(const std::string& path, int64_t lines)
    : kept_(cut_metrics(path, lines)), file_(path, files::AppendFile::Mode::append) {}

void MetricsFile::write(const nlohmann::ordered_json& record) {
  const std::string text = record.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  file_.append(text + "\n");
  add_line(kept_, text);
}

void MetricsFile::sync() { file_.sync(); }

}  // namespace filigree::train
