#pragma once
// Names inside a checkpoints folder.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace filigree::checkpoint {

inline constexpr std::string_view kStepPrefix = "step-";
inline constexpr std::string_view kTemporaryPrefix = ".tmp-";  ///< of files to remove at the next start
inline constexpr std::string_view kTensorSuffix = ".safetensors";
inline constexpr std::string_view kRankMark = "-", kRanksMark = "-of-";  ///< trained-00002-of-00004.safetensors
inline constexpr const char* kBestName = "best.json";

std::string directory_name(int64_t step);                 ///< "step-00000123"
std::optional<int64_t> step_of(const std::string& name);  ///< of "step-00000123"

}  // namespace filigree::checkpoint
