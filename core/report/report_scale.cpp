// Numbers behind the drawings: round ticks, thinning, smoothing.
#include <algorithm>
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
