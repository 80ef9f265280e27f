#include "support/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include <damo/io/formats/csv.hpp>
#include <damo/io/pictures/html_page.hpp>
#include <damo/optim/explain/explain_page.hpp>

#include "support/cli.hpp"
#include "support/run_files.hpp"

namespace damo::examples {
namespace {

namespace fs = std::filesystem;

// The first calls plan buffers; those after them are profiled.
constexpr int first_profiled = 3, last_profiled = 60;
constexpr std::size_t most_pictures = 16;  // of one kind
constexpr std::uintmax_t longest_sound = 8U << 20U;

const std::string train_suffix = "_train", valid_suffix = "_valid";

bool has(const io::CsvTable& table, const std::string& column) {
  return std::find(table.columns.begin(), table.columns.end(), column) != table.columns.end();
}

/// A plot for each column; what is measured on training and validation data shares one, and its
/// difference follows.
void add_curves(io::HtmlPage& page, const io::CsvTable& table) {
  const std::vector<double> epochs = table.column("epoch");
  const auto draw = [&](const std::string& title, const std::vector<io::Series>& series) {
    page.curves(series, {.title = title, .y_label = title, .width = 860, .height = 330});
  };
  for (const std::string& column : table.columns) {
    if (column == "epoch" || column == "seconds") continue;
    const std::string stem = column.substr(0, column.rfind('_'));
    const bool pair = has(table, stem + train_suffix) && has(table, stem + valid_suffix);
    if (!pair) {
      draw(column, {{column, epochs, table.column(column)}});
    } else if (column.ends_with(train_suffix)) {
      const auto train = table.column(column);
      const auto valid = table.column(stem + valid_suffix);
      std::vector<double> gap;
      for (std::size_t i = 0; i < train.size(); ++i) gap.push_back(valid[i] - train[i]);
      draw(stem, {{"training", epochs, train}, {"validation", epochs, valid}});
      draw(stem + " gap: validation less training", {{"gap", epochs, gap}});
    }
  }
}

void add_pictures(io::HtmlPage& page, const fs::path& folder) {
  for (const auto& [stem, files] : pictures_of(folder)) {
    if (stem == "learning_curve") continue;  // the curves are there themselves
    std::vector<fs::path> all;
    for (const auto& [number, file] : files) all.push_back(file);
    std::vector<fs::path> some;  // spread evenly, first and last among them
    const std::size_t n = std::min(all.size(), most_pictures);
    for (std::size_t i = 0; i < n; ++i)
      some.push_back(all[n > 1 ? i * (all.size() - 1) / (n - 1) : 0]);
    std::string caption = stem;
    std::replace(caption.begin(), caption.end(), '_', ' ');
    page.pictures(caption, some);
  }
}

void add_music(io::HtmlPage& page, const fs::path& folder) {
  std::map<std::string, fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    const bool sound = extension == ".wav" && entry.file_size() <= longest_sound;
    if (sound || extension == ".mid") files.emplace(entry.path().filename().string(), entry.path());
  }
  for (const auto& [name, file] : files) {
    if (file.extension() == ".wav") {
      page.sound(file);
    } else {
      page.download(file);
    }
  }
}

/// What the run has learnt, from the files in its folder.
void add_results(io::HtmlPage& page, const fs::path& folder) {
  const fs::path metrics = folder / "metrics.csv";
  if (fs::exists(metrics)) add_curves(page, io::read_csv(metrics));
  add_pictures(page, folder);
  add_music(page, folder);
}

std::string title_of(const io::Record& run) {
  const std::string program = run.has("program") ? run.text("program") : "A run";
  return run.has("data") ? fmt::format("{} on {}", program, run.text("data")) : program;
}
std::string command_of(const io::Record& run) {
  return run.has("command") ? run.text("command") : "";
}

/// Since its profile was started.
bool was_called(const Function& f) {
  return f.profile().find("no calls were profiled") == std::string::npos;
}

}  // namespace

void Report::end_profile() {
  if (function_ == nullptr || calls_ <= first_profiled || calls_ > last_profiled) return;
  if (was_called(*function_)) profile_ = function_->profile();
  function_->set_profiling(false);
}

void Report::next_batch() {
  if (function_ == nullptr || calls_ > last_profiled) return;
  if (calls_ == last_profiled) {
    if (was_called(*function_)) {
      end_profile();
    } else {  // other parts of the model are trained first
      calls_ = first_profiled + 1;
    }
  }
  if (calls_++ == first_profiled) function_->set_profiling(true);
}

void Report::write(const RunFolder& folder) {
  end_profile();
  const io::Record info = folder.info();
  io::HtmlPage page(title_of(info));
  page.paragraph(command_of(info));
  add_results(page, folder.path());
  page.heading("Settings");
  page.table(info);
  if (function_ != nullptr) {
    page.heading("The training function");
    page.folded_page("Its graph before and after rewriting, and each rule between",
                     explain_page(function_->asked(), function_->graph(), function_->rewrites()));
    if (!profile_.empty()) page.folded_text("Where its time goes", profile_);
  }
  page.write(folder.output("report.html"));
}

void write_overview(const std::vector<fs::path>& runs, const fs::path& file) {
  std::vector<std::pair<io::Record, fs::path>> found;
  for (const fs::path& run : runs) found.emplace_back(RunFolder::open(run).info(), run);
  const auto started = [](const io::Record& run) {
    return run.has("started") ? run.text("started") : "";
  };
  std::stable_sort(found.begin(), found.end(), [&](const auto& a, const auto& b) {
    return started(a.first) < started(b.first);
  });
  io::HtmlPage page("Runs");
  for (const auto& [info, folder] : found) {
    page.heading(title_of(info));
    page.paragraph(command_of(info));
    add_results(page, folder);
  }
  page.write(file);
}

}  // namespace damo::examples
