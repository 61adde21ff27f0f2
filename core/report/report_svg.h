#pragma once
// Drawings of the report as inline SVG. Sizes are CSS pixels: a drawing is shown at its own width, or scaled down a
// little, so each is made once for wide and once for narrow screens. Colours are CSS variables of the page (light and
// dark).
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/report/report_data.h"

namespace filigree::train {

/// & < > " ' as entities: the only way for text from a file into the page.
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

/// A stage on the x axis; one that took no step is a line.
struct Band {
  std::string name;
  double from = 0, to = 0;
};

/// A point that has its value written beside it, if there is room.
struct Note {
  Point at;
  std::string text;
};

struct LineChart {
  std::string title;  ///< for screen readers
  std::vector<Series> series;
  std::vector<Band> bands;
  std::vector<Note> notes;
  int width = 560, height = 240;  ///< height: without the rows of stage names
  bool zero_based = false;
  bool scientific = false;  ///< y labels such as 1e-3
};
std::string draw(const LineChart& chart);

/// One row per layer, one cell per head, removed ones hollow.
std::string draw_heads(const Shapes& heads, int width);

/// One bar per layer: neurons left of those there were.
std::string draw_neurons(const Shapes& neurons, int width);

/// A bar and its label under a caption; `value` of `whole`.
struct Bar {
  std::string name, label;
  double value = 0, whole = 1;
  bool reference = false;  ///< what the others are compared with: drawn in grey
};
std::string draw_bars(const std::vector<Bar>& bars, const std::string& title, int width);

/// At most `limit` points: means over neighbours.
std::vector<Point> thin_out(const std::vector<Point>& points, size_t limit);

/// A centred moving average, `span` points wide; at the ends over those that are there.
std::vector<Point> smooth(const std::vector<Point>& points, size_t span);

/// Round numbers that cut [low, high] into about `count` parts.
std::vector<double> ticks(double low, double high, int count);

}  // namespace filigree::train
