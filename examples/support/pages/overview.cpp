#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include <damo/graph/errors/error.hpp>

#include "support/cli.hpp"
#include "support/pages/results.hpp"
#include "support/report.hpp"

namespace damo::examples {
namespace {

namespace fs = std::filesystem;

struct Run {
  std::string name;
  fs::path folder;
  io::Record info, captions;
  std::optional<io::CsvTable> metrics;
};

// What differs from run to run without being a setting.
const std::set<std::string, std::less<>> no_settings{
    "program", "command", "started",        "resumed",    "resume_command", "updated",
    "status",  "process", "epochs_done",    "out",        "resume",         "error",
    "data",    "force",   "best_epoch",     "best_score", "data_notes",     "threads_used",
    "quiet",   "kernels", "instruction_set"};

Run load(const fs::path& folder) {
  Run run{folder.filename().string(), folder, RunFolder::open(folder).info(), captions_of(folder),
          std::nullopt};
  const fs::path metrics = folder / "metrics.csv";
  if (!fs::exists(metrics)) return run;
  run.metrics = io::read_csv(metrics);
  const auto& columns = run.metrics->columns;
  if (std::find(columns.begin(), columns.end(), "epoch") == columns.end())
    throw IoError(metrics.string() + ": has no column 'epoch'");
  return run;
}

std::string value_text(const io::Record& info, const std::string& name) {
  for (const auto& [key, value] : info.values()) {
    if (key == name) return std::visit([](const auto& v) { return fmt::format("{}", v); }, value);
  }
  return "";
}

std::vector<std::string> differing_settings(const std::vector<Run>& runs) {
  std::vector<std::string> names;
  for (const Run& run : runs) {
    for (const auto& [name, value] : run.info.values()) {
      const bool known = std::find(names.begin(), names.end(), name) != names.end();
      if (known || no_settings.contains(name)) continue;
      // Runs of other versions may not have it.
      const auto same = [&, &key = name, text = value_text(run.info, name)](const Run& other) {
        return !other.info.has(key) || value_text(other.info, key) == text;
      };
      if (!std::all_of(runs.begin(), runs.end(), same)) names.push_back(name);
    }
  }
  return names;
}

std::vector<std::string> metric_names(const std::vector<Run>& runs) {
  std::vector<std::string> names;
  for (const Run& run : runs) {
    if (!run.metrics) continue;
    for (const std::string& name : run.metrics->columns) {
      if (name != "epoch" && name != "seconds" &&
          std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
    }
  }
  return names;
}

std::vector<double> column(const Run& run, const std::string& name) {
  if (!run.metrics) return {};
  const auto& all = run.metrics->columns;
  if (std::find(all.begin(), all.end(), name) == all.end()) return {};
  return run.metrics->column(name);
}

// Why a run is left out; it names the run.
std::string reason_of(const std::exception& error, const fs::path& folder) {
  const std::string reason = error.what();
  return reason.find(folder.string()) != std::string::npos ? reason
                                                           : folder.string() + ": " + reason;
}

// A row for each run: what it was told, what differs, how far it came, its last numbers.
void add_table(io::HtmlPage& page, const std::vector<Run>& runs) {
  const std::vector<std::string> settings = differing_settings(runs), metrics = metric_names(runs);
  std::vector<std::string> head{"run", "data"};
  head.insert(head.end(), settings.begin(), settings.end());
  head.insert(head.end(), {"status", "epochs", "seconds"});
  head.insert(head.end(), metrics.begin(), metrics.end());
  std::vector<std::vector<std::string>> rows;
  for (const Run& run : runs) {
    std::vector<std::string> row{run.name, value_text(run.info, "data")};
    for (const std::string& name : settings) row.push_back(value_text(run.info, name));
    double seconds = 0;
    for (const double s : column(run, "seconds")) seconds += s;
    row.push_back(value_text(run.info, "status"));
    row.push_back(fmt::format("{}", column(run, "epoch").size()));
    row.push_back(fmt::format("{:.1f}", seconds));
    for (const std::string& name : metrics) {
      const std::vector<double> values = column(run, name);
      row.push_back(values.empty() ? "" : fmt::format("{:.5g}", values.back()));
    }
    rows.push_back(row);
  }
  page.sorted_table(head, rows);
}

// Of several runs, each metric's curves over one another.
void add_overlays(io::HtmlPage& page, const std::vector<Run>& runs) {
  for (const std::string& name : metric_names(runs)) {
    std::vector<io::Series> series;
    std::string caption;
    for (const Run& run : runs) {
      const std::vector<double> values = column(run, name);
      if (values.empty()) continue;
      series.push_back({run.name, run.metrics->column("epoch"), values});
      if (caption.empty() && run.captions.has(name)) caption = run.captions.text(name);
    }
    if (series.size() < 2) continue;
    page.curves(series,
                {.title = name, .y_label = name, .width = 860, .height = 330, .caption = caption});
  }
}

}  // namespace

std::vector<std::string> write_overview(const std::vector<fs::path>& folders,
                                        const fs::path& file) {
  std::map<std::string, std::vector<Run>> programs;
  std::vector<std::string> skipped;
  for (const fs::path& folder : folders) {
    try {
      Run run = load(folder);
      programs[text_of(run.info, "program")].push_back(std::move(run));
    } catch (const std::exception& error) {
      skipped.push_back(reason_of(error, folder));
    }
  }
  io::HtmlPage page("Runs");
  for (const std::string& reason : skipped) page.paragraph("A run is left out: " + reason);
  for (auto& [program, runs] : programs) {
    std::stable_sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) {
      return text_of(a.info, "started") < text_of(b.info, "started");
    });
    page.heading(fmt::format("{}: {}", program.empty() ? "Programs without a name" : program,
                             counted(static_cast<std::int64_t>(runs.size()), "run")));
    add_table(page, runs);
    add_overlays(page, runs);
  }
  for (const auto& [program, runs] : programs) {
    for (const Run& run : runs) {
      page.heading(fmt::format("{}: {}", title_of(run.info), run.name));
      page.paragraph(text_of(run.info, "command"));
      try {
        add_results(page, run.folder, file.parent_path());
      } catch (const std::exception& error) {
        skipped.push_back(reason_of(error, run.folder));
        page.paragraph("The rest is left out: " + skipped.back());
      }
    }
  }
  page.write(file);
  return skipped;
}

}  // namespace damo::examples
