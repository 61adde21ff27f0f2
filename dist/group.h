#pragma once
// Shared by the backends: the members of a group, the name of an operation in messages, and the message for a
// collective that missed its deadline. Messages print world ranks, so that a rank has the same number in all groups.
//
//   rank 0 (host a): all_reduce #57 of group dp (4096 bytes) did not complete in 20.0 s; missing: rank 1 (host b)
#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "dist/communicator.h"

namespace filigree::dist {

struct Group {
  std::string name;
  std::vector<int> ranks;          ///< world rank of each member
  std::vector<std::string> hosts;  ///< host of each member

  int size() const { return static_cast<int>(ranks.size()); }
  std::string who(int member) const;  ///< "rank 3 (host b)"
};

struct Operation {
  std::string name;       ///< "all_reduce"; empty: in no collective
  std::string group;      ///< the group's name
  uint64_t sequence = 0;  ///< 1 for the first collective of the group; sends and receives are numbered apart
  uint64_t bytes = 0;
  std::string detail;  ///< type, shape and root where ranks must agree on them

  std::string text() const;  ///< "all_reduce #57 of group dp (4096 bytes)"
  bool same_call(const Operation& other) const { return group == other.group && sequence == other.sequence; }
};

/// Type and shape of a tensor: "float32 [4, 3]".
std::string describe(const at::Tensor& tensor);

/// Where each rank that answered a roll call is, by world rank.
using RollCallAnswers = std::map<int, Operation>;

/// The error message for a missed deadline. `awaited`: the other members that take part.
std::string deadline_message(const Group& group, int me, const Operation& operation, double seconds,
                             const std::vector<int>& awaited, const RollCallAnswers& answers);

/// "rank 0 (host a): all_reduce #3 of group dp (...) failed: <why>"
std::string failure_message(const Group& group, int me, const Operation& operation, const std::string& why);

/// All members except `me`.
std::vector<int> others(const Group& group, int me);

/// Members of the group `colour` after a split: `table` holds each rank's (colour, key), int64 [size, 2].
std::vector<int> split_members(const at::Tensor& table, int colour);

std::string host_name();

}  // namespace filigree::dist
