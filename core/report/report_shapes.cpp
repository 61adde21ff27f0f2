// The pruned structure and bars.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/report/report_svg.h"

namespace filigree::train {
namespace {

constexpr int kLabelWidth = 62, kCountWidth = 46;

std::string open_svg(int width, double height, const std::string& title) {
  return fmt::format(R"(<svg viewBox="0 0 {} {:.0f}" width="{}" height="{:.0f}" role="img" aria-label="{}">)", width,
                     height, width, height, escape_html(title));
}

std::string layer_label(int64_t layer, double middle) {
  return fmt::format(R"(<text class="tick" x="0" y="{:.1f}">layer {}</text>)", middle + 4, layer);
}

std::string head_cell(double x, double y, double cell, int64_t layer, int64_t head, bool kept) {
  const double side = cell - std::max(1.5, cell * 0.14);
  return fmt::format(R"(<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="{:.1f}">)"
                     R"(<title>layer {}, head {}: {}</title></rect>)",
                     kept ? "kept" : "gone", x, y, side, side, std::min(3.0, cell / 6), layer, head,
                     kept ? "kept" : "removed");
}

}  // namespace

std::string escape_html(const std::string& text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string draw_heads(const Shapes& heads, int width) {
  int64_t most = 1;
  for (const auto& [layer, shape] : heads) most = std::max(most, shape.total);
  const double cell =
      std::min(28.0, static_cast<double>(width - kLabelWidth - kCountWidth) / static_cast<double>(most));
  const double row = std::max(cell, 15.0);
  const double top = cell >= 15 ? 16 : 0;
  std::string out = open_svg(width, top + row * static_cast<double>(heads.size()) + 2,
                             "attention heads kept and removed in each layer");
  if (top > 0)
    for (int64_t head = 0; head < most; ++head)
      out += fmt::format(R"(<text class="tick" text-anchor="middle" x="{:.1f}" y="10">{}</text>)",
                         kLabelWidth + cell * (static_cast<double>(head) + 0.43), head);
  double y = top;
  for (const auto& [layer, shape] : heads) {
    const std::set<int64_t> kept(shape.kept.begin(), shape.kept.end());
    out += layer_label(layer, y + row / 2 - 1);
    for (int64_t head = 0; head < shape.total; ++head)
      out += head_cell(kLabelWidth + cell * static_cast<double>(head), y + (row - cell) / 2, cell, layer, head,
                       kept.contains(head));
    out += fmt::format(R"(<text class="count" x="{:.1f}" y="{:.1f}">{}/{}</text>)",
                       kLabelWidth + cell * static_cast<double>(most) + 8, y + row / 2 + 3, shape.kept.size(),
                       shape.total);
    y += row;
  }
  return out + "</svg>";
}

std::string draw_units(const Shapes& units, const std::string& title, int width) {
  constexpr double kRow = 28, kBar = 13;
  constexpr int kTextWidth = 128;
  int64_t most = 1;
  for (const auto& [layer, shape] : units) most = std::max(most, shape.total);
  const double room = width - kLabelWidth - kTextWidth;
  std::string out = open_svg(width, kRow * static_cast<double>(units.size()) + 2, title);
  double y = 0;
  for (const auto& [layer, shape] : units) {
    const double full = room * static_cast<double>(shape.total) / static_cast<double>(most);
    const double left = static_cast<double>(shape.kept.size());
    const double share = shape.total > 0 ? left / static_cast<double>(shape.total) : 0;
    out += layer_label(layer, y + kRow / 2 - 1);
    out += fmt::format(R"(<rect class="rest" x="{}" y="{:.1f}" width="{:.1f}" height="{}" rx="2"/>)", kLabelWidth,
                       y + 6, full, kBar);
    out += fmt::format(R"(<rect class="kept" x="{}" y="{:.1f}" width="{:.1f}" height="{}" rx="2"/>)", kLabelWidth,
                       y + 6, full * share, kBar);
    out += fmt::format(R"(<text class="count" x="{:.1f}" y="{:.1f}">{:.0f} of {} ({:.0f}%)</text>)",
                       kLabelWidth + room + 8, y + 17, left, shape.total, 100 * share);
    y += kRow;
  }
  return out + "</svg>";
}

std::string draw_bars(const std::vector<Bar>& bars, const std::string& title, int width) {
  constexpr double kRow = 44;
  std::string out = open_svg(width, kRow * static_cast<double>(bars.size()), title);
  double y = 0;
  for (const auto& bar : bars) {
    const double length = bar.whole > 0 ? std::max(2.0, (width - 2) * std::min(1.0, bar.value / bar.whole)) : 0;
    out += fmt::format(R"(<text class="caption" x="0" y="{:.1f}">{}</text>)", y + 13, escape_html(bar.name));
    out += fmt::format(R"(<text class="count" text-anchor="end" x="{}" y="{:.1f}">{}</text>)", width, y + 13,
                       escape_html(bar.label));
    out += fmt::format(R"(<rect class="rest" x="0" y="{:.1f}" width="{}" height="12" rx="2"/>)", y + 20, width);
    out += fmt::format(R"(<rect class="{}" x="0" y="{:.1f}" width="{:.1f}" height="12" rx="2"/>)",
                       bar.reference ? "whole" : "kept", y + 20, length);
    y += kRow;
  }
  return out + "</svg>";
}

}  // namespace filigree::train
