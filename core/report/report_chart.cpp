// Line charts: axes, stage bands with their names, lines, dots and notes that do not overlap.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/report/report_svg.h"

namespace filigree::train {
namespace {

constexpr double kCharWidth = 7.1;  // of the bold 11 px labels, rounded up
constexpr double kRowHeight = 15;

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
  bool meets(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

double text_width(const std::string& text) {
  const auto letters = std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
  return kCharWidth * static_cast<double>(letters);
}

/// Maps data to positions in the picture.
struct Frame {
  Range x, y;
  double left = 0, right = 0, top = 0, bottom = 0;
  double px(double value) const { return left + (value - x.low) / (x.high - x.low) * (right - left); }
  double py(double value) const { return bottom - (value - y.low) / (y.high - y.low) * (bottom - top); }
};

struct BandLabel {
  std::string text;
  double x = 0;  ///< left edge
  double width = 0;
  bool left = false;  ///< left of its stage's line, right-aligned
  size_t row = 0;
};

/// Places the names of the bands in as few rows as possible without overlap.
std::vector<BandLabel> place_labels(const LineChart& chart, const Frame& frame) {
  std::vector<BandLabel> labels;
  std::vector<double> row_ends;
  for (const auto& band : chart.bands) {
    const double line = frame.px(std::clamp(band.from, frame.x.low, frame.x.high)), width = text_width(band.name);
    // To the right of the line at the stage's start, or to its left near the right edge.
    const bool fits = line + 5 + width <= frame.right + 4;
    BandLabel label{band.name, fits ? line + 5 : std::max(frame.left, line - 5 - width), width, !fits};
    while (label.row < row_ends.size() && row_ends[label.row] + 8 > label.x) ++label.row;
    if (label.row == row_ends.size()) row_ends.push_back(0);
    row_ends[label.row] = label.x + width;
    labels.push_back(label);
  }
  return labels;
}

size_t rows_of(const std::vector<BandLabel>& labels) {
  size_t rows = 0;
  for (const auto& label : labels) rows = std::max(rows, label.row + 1);
  return rows;
}

void set_ranges(const LineChart& chart, Frame& frame) {
  for (const auto& series : chart.series)
    for (const auto& point : series.points) frame.x.include(point.x), frame.y.include(point.y);
  for (const auto& band : chart.bands) frame.x.include(band.from), frame.x.include(band.to);
  if (frame.y.empty()) frame.y = {0, 1};
  if (frame.x.empty()) frame.x = {0, 1};
  if (frame.x.high <= frame.x.low) frame.x.high = frame.x.low + 1;
  if (chart.zero_based) frame.y.include(0);
  const double spread = frame.y.high - frame.y.low;
  const double margin = spread > 0 ? 0.08 * spread : std::max(1e-12, 0.1 * std::abs(frame.y.high));
  frame.y.high += chart.notes.empty() ? margin : 2 * margin;
  if (!chart.zero_based) frame.y.low -= margin;
}

double step_of(const std::vector<double>& ticks) { return ticks.size() > 1 ? ticks[1] - ticks[0] : 0; }

std::string axes(const LineChart& chart, const Frame& frame) {
  std::string out;
  const auto heights = ticks(frame.y.low, frame.y.high, static_cast<int>((frame.bottom - frame.top) / 38));
  for (double value : heights) {
    const double y = frame.py(value);
    out += fmt::format(R"(<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>)", frame.left,
                       frame.right, y, y);
    out += fmt::format(R"(<text class="tick" text-anchor="end" x="{:.1f}" y="{:.1f}">{}</text>)", frame.left - 7, y + 4,
                       tick_label(value, step_of(heights), chart.scientific));
  }
  const auto steps = ticks(frame.x.low, frame.x.high, static_cast<int>((frame.right - frame.left) / 60));
  for (double value : steps) {
    const std::string label = tick_label(value, step_of(steps));
    const bool hits_name = frame.px(value) + text_width(label) / 2 > frame.right - text_width("step") - 8;
    if (std::abs(value - std::round(value)) > 1e-6 || hits_name) continue;
    out += fmt::format(R"(<text class="tick" text-anchor="middle" x="{:.1f}" y="{:.1f}">{}</text>)", frame.px(value),
                       frame.bottom + 16, label);
  }
  out += fmt::format(R"(<text class="tick" text-anchor="end" x="{:.1f}" y="{:.1f}">step</text>)", frame.right,
                     frame.bottom + 16);
  return out + fmt::format(R"(<line class="axis" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>)", frame.left,
                           frame.right, frame.bottom, frame.bottom);
}

std::string bands(const LineChart& chart, const Frame& frame, const std::vector<BandLabel>& labels) {
  std::string out;
  bool shaded = true;
  const double rows = static_cast<double>(rows_of(labels));
  for (size_t i = 0; i < chart.bands.size(); ++i) {
    const double from = frame.px(chart.bands[i].from), to = frame.px(chart.bands[i].to);
    // The first row on top, so that stages at the same step read downwards in order.
    const double label_y = frame.top - 6 - kRowHeight * (rows - 1 - static_cast<double>(labels[i].row));
    if (to > from) shaded = !shaded;
    if (shaded && to > from)
      out += fmt::format(R"(<rect class="band" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>)", from,
                         frame.top, to - from, frame.bottom - frame.top);
    if (i > 0)
      out += fmt::format(R"(<line class="border" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>)", from, from,
                         label_y - 9, frame.bottom);
    out += fmt::format(R"(<text class="stage" text-anchor="{}" x="{:.1f}" y="{:.1f}">{}</text>)",
                       labels[i].left ? "end" : "start", labels[i].x + (labels[i].left ? labels[i].width : 0), label_y,
                       escape_html(labels[i].text));
  }
  return out;
}

std::string lines(const LineChart& chart, const Frame& frame) {
  std::string out;
  for (const auto& series : chart.series) {
    std::string path;
    for (const auto& point : series.points)
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", frame.px(point.x), frame.py(point.y));
    if (series.points.size() > 1) out += fmt::format(R"(<path class="line {}" d="{}"/>)", series.style, path);
    if (!series.dots && series.points.size() > 1) continue;
    for (const auto& point : series.points)
      out += fmt::format(
          R"(<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="3"><title>{} {:.5g} at step {:.0f}</title></circle>)",
          series.style, frame.px(point.x), frame.py(point.y), escape_html(series.label), point.y, point.x);
  }
  return out;
}

/// Whether the segment from a to b enters the box (Liang-Barsky clipping).
bool crosses(const Box& box, const Point& a, const Point& b) {
  double enter = 0, leave = 1;
  const auto clip = [&](double delta, double before, double after) {
    if (delta == 0) return before <= 0 && after >= 0;
    const double first = std::min(before / delta, after / delta), last = std::max(before / delta, after / delta);
    enter = std::max(enter, first);
    leave = std::min(leave, last);
    return enter <= leave;
  };
  return clip(b.x - a.x, box.left - a.x, box.right - a.x) && clip(b.y - a.y, box.top - a.y, box.bottom - a.y);
}

bool crosses_a_line(const LineChart& chart, const Frame& frame, const Box& box) {
  const auto at = [&](const Point& point) { return Point{frame.px(point.x), frame.py(point.y)}; };
  for (const auto& series : chart.series)
    for (size_t i = 1; i < series.points.size(); ++i)
      if (crosses(box, at(series.points[i - 1]), at(series.points[i]))) return true;
  return std::any_of(chart.bands.begin() + (chart.bands.empty() ? 0 : 1), chart.bands.end(), [&](const Band& band) {
    return box.left < frame.px(band.from) && frame.px(band.from) < box.right;
  });
}

/// Tries positions around each point and uses the first that is free of lines and other notes; else omits the note.
std::string notes(const LineChart& chart, const Frame& frame) {
  std::string out;
  std::vector<Box> taken;
  for (const auto& note : chart.notes) {
    const double x = frame.px(note.at.x), y = frame.py(note.at.y);
    taken.push_back({x - 4, y - 4, x + 4, y + 4});
  }
  for (const auto& note : chart.notes) {
    const double x = frame.px(note.at.x), y = frame.py(note.at.y), width = text_width(note.text);
    const std::array<Point, 8> places{{{x - width / 2, y - 9},
                                       {x - width - 4, y - 9},
                                       {x + 4, y - 9},
                                       {x + 9, y + 4},
                                       {x - width - 9, y + 4},
                                       {x - width / 2, y + 19},
                                       {x - width - 4, y + 19},
                                       {x + 4, y + 19}}};
    for (const auto& place : places) {
      const Box box{place.x, place.y - 10, place.x + width, place.y + 3};
      const bool inside =
          box.left >= frame.left && box.right <= frame.right + 8 && box.top >= frame.top && box.bottom <= frame.bottom;
      if (!inside || crosses_a_line(chart, frame, box)) continue;
      if (std::any_of(taken.begin(), taken.end(), [&](const Box& other) { return other.meets(box); })) continue;
      taken.push_back(box);
      out += fmt::format(R"(<text class="note" x="{:.1f}" y="{:.1f}">{}</text>)", place.x, place.y,
                         escape_html(note.text));
      break;
    }
  }
  return out;
}

}  // namespace

std::string render(const LineChart& chart) {
  Frame frame;
  set_ranges(chart, frame);
  frame.left = 46;
  frame.right = chart.width - 12;
  const auto labels = place_labels(chart, frame);
  frame.top = 12 + kRowHeight * static_cast<double>(rows_of(labels));
  const double height = frame.top - 12 + chart.height;
  frame.bottom = height - 24;
  return fmt::format(R"(<svg viewBox="0 0 {} {:.0f}" width="{}" height="{:.0f}" role="img" aria-label="{}">)",
                     chart.width, height, chart.width, height, escape_html(chart.title)) +
         axes(chart, frame) + bands(chart, frame, labels) + lines(chart, frame) + notes(chart, frame) + "</svg>";
}

}  // namespace filigree::train
