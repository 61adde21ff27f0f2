#include "dist/group.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>

namespace filigree::dist {
namespace {

const char* type_name(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return "float32";
    case at::kDouble:
      return "float64";
    case at::kBFloat16:
      return "bfloat16";
    case at::kLong:
      return "int64";
    case at::kInt:
      return "int32";
    case at::kByte:
      return "uint8";
    default:
      return c10::toString(type);
  }
}

void append(std::string& text, const char* label, const std::vector<std::string>& items) {
  if (!items.empty()) text += fmt::format("; {}: {}", label, fmt::join(items, ", "));
}

}  // namespace

std::string Group::who(int member) const {
  const auto i = static_cast<size_t>(member);
  return fmt::format("rank {} (host {})", ranks[i], hosts[i]);
}

std::string Operation::text() const {
  if (name.empty()) return "no collective";
  return fmt::format("{} #{} of group {} ({} bytes)", name, sequence, group, bytes);
}

std::string describe(const at::Tensor& tensor) {
  return fmt::format("{} [{}]", type_name(tensor.scalar_type()), fmt::join(tensor.sizes().vec(), ", "));
}

std::string deadline_message(const Group& group, int me, const Operation& operation, double seconds,
                             const std::vector<int>& awaited, const RollCallAnswers& answers) {
  std::vector<std::string> missing, differ, elsewhere;
  for (int member : awaited) {
    const auto answer = answers.find(group.ranks[static_cast<size_t>(member)]);
    if (answer == answers.end()) {
      missing.push_back(group.who(member));
    } else if (answer->second.name.empty()) {
      missing.push_back(group.who(member) + ", alive but in no collective");
    } else if (!answer->second.same_call(operation)) {
      elsewhere.push_back(fmt::format("{} in {}", group.who(member), answer->second.text()));
    } else if (answer->second.name != operation.name || answer->second.bytes != operation.bytes) {
      differ.push_back(
          fmt::format("{} calls {} with {} bytes", group.who(member), answer->second.name, answer->second.bytes));
    }
  }
  std::string text = fmt::format("{}: {} did not complete in {:.1f} s", group.who(me), operation.text(), seconds);
  append(text, "missing", missing);
  append(text, "out of step", differ);
  append(text, "elsewhere", elsewhere);
  if (missing.empty() && differ.empty() && elsewhere.empty()) {
    text += "; all its ranks are waiting in it: the network is stuck or the timeout is too short";
  }
  return text;
}

std::string failure_message(const Group& group, int me, const Operation& operation, const std::string& why) {
  return fmt::format("{}: {} failed: {}", group.who(me), operation.text(), why);
}

std::vector<int> others(const Group& group, int me) {
  std::vector<int> members;
  for (int member = 0; member < group.size(); ++member) {
    if (member != me) members.push_back(member);
  }
  return members;
}

std::vector<int> split_members(const at::Tensor& table, int colour) {
  const auto rows = table.accessor<int64_t, 2>();
  std::vector<int> members;
  for (int member = 0; member < table.size(0); ++member) {
    if (rows[member][0] == colour) members.push_back(member);
  }
  std::stable_sort(members.begin(), members.end(), [&rows](int a, int b) { return rows[a][1] < rows[b][1]; });
  return members;
}

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

}  // namespace filigree::dist
