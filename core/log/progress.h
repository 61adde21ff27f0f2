#pragma once
// Progress of a stage: on a terminal, a bar that is redrawn in place; elsewhere, a plain line now and then, so that a
// batch log stays short.
//
//   adapt  [=========>           ]  42%  264/625  ETA 1:23  mean loss 1.234  12.3k tok/s
//
// Time left, speed and mean loss come from a moving average over about the last 50 steps of this start; metrics.jsonl
// has the loss of each logged step. Only rank 0 has a Progress.
#include <chrono>
#include <functional>
#include <ostream>
#include <string>

namespace filigree::train {

struct StepProgress {
  int64_t step = 0;  ///< completed steps of the stage
  int64_t total = 0;
  double loss = 0;
  int64_t tokens = 0;  ///< of this step
  double seconds = 0;  ///< of this step
};

struct ProgressOptions {
  bool terminal = false;
  std::function<int()> width = [] { return 80; };  ///< columns of the terminal, queried at each redraw
  std::function<double()> now;                     ///< seconds, monotonic; default: the steady clock
  double redraw_s = 0.1;                           ///< minimum seconds between redraws
  double line_s = 30;                              ///< without a terminal: seconds between lines
  bool unicode = false;                            ///< draw a smooth bar with block characters
};

/// Options that match stderr: terminal or not, its width, its character set.
ProgressOptions stderr_progress();

class Progress {
 public:
  Progress(std::ostream& out, ProgressOptions options);

  /// done: steps already completed, if the stage is resumed.
  void begin(const std::string& stage, int64_t total, int64_t done = 0);
  void step(const StepProgress& progress);
  void end();    ///< ends the line of the stage
  void clear();  ///< wipes the bar, before other text is printed; the next step draws it again

 private:
  std::string bar_line(int width) const;
  std::string plain_line() const;
  void redraw();

  std::ostream& out_;
  ProgressOptions options_;
  std::string stage_;
  StepProgress last_;
  double seconds_per_step_ = 0, tokens_per_s_ = 0, loss_ = 0;
  int64_t seen_ = 0;
  double drawn_at_ = -1e300;
  bool visible_ = false, open_ = false;
};

std::string format_duration(double seconds);  ///< "0:07", "1:02:03", "3d 04h"
std::string format_count(double value);       ///< "950", "12.3k", "4.6M", "1.5T"

}  // namespace filigree::train
