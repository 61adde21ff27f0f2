#pragma once
// Drawings of the report as inline SVG. Sizes are CSS pixels: a drawing is shown at its own width or scaled down a
// little, so each is drawn once for wide and once for narrow screens. Colors are CSS variables of the page (light and
// dark).
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/report/report_data.h"

namespace filigree::train {

/// Replaces & < > " ' by entities. All text from a file must pass through it.
std::string escape_html(const std::string& text);

struct Point {
  double x = 0, y = 0;
};

struct Series {
  std::string style;  ///< CSS class of the line: "faint", "a", "b", "c"
  std::vector<Point> points;
  bool dots = false;
  std::string label{};  ///< for tooltips of the dots
};

/// A stage on the x axis; a stage without steps is a line.
struct Band {
  std::string name;
  double from = 0, to = 0;
};

/// A point labeled with its value, if there is room.
struct Note {
  Point at;
  std::string text;
};

struct LineChart {
  std::string title;  ///< for screen readers
  std::vector<Series> series;
  std::vector<Band> bands;
  std::vector<Note> notes;
  int width = 560, height = 240;  ///< height excludes the rows of stage names
  bool zero_based = false;
  bool scientific = false;  ///< y labels such as 1e-3
};
std::string render(const LineChart& chart);

/// One row per layer, one cell per head; removed heads are hollow.
std::string draw_heads(const Shapes& heads, int width);

/// One bar per layer: units left of the original number. title: for screen readers.
std::string draw_units(const Shapes& units, const std::string& title, int width);

/// A bar with a label, under a caption; its length is value / whole.
struct Bar {
  std::string name, label;
  double value = 0, whole = 1;
  bool reference = false;  ///< reference for the other bars: drawn in gray
};
std::string draw_bars(const std::vector<Bar>& bars, const std::string& title, int width);

/// At most `limit` points: means over neighbors.
std::vector<Point> thin_out(const std::vector<Point>& points, size_t limit);

/// A centered moving average over `span` points; at the ends over the points that exist.
std::vector<Point> smooth(const std::vector<Point>& points, size_t span);

/// Round numbers that split [low, high] into about `count` parts.
std::vector<double> ticks(double low, double high, int count);

/// A value of an axis whose ticks are `step` apart, with the digits in which neighbors differ, at most six: 0.25, 500,
/// 1.5k, 50M, 2T. Below 0.001 and from 1e15 on, and for all values if `scientific`: 2.5e-4, 1e18.
std::string tick_label(double value, double step, bool scientific = false);

}  // namespace filigree::train
