#pragma once
// The parts of report.html, each generated only from the run, and their shared helpers.
#include <functional>
#include <string>

#include "core/report/report_data.h"

namespace filigree::train {

std::string report_heading(const RunData& run);        ///< name and state, and the error that ended the run
std::string report_headline(const RunData& run);       ///< the metric over the run, and its cost
std::string report_curves(const RunData& run);         ///< evaluation and loss
std::string report_rates(const RunData& run);          ///< learning rate and speed
std::string report_details(const RunData& run);        ///< table of stages, exports, recipe
std::string report_structure(const RunData& run);      ///< heads and neurons left; empty without a structured prune
std::string report_communication(const RunData& run);  ///< bytes per step of each stage; empty on one rank

std::string report_card(const std::string& title, const std::string& body, const char* extra = "");
std::string percent(double share);
/// A value of a metric: 0.713, or 1.2e+10.
std::string metric_text(double value);

/// The same drawing for wide and narrow screens; the style sheet shows one of them.
inline constexpr int kHalfCard = 526, kWholeCard = 1082, kPhoneCard = 330;
std::string at_both_widths(const std::function<std::string(int width)>& draw_at, int wide = kHalfCard);

}  // namespace filigree::train
