#include "core/bench/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/bench/table.h"
#include "core/report/report_parts.h"
#include "core/report/report_svg.h"

namespace filigree::bench {
namespace {

constexpr double kRow = 26, kTop = 58, kBottom = 26, kCharWidth = 7.4, kMetricWidth = 300, kTextWidth = 165,
                 kCostWidth = 170, kGap = 14;

// Colors of the report (core/report/report_style.h), light and dark.
constexpr const char* kStyle =
    ":root{--page:#fff;--text:#1b2026;--soft:#5d6673;--rule:#e4e5e1;--a:#2356c5;--faint:#2356c566}"
    "@media(prefers-color-scheme:dark){:root{--page:#171b20;--text:#e5e8ec;--soft:#98a2ae;--rule:#2a3037;--a:#7fa6f8;"
    "--faint:#7fa6f880}}"
    "text{font:12px system-ui,-apple-system,\"Segoe UI\",Roboto,Arial,sans-serif;fill:var(--text)}"
    ".page{fill:var(--page)}.title{font-size:14px;font-weight:650}.head{font-weight:600}.tick{font-size:11px;fill:var(-"
    "-soft)}"
    ".grid{stroke:var(--rule)}.spread{stroke:var(--a);stroke-width:2}.mean{fill:var(--a)}.seed{fill:var(--faint)}";

struct Panel {
  double left = 0, width = 0, low = 0, high = 1;
  double at(double value) const { return left + (value - low) / (high - low) * width; }
};

double row_y(size_t row) { return kTop + kRow * (static_cast<double>(row) + 0.5); }

/// The bottom of the rows.
double floor_y(size_t rows) { return kTop + kRow * static_cast<double>(rows); }

/// A control character is not allowed in XML.
std::string xml(const std::string& words) { return train::escape_html(one_line(words)); }

std::string text(double x, double y, const std::string& words, const char* style = "", const char* anchor = "start") {
  return fmt::format("<text class=\"{}\" text-anchor=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", style, anchor, x, y,
                     xml(words));
}

std::string grid_line(const Panel& panel, double value, const std::string& label, size_t rows) {
  const double x = panel.at(value);
  return fmt::format("<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{:.1f}\"/>\n", x, x, kTop,
                     floor_y(rows)) +
         text(x, floor_y(rows) + 16, label, "tick", "middle");
}

/// Methods without the metric that most have, or with one of another kind, are not drawn.
std::optional<Spread> drawn(const MethodSummary& method, const std::string& metric) {
  const bool fits = method.spread && metric_of(method) == metric;
  return fits && train::drawable(method.spread->mean) ? method.spread : std::nullopt;
}

Panel metric_panel(const std::vector<MethodSummary>& methods, const std::string& metric, double left) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const MethodSummary& method : methods) {
    const auto spread = drawn(method, metric);
    if (!spread) continue;
    const double around = spread->deviation.value_or(0);
    low = std::min({low, std::ranges::min(method.values), spread->mean - around});
    high = std::max({high, std::ranges::max(method.values), spread->mean + around});
  }
  if (low > high) return {left, kMetricWidth, 0, 1};
  const double margin = high > low ? 0.05 * (high - low) : std::max(1e-3, 0.01 * std::abs(high));
  return {left, kMetricWidth, low - margin, high + margin};
}

std::string metric_axis(const Panel& panel, const std::string& metric, size_t rows) {
  std::string out = text(panel.left, kTop - 10, metric, "head");
  const auto marks = train::ticks(panel.low, panel.high, 5);
  const double step = marks.size() > 1 ? marks[1] - marks[0] : 0;
  for (const double mark : marks) out += grid_line(panel, mark, train::tick_label(mark, step), rows);
  return out;
}

std::string metric_row(const Panel& panel, const MethodSummary& method, const std::string& metric, size_t row) {
  const double y = row_y(row);
  const std::string failed = method.failed > 0 ? fmt::format(" ({} failed)", method.failed) : "";
  std::string out = text(panel.left + panel.width + kGap, y + 4, spread_text(method) + failed);
  const auto spread = drawn(method, metric);
  if (!spread) return out;
  if (spread->deviation)
    out += fmt::format("<line class=\"spread\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n",
                       panel.at(spread->mean - *spread->deviation), panel.at(spread->mean + *spread->deviation), y, y);
  for (const double value : method.values)
    out += fmt::format("<circle class=\"seed\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>\n", panel.at(value), y);
  return out +
         fmt::format("<circle class=\"mean\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\"><title>{}: {}</title></circle>\n",
                     panel.at(spread->mean), y, xml(method.method), xml(spread_text(method)));
}

/// Shares on a logarithmic axis, from `lowest` to 1 or more.
struct Costs {
  std::string head;
  std::vector<std::optional<double>> shares;  ///< by method
};

Costs costs_of(const std::vector<MethodSummary>& methods) {
  Costs costs{"bytes per step, of full fine-tuning's", {}};
  const auto has_bytes = [](const MethodSummary& method) { return method.bytes_share.has_value(); };
  const bool bytes = std::ranges::any_of(methods, has_bytes);
  if (!bytes) costs.head = "trained parameters, of all";
  for (const MethodSummary& method : methods) {
    const auto share = bytes ? method.bytes_share : method.trainable_share;
    costs.shares.push_back(share && *share > 0 ? share : std::nullopt);
  }
  return costs;
}

Panel cost_panel(const Costs& costs, double left) {
  double low = 0.1, high = 1;
  for (const auto& share : costs.shares)
    if (share) low = std::min(low, *share), high = std::max(high, *share);
  return {left, kCostWidth, std::floor(std::log10(low)), std::log10(high) + 0.05};
}

std::string cost_part(const Costs& costs, double left) {
  const Panel panel = cost_panel(costs, left);
  std::string out = text(left, kTop - 10, costs.head, "head");
  for (int power = static_cast<int>(panel.low); power <= panel.high; ++power)
    out += grid_line(panel, power, fmt::format("{:g}%", 100 * std::pow(10, power)), costs.shares.size());
  for (size_t row = 0; row < costs.shares.size(); ++row) {
    const auto& share = costs.shares[row];
    if (share)
      out += fmt::format("<circle class=\"mean\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\"/>\n", panel.at(std::log10(*share)),
                         row_y(row));
    out += text(left + kCostWidth + kGap, row_y(row) + 4, share ? train::percent(*share) : "–");
  }
  return out;
}

double label_width(const std::vector<MethodSummary>& methods) {
  size_t longest = 6;
  for (const MethodSummary& method : methods) longest = std::max(longest, method.method.size());
  return kCharWidth * static_cast<double>(longest) + 2 * kGap;
}

}  // namespace

std::string draw_plot(const std::string& name, const std::vector<MethodSummary>& methods) {
  const std::string metric = shared_metric(methods);
  const double left = label_width(methods), cost_left = left + kMetricWidth + kTextWidth + 3 * kGap;
  const double width = cost_left + kCostWidth + 70, height = floor_y(methods.size()) + kBottom;
  const Panel panel = metric_panel(methods, metric, left);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" width=\"{:.0f}\" height=\"{:.0f}\" "
      "role=\"img\" aria-label=\"{}: {} by method\">\n<style>{}</style>\n<rect class=\"page\" width=\"100%\" "
      "height=\"100%\"/>\n",
      width, height, width, height, xml(name), xml(metric), kStyle);
  out += text(kGap, 22, name, "title") + metric_axis(panel, metric, methods.size());
  for (size_t row = 0; row < methods.size(); ++row)
    out += text(kGap, row_y(row) + 4, methods[row].method) + metric_row(panel, methods[row], metric, row);
  return out + cost_part(costs_of(methods), cost_left) + "</svg>\n";
}

}  // namespace filigree::bench
