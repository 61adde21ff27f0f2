// The progress bar on a terminal of any width, and its plain lines.
#include "core/log/progress.h"

#include <gtest/gtest.h>

#include <sstream>
#include <vector>

namespace filigree::train {
namespace {

struct Fixture {
  double now = 0;
  int columns = 100;
  std::ostringstream out;
  ProgressOptions options;

  explicit Fixture(bool terminal) {
    options.terminal = terminal;
    options.now = [this] { return now; };
    options.width = [this] { return columns; };
  }
};

/// What a terminal shows in the line after each redraw.
std::vector<std::string> frames(const std::string& text) {
  std::vector<std::string> lines;
  const std::string wipe = "\r\x1b[K";
  for (size_t at = text.find(wipe); at != std::string::npos;) {
    const size_t next = text.find(wipe, at + wipe.size());
    lines.push_back(text.substr(at + wipe.size(), next == std::string::npos ? next : next - at - wipe.size()));
    at = next;
  }
  return lines;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void run(Progress& progress, Fixture& fixture, int64_t steps, double seconds) {
  for (int64_t step = 1; step <= steps; ++step) {
    fixture.now += seconds;
    progress.step({step, steps, 2.0, 500, seconds});
  }
}

// The loss is a mean, and is called so: metrics.jsonl has the loss of each step.
TEST(Progress, BarShowsShareMeanLossSpeedAndTimeLeft) {
  Fixture fixture(true);
  Progress progress(fixture.out, fixture.options);
  progress.begin("adapt", 100);
  for (int64_t step = 1; step <= 42; ++step) {
    fixture.now += 0.5;
    progress.step({step, 100, step % 2 == 0 ? 1.0 : 1.5, 500, 0.5});
  }
  const auto shown = frames(fixture.out.str());
  ASSERT_EQ(shown.size(), 42u);
  EXPECT_EQ(shown.back(),
            "adapt [================>                      ]  42%  42/100  ETA 0:29  mean loss 1.25  1.0k tok/s");
  progress.end();
  EXPECT_EQ(fixture.out.str().back(), '\n');
}

TEST(Progress, RedrawsAreLimitedAndTheLastStepIsShown) {
  Fixture fixture(true);
  Progress progress(fixture.out, fixture.options);
  progress.begin("adapt", 1000);
  run(progress, fixture, 1000, 0.001);
  const auto shown = frames(fixture.out.str());
  EXPECT_GE(shown.size(), 10u);
  EXPECT_LE(shown.size(), 13u);
  EXPECT_NE(shown.back().find("100%  1000/1000"), std::string::npos) << shown.back();
}

TEST(Progress, NeverFillsTheLastColumn) {
  for (const bool unicode : {false, true}) {
    for (int columns = 1; columns <= 140; ++columns) {
      Fixture fixture(true);
      fixture.columns = columns;
      fixture.options.unicode = unicode;
      Progress progress(fixture.out, fixture.options);
      progress.begin("recover", 12345);
      run(progress, fixture, 3, 1000.0);
      for (const auto& line : frames(fixture.out.str())) {
        // Continuation bytes of UTF-8 take no column.
        const auto width = std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; });
        EXPECT_LT(width, columns) << line;
      }
    }
  }
}

TEST(Progress, NarrowTerminalsKeepWhatMattersMost) {
  Fixture fixture(true);
  fixture.columns = 30;
  Progress progress(fixture.out, fixture.options);
  progress.begin("adapt", 10);
  fixture.now = 1;
  progress.step({5, 10, 1.0, 10, 1.0});
  EXPECT_EQ(frames(fixture.out.str()).back(), "adapt  50%  5/10  ETA 0:05");
}

TEST(Progress, WithoutATerminalPlainLinesNowAndThen) {
  Fixture fixture(false);
  Progress progress(fixture.out, fixture.options);
  progress.begin("adapt", 600);
  run(progress, fixture, 600, 0.5);
  const auto lines = lines_of(fixture.out.str());
  EXPECT_EQ(lines.size(), 11u) << "first step, each 30 s of 300 s, last step";
  EXPECT_EQ(lines[1], "adapt: step 61/600, mean loss 2, 1.0k tokens/s, 4:30 left");
  EXPECT_EQ(lines.back(), "adapt: step 600/600, mean loss 2, 1.0k tokens/s, 0:00 left");
  EXPECT_EQ(fixture.out.str().find('\r'), std::string::npos);
  EXPECT_EQ(fixture.out.str().find('\x1b'), std::string::npos);
}

TEST(Progress, MakesRoomForOtherText) {
  Fixture fixture(true);
  Progress progress(fixture.out, fixture.options);
  progress.begin("adapt", 10);
  fixture.now = 1;
  progress.step({1, 10, 1.0, 10, 1.0});
  progress.clear();
  fixture.out << "a message\n";
  progress.step({2, 10, 1.0, 10, 0.01});
  const auto shown = frames(fixture.out.str());
  ASSERT_EQ(shown.size(), 3u);
  EXPECT_EQ(shown[1], "a message\n");
  EXPECT_NE(shown[2].find("2/10"), std::string::npos);
}

TEST(Progress, Formats) {
  EXPECT_EQ(format_duration(0), "0:00");
  EXPECT_EQ(format_duration(59.6), "1:00");
  EXPECT_EQ(format_duration(3723), "1:02:03");
  EXPECT_EQ(format_duration(90 * 3600 + 5), "90:00:05");
  EXPECT_EQ(format_duration(76.0 * 3600 * 2), "6d 08h");
  EXPECT_EQ(format_duration(-1), "?");
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(950), "950");
  EXPECT_EQ(format_count(12345), "12.3k");
  EXPECT_EQ(format_count(999.6), "1.0k");
  EXPECT_EQ(format_count(123456), "123k");
  EXPECT_EQ(format_count(4.56e6), "4.6M");
  EXPECT_EQ(format_count(5e13), "50.0T");
}

}  // namespace
}  // namespace filigree::train
