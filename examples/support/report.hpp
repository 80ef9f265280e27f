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
  /// Writes report.html into the folder.
  void write(const RunFolder& folder);

 private:
  void end_profile();

  Function* function_ = nullptr;
  int calls_ = 0;
  std::string profile_;
};

/// Writes one page with the curves, pictures and music of several runs, in the order in which they
/// were started. Throws IoError for a folder that holds no run.
void write_overview(const std::vector<std::filesystem::path>& runs,
                    const std::filesystem::path& file);

}  // namespace damo::examples
