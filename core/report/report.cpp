#include "core/report/report.h"

#include <fmt/format.h>

#include <filesystem>

#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/ownership.h"
#include "core/files/run_directory.h"
#include "core/report/report_parts.h"
#include "core/report/report_style.h"
#include "core/report/report_svg.h"

namespace filigree::train {
namespace {

std::string page(const RunData& run) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{} – "
      "filigree</title><style>{}</style></head>\n"
      "<body><main>\n{}{}<div class=\"grid\">\n{}</div>\n<footer>Made by filigree report from "
      "{}.</footer></main></body></html>\n",
      escape_html(run.name), kReportStyle, report_heading(run), report_headline(run),
      report_curves(run) + report_structure(run) + report_communication(run) + report_rates(run) + report_details(run),
      escape_html(run.dir + "/metrics.jsonl"));
}

}  // namespace

std::string at_both_widths(const std::function<std::string(int width)>& draw_at, int wide) {
  return "<div class=\"wide\">" + draw_at(wide) + "</div><div class=\"narrow\">" + draw_at(kPhoneCard) + "</div>\n";
}

std::string report_card(const std::string& title, const std::string& body, const char* extra) {
  return fmt::format("<section class=\"card {}\"><h2>{}</h2>\n{}</section>\n", extra, escape_html(title), body);
}

std::string percent(double share) {
  const double value = 100 * share;
  return fmt::format("{:.{}f}%", value, value < 1 ? 2 : value < 10 ? 1 : 0);
}

std::string write_report(const std::string& run_dir) {
  const std::string path = run_dir + "/" + files::run_names::kReport;
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && !files::is_marked(run_dir, files::DirectoryKind::run))
    throw UsageError(
        fmt::format("{}: exists, and {} is not marked as a run of filigree, so the file may be yours; move it away",
                    path, run_dir));
  files::replace_file(path, page(read_run(run_dir)));
  return path;
}

}  // namespace filigree::train
