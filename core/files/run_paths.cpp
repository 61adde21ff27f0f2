#include "core/files/run_paths.h"

#include <algorithm>
#include <string_view>

namespace filigree::files {

bool run_names::is_reserved(const std::string& name) {
  return name.starts_with('.') || name.starts_with(kEventsPrefix) ||
         std::ranges::find(kVisible, std::string_view(name)) != kVisible.end();
}

}  // namespace filigree::files
