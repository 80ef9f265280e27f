#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <damo/runtime/function/function.hpp>

#include "support/run_folder.hpp"

namespace damo::examples {

/// Makes a run's report.html, one page with all that the run's folder holds: settings, curves,
/// pictures, music; and of the training function the graph before and after rewriting, with every
/// step between, and where its time goes.
class Report {
 public:
  /// `function` may be null and must live as long as the report; it is profiled for some calls.
  Report() = default;
  explicit Report(Function* function) : function_(function) {}
  /// To be called before each batch.
  void next_batch();
  /// Writes report.html into the folder. With `live`, the run goes on: the page says so, and a
  /// browser reads it again and again.
  void write(const RunFolder& folder, bool live = false);

 private:
  void end_profile();

  Function* function_ = nullptr;
  int calls_ = 0;
  std::string profile_, explained_;
};

/// Writes one page with several runs: of each program a table that can be sorted, with the settings
/// that differ, and each metric's curves over one another; then each run's curves, pictures and
/// music, in the order in which they were started. The result is what was left out, and why: one
/// broken run spoils no page.
std::vector<std::string> write_overview(const std::vector<std::filesystem::path>& runs,
                                        const std::filesystem::path& file);

}  // namespace damo::examples
