// The curves of a report: evaluation, loss, learning rate, speed.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/counted.h"
#include "core/report/report_parts.h"
#include "core/report/report_svg.h"

namespace filigree::train {
namespace {

std::string line_key(const char* color, const std::string& text) {
  return fmt::format("<span class=\"key\"><i class=\"l\" style=\"background:var(--{})\"></i>{}</span>", color,
                     escape_html(text));
}

std::vector<Band> stage_bands(const RunData& run) {
  std::vector<Band> bands;
  for (const auto& stage : run.stages)
    bands.push_back({stage.name, static_cast<double>(stage.first_step), static_cast<double>(stage.last_step)});
  return bands;
}

std::vector<Point> curve(const RunData& run, std::optional<double> TrainRecord::*value) {
  std::vector<Point> points;
  for (const auto& record : run.train)
    if (const auto drawn = drawable(record.*value)) points.push_back({static_cast<double>(record.step), *drawn});
  return points;
}

/// "The loss was not finite at 3 of 40 logged steps: 5, 6, 7." Empty if `steps` is.
std::string not_finite(const std::string& what, const std::vector<int64_t>& steps, size_t all,
                       const std::string& time) {
  if (steps.empty()) return "";
  constexpr size_t kListed = 5;
  const auto last = steps.begin() + static_cast<std::ptrdiff_t>(std::min(steps.size(), kListed));
  return fmt::format("<p class=\"soft\">{} was not finite, or beyond {:g}, at {} of {}: step {}{}.</p>\n",
                     escape_html(what), kMostDrawn, steps.size(), counted(all, time),
                     fmt::join(steps.begin(), last, ", "), steps.size() > kListed ? ", ..." : "");
}

std::string losses_not_finite(const RunData& run) {
  std::vector<int64_t> steps;
  for (const auto& record : run.train)
    if (!drawable(record.loss)) steps.push_back(record.step);
  return not_finite("The loss", steps, run.train.size(), "logged step");
}

std::string norms_not_finite(const RunData& run) {
  std::vector<int64_t> steps;
  for (const auto& record : run.train)
    if (record.not_finite == "grad_norm") steps.push_back(record.step);
  return not_finite("The gradient norm", steps, run.train.size(), "logged step");
}

std::string metrics_not_finite(const RunData& run) {
  std::vector<int64_t> steps;
  for (const auto& eval : run.evals)
    if (!drawable(eval.value(run.metric))) steps.push_back(eval.step);
  return not_finite("The metric " + run.metric, steps, run.evals.size(), "evaluation");
}

std::string loss_card(const RunData& run) {
  const auto points = curve(run, &TrainRecord::loss);
  const std::string note = losses_not_finite(run) + norms_not_finite(run);
  if (points.empty()) return note.empty() ? "" : report_card("Training loss", note);
  // Each stage has its own moving average, so that the jump at a prune is not smoothed away.
  std::vector<Series> series{{"faint", thin_out(points, 400)}};
  for (const auto& stage : run.stages) {
    std::vector<Point> own;
    for (const auto& record : run.train)
      if (const auto loss = drawable(record.loss); loss && record.stage == stage.name)
        own.push_back({static_cast<double>(record.step), *loss});
    if (!own.empty()) series.push_back({"a", thin_out(smooth(own, std::max<size_t>(5, points.size() / 20)), 300)});
  }
  const std::string legend =
      "<div class=\"legend\">" + line_key("faint", "logged steps") + line_key("a", "moving average") + "</div>";
  return report_card("Training loss",
                     legend + note + at_both_widths([&](int width) {
                       return render({"training loss by step", series, stage_bands(run), {}, width, 230});
                     }));
}

std::string rate_card(const RunData& run) {
  const auto points = curve(run, &TrainRecord::lr);
  if (points.empty()) return "";
  return report_card(
      "Learning rate", at_both_widths([&](int width) {
        return render(
            {"learning rate by step", {{"c", thin_out(points, 400)}}, stage_bands(run), {}, width, 160, true, true});
      }));
}

std::string speed_card(const RunData& run) {
  const auto points = curve(run, &TrainRecord::tokens_per_s);
  if (points.empty()) return "";
  return report_card("Tokens per second", at_both_widths([&](int width) {
                       return render({"tokens per second by step",
                                      {{"b", thin_out(smooth(points, 5), 400)}},
                                      stage_bands(run),
                                      {},
                                      width,
                                      160,
                                      true});
                     }));
}

std::vector<std::string> splits_of(const RunData& run) {
  std::vector<std::string> splits;
  for (const auto& eval : run.evals)
    if (std::find(splits.begin(), splits.end(), eval.split) == splits.end()) splits.push_back(eval.split);
  return splits;
}

std::string eval_card(const RunData& run) {
  if (run.metric.empty()) return "";
  constexpr std::array<const char*, 3> kColors{"a", "b", "c"};
  std::vector<Series> series;
  std::string legend;
  for (const auto& split : splits_of(run)) {
    const char* color = kColors[series.size() % kColors.size()];
    Series one{color, {}, true, split + " " + run.metric};
    for (const auto& eval : run.evals)
      if (const auto value = drawable(eval.value(run.metric)); value && eval.split == split)
        one.points.push_back({static_cast<double>(eval.step), *value});
    legend += line_key(color, split);
    series.push_back(std::move(one));
  }
  std::vector<Note> notes;
  for (const auto* eval : {run.adapted(), run.just_pruned(), run.recovered()})
    if (const auto value = eval ? drawable(eval->value(run.metric)) : std::nullopt)
      notes.push_back({{static_cast<double>(eval->step), *value}, metric_text(*value)});
  return report_card(
      "Evaluation: " + run.metric,
      "<div class=\"legend\">" + legend + "</div>" + metrics_not_finite(run) + at_both_widths([&](int width) {
        return render({run.metric + " by step", series, stage_bands(run), notes, width, 230});
      }));
}

}  // namespace

std::string report_curves(const RunData& run) { return eval_card(run) + loss_card(run); }

std::string report_rates(const RunData& run) { return rate_card(run) + speed_card(run); }

}  // namespace filigree::train
