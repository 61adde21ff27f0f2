#pragma once
// The roll call: when a collective's deadline has passed, a rank asks the others where they are, so that the error
// names the missing ranks. Ranks that wait in any collective answer within a few tens of milliseconds; silent ranks
// are stuck, stopped or dead. The roll call has its own communicator, which the stuck collective cannot block.
#include <algorithm>
#include <memory>
#include <vector>

#include "dist/group.h"

namespace filigree::dist {

class RollCall {
 public:
  virtual ~RollCall() = default;

  /// From here until leave() with the same pointer, this process waits in `operation`. Thread-safe.
  virtual void enter(const Operation* operation) = 0;
  virtual void leave(const Operation* operation) = 0;

  /// Answers pending calls. True once any rank has called: that rank's collective has failed, and the job ends soon.
  virtual bool serve() = 0;

  struct Answers {
    RollCallAnswers where;
    bool first = true;  ///< this rank was the first to call, so it prints the error
  };
  /// Asks the world ranks `whom` and gathers their answers for up to `seconds`.
  virtual Answers ask(const std::vector<int>& whom, const Operation& operation, double seconds) = 0;
};

/// How long to gather answers for a collective with this deadline: a tenth of it, clamped to 0.5 .. 2 s.
inline double roll_call_seconds(double deadline) { return std::clamp(0.1 * deadline, 0.5, 2.0); }

/// Registers an operation with the roll call for as long as it lives.
class Waiting {
 public:
  Waiting(RollCall& roll_call, const Operation& operation) : roll_call_(roll_call), operation_(operation) {
    roll_call_.enter(&operation_);
  }
  ~Waiting() { roll_call_.leave(&operation_); }
  Waiting(const Waiting&) = delete;

 private:
  RollCall& roll_call_;
  const Operation& operation_;
};

}  // namespace filigree::dist
