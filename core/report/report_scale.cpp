// Numbers behind the drawings: round ticks, thinning, smoothing.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/report/report_svg.h"

namespace filigree::train {

std::vector<double> ticks(double low, double high, int count) {
  const double rough = (high - low) / std::max(1, count);
  if (!(rough > 0) || !std::isfinite(rough)) return {low};
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double scaled = rough / power;
  const double step = power * (scaled <= 1 ? 1 : scaled <= 2 ? 2 : scaled <= 2.5 ? 2.5 : scaled <= 5 ? 5 : 10);
  std::vector<double> values;
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i < 100 && (first + i) * step <= high + step * 1e-9; ++i) values.push_back((first + i) * step);
  return values;
}

namespace {

int exponent_of(double value) { return static_cast<int>(std::floor(std::log10(std::abs(value)) + 1e-9)); }

/// Significant digits that a multiple of `step` needs; a step such as 2.5 has two.
int digits_of(double value, double step) {
  constexpr int kFewest = 3, kMost = 6;
  return step > 0 ? std::clamp(exponent_of(value) - exponent_of(step) + 2, kFewest, kMost) : kFewest + 1;
}

}  // namespace

std::string tick_label(double value, double step, bool scientific) {
  constexpr double kNothing = 1e-9;  // of a step: the rounding error of a tick at 0
  if (value == 0 || std::abs(value) < kNothing * step) return "0";
  const double size = std::abs(value);
  const int digits = digits_of(value, step), exponent = exponent_of(value);
  if (scientific || size < 1e-3 || exponent >= 15)
    return fmt::format("{:.{}g}e{}", value / std::pow(10, exponent), digits, exponent);
  constexpr std::array<const char*, 5> kPrefixes{"", "k", "M", "G", "T"};
  const int thousands = std::max(0, exponent / 3);
  return fmt::format("{:.{}g}{}", value / std::pow(1000, thousands), digits,
                     kPrefixes.at(static_cast<size_t>(thousands)));
}

std::vector<Point> thin_out(const std::vector<Point>& points, size_t limit) {
  if (points.size() <= limit) return points;
  std::vector<Point> thin;
  for (size_t i = 0; i < limit; ++i) {
    const size_t begin = i * points.size() / limit, end = (i + 1) * points.size() / limit;
    Point mean;
    for (size_t j = begin; j < end; ++j) mean.x += points[j].x, mean.y += points[j].y;
    thin.push_back({mean.x / static_cast<double>(end - begin), mean.y / static_cast<double>(end - begin)});
  }
  return thin;
}

std::vector<Point> smooth(const std::vector<Point>& points, size_t span) {
  std::vector<double> sums{0};
  for (const auto& point : points) sums.push_back(sums.back() + point.y);
  std::vector<Point> smoothed;
  for (size_t i = 0; i < points.size(); ++i) {
    const size_t begin = i - std::min(i, span / 2), end = std::min(points.size(), i + span / 2 + 1);
    smoothed.push_back({points[i].x, (sums[end] - sums[begin]) / static_cast<double>(end - begin)});
  }
  return smoothed;
}

}  // namespace filigree::train
