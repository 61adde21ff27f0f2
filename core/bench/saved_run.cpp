#include "core/bench/saved_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files/disk.h"
#include "core/files/json.h"
#include "core/files/read.h"

namespace filigree::bench {
namespace {

SavedRun parsed(const std::string& path) {
  const nlohmann::json object = files::read_json(path, files::DuplicateKeys::refuse);
  SavedRun run;
  files::take_values(path, [&] {
    const auto status = enum_from<Status>(object.at("status").get<std::string>());
    if (!status) throw DataError(fmt::format("{}: status: is not known", path));
    run.status = *status;
    run.ranks = object.at("ranks").get<int64_t>();
    run.measured = object.at("measured").get<bool>();
    run.seconds = object.at("seconds").get<double>();
    run.peak_memory_bytes = object.at("peak_memory_bytes").get<int64_t>();
    run.recipe = object.at("recipe").get<std::string>();
    run.result = result_from_json(object.at("result"), path + ": result");
  });
  return run;
}

}  // namespace

void write_saved_run(const std::string& path, const SavedRun& run) {
  const nlohmann::ordered_json object{{"status", enum_name(run.status)},
                                      {"ranks", run.ranks},
                                      {"measured", run.measured},
                                      {"seconds", run.seconds},
                                      {"peak_memory_bytes", run.peak_memory_bytes},
                                      {"result", to_json(run.result)},
                                      {"recipe", run.recipe}};
  files::replace_file(path, object.dump(1) + "\n");
}

SavedRun read_saved_run(const std::string& path) {
  try {
    return parsed(path);
  } catch (const files::Unreadable&) {
    throw;
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}; remove the file to run it again", error.what()));
  }
}

void begin_start(SavedRun& run) {
  if (run.status == Status::running) run.measured = false;
  run.status = Status::running;
  run.result.error.clear();
}

void add_measures(SavedRun& run, double seconds, int64_t peak_memory_bytes) {
  run.seconds += seconds;
  run.peak_memory_bytes = std::max(run.peak_memory_bytes, peak_memory_bytes);
}

void put_measures(SavedRun& run) {
  if (!run.measured) return;
  run.result.seconds = run.seconds;
  run.result.peak_memory_bytes = run.peak_memory_bytes;
}

}  // namespace filigree::bench
