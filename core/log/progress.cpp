#include "core/log/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string_view>

namespace filigree::train {
namespace {

constexpr int kMaxBar = 40, kMinBar = 8;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool says_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view text(value);
    return text.find("UTF-8") != std::string_view::npos || text.find("utf8") != std::string_view::npos;
  }
  return false;
}

int stderr_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string ascii_bar(double share, int width) {
  const int filled = static_cast<int>(share * width);
  std::string bar(static_cast<size_t>(filled), '=');
  if (filled < width) bar += '>' + std::string(static_cast<size_t>(width - filled - 1), ' ');
  return "[" + bar + "]";
}

std::string unicode_bar(double share, int width) {
  constexpr std::array<const char*, 8> kEighths{" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int parts = static_cast<int>(share * width * 8);
  std::string bar = "▕";
  for (int i = 0; i < width; ++i) {
    const int part = std::clamp(parts - 8 * i, 0, 8);
    bar += part == 8 ? "█" : kEighths[static_cast<size_t>(part)];
  }
  return bar + "▏";
}

}  // namespace

ProgressOptions stderr_progress() {
  ProgressOptions options;
  const char* term = std::getenv("TERM");
  options.terminal = ::isatty(STDERR_FILENO) != 0 && !(term != nullptr && std::string_view(term) == "dumb");
  options.width = stderr_width;
  options.unicode = says_utf8();
  return options;
}

Progress::Progress(std::ostream& out, ProgressOptions options) : out_(out), options_(std::move(options)) {
  if (!options_.now) options_.now = steady_seconds;
}

void Progress::begin(const std::string& stage, int64_t total, int64_t done) {
  end();
  stage_ = stage;
  last_ = {done, total};
  seen_ = 0;
  drawn_at_ = -1e300;
  open_ = true;
}

void Progress::step(const StepProgress& progress) {
  last_ = progress;
  // A mean over all steps at first, later over about the last 50.
  const double weight = std::max(1.0 / 50, 1.0 / static_cast<double>(++seen_));
  const double speed = progress.seconds > 0 ? static_cast<double>(progress.tokens) / progress.seconds : 0;
  seconds_per_step_ += weight * (progress.seconds - seconds_per_step_);
  tokens_per_s_ += weight * (speed - tokens_per_s_);
  loss_ += weight * (progress.loss - loss_);
  const double wait = options_.terminal ? options_.redraw_s : options_.line_s;
  if (progress.step >= progress.total || options_.now() - drawn_at_ >= wait) redraw();
}

void Progress::redraw() {
  drawn_at_ = options_.now();
  if (options_.terminal) {
    // Keep the last column free: a cursor that wraps would leave lines behind.
    out_ << "\r\x1b[K" << bar_line(options_.width() - 1) << std::flush;
    visible_ = true;
  } else {
    out_ << plain_line() << '\n' << std::flush;
  }
}

void Progress::clear() {
  if (visible_) out_ << "\r\x1b[K" << std::flush;
  visible_ = false;
  if (options_.terminal) drawn_at_ = -1e300;
}

void Progress::end() {
  if (open_ && visible_) out_ << '\n' << std::flush;
  visible_ = open_ = false;
}

std::string Progress::bar_line(int width) const {
  const double share =
      last_.total > 0 ? std::clamp(static_cast<double>(last_.step) / static_cast<double>(last_.total), 0.0, 1.0) : 0;
  const double left = seconds_per_step_ * static_cast<double>(std::max<int64_t>(0, last_.total - last_.step));
  // Most important first; parts that do not fit are omitted.
  const std::array<std::string, 5> parts{
      fmt::format("{} {:3.0f}%", stage_, std::floor(share * 100)), fmt::format("{}/{}", last_.step, last_.total),
      "ETA " + format_duration(left), fmt::format("mean loss {:.4g}", loss_), format_count(tokens_per_s_) + " tok/s"};
  std::string text = parts[0];
  if (static_cast<int>(text.size()) > width) return std::string();
  for (size_t i = 1; i < parts.size() && static_cast<int>(text.size() + 2 + parts[i].size()) <= width; ++i)
    text += "  " + parts[i];
  const int room = std::min(kMaxBar, width - static_cast<int>(text.size()) - 4);
  if (room >= kMinBar) {
    const std::string bar = options_.unicode ? unicode_bar(share, room) : ascii_bar(share, room);
    const size_t at = stage_.size();
    text = text.substr(0, at) + " " + bar + text.substr(at);
  }
  return text;
}

std::string Progress::plain_line() const {
  const double left = seconds_per_step_ * static_cast<double>(std::max<int64_t>(0, last_.total - last_.step));
  return fmt::format("{}: step {}/{}, mean loss {:.4g}, {} tokens/s, {} left", stage_, last_.step, last_.total, loss_,
                     format_count(tokens_per_s_), format_duration(left));
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  const auto total = static_cast<int64_t>(std::llround(seconds));
  if (total >= int64_t{100} * 3600) return fmt::format("{}d {:02}h", total / 86400, total % 86400 / 3600);
  if (total >= 3600) return fmt::format("{}:{:02}:{:02}", total / 3600, total % 3600 / 60, total % 60);
  return fmt::format("{}:{:02}", total / 60, total % 60);
}

std::string format_count(double value) {
  constexpr std::array<const char*, 6> kUnits{"", "k", "M", "G", "T", "P"};
  size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  if (unit == 0 || value >= 100) return fmt::format("{:.0f}{}", value, kUnits[unit]);
  return fmt::format("{:.1f}{}", value, kUnits[unit]);
}

}  // namespace filigree::train
