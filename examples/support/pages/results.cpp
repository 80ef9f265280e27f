#include "support/pages/results.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <damo/io/files/file.hpp>

#include "support/music/tunes.hpp"
#include "support/run_files.hpp"

namespace damo::examples {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_pictures = 16;  // of one kind

const std::string train_suffix = "_train", valid_suffix = "_valid";

bool has(const io::CsvTable& table, const std::string& column) {
  return std::find(table.columns.begin(), table.columns.end(), column) != table.columns.end();
}

// A plot for each column; what is measured on training and validation data shares one, and its
// difference follows.
void add_curves(io::HtmlPage& page, const io::CsvTable& table, const io::Record& captions) {
  const std::vector<double> epochs = table.column("epoch");
  const auto draw = [&](const std::string& title, const std::string& caption,
                        const std::vector<io::Series>& series) {
    page.curves(
        series,
        {.title = title, .y_label = title, .width = 860, .height = 330, .caption = caption});
  };
  for (const std::string& column : table.columns) {
    if (column == "epoch" || column == "seconds") continue;
    const std::string stem = column.substr(0, column.rfind('_'));
    const bool pair = has(table, stem + train_suffix) && has(table, stem + valid_suffix);
    if (!pair) {
      draw(column, captions.has(column) ? captions.text(column) : "",
           {{column, epochs, table.column(column)}});
    } else if (column.ends_with(train_suffix)) {
      const auto train = table.column(column);
      const auto valid = table.column(stem + valid_suffix);
      std::vector<double> gap;
      for (std::size_t i = 0; i < train.size(); ++i) gap.push_back(valid[i] - train[i]);
      draw(stem, captions.has(stem) ? captions.text(stem) : "",
           {{"training", epochs, train}, {"validation", epochs, valid}});
      draw(stem + " gap: validation less training", "It grows where the model learns by heart.",
           {{"gap", epochs, gap}});
    }
  }
}

void add_pictures(io::HtmlPage& page, const fs::path& folder, const io::Record& captions) {
  for (const auto& [stem, files] : files_by_stem(folder, ".png")) {
    if (stem == "learning_curve") continue;  // the curves are there themselves
    std::vector<fs::path> all;
    for (const auto& [number, file] : files) {
      // Music is drawn by the page.
      if (!fs::exists(fs::path(file).replace_extension(".mid"))) all.push_back(file);
    }
    std::vector<fs::path> some;  // spread evenly, first and last among them
    const std::size_t n = std::min(all.size(), most_pictures);
    for (std::size_t i = 0; i < n; ++i)
      some.push_back(all[n > 1 ? i * (all.size() - 1) / (n - 1) : 0]);
    page.pictures(caption_of(captions, stem), some);
  }
}

}  // namespace

io::Record captions_of(const fs::path& run) {
  const fs::path path = run / captions_name;
  if (!fs::exists(path)) return {};
  return io::Record::parse(io::as_text(io::read_file(path)), path.string());
}

std::string caption_of(const io::Record& captions, const std::string& name) {
  if (captions.has(name)) return captions.text(name);
  std::string caption = name;
  std::replace(caption.begin(), caption.end(), '_', ' ');
  return caption;
}

void add_results(io::HtmlPage& page, const fs::path& run, const fs::path& page_folder) {
  const fs::path metrics = run / "metrics.csv";
  const io::Record captions = captions_of(run);
  if (fs::exists(metrics)) add_curves(page, io::read_csv(metrics), captions);
  add_pictures(page, run, captions);
  add_tunes(page, run, page_folder);
}

std::string text_of(const io::Record& run, std::string_view name) {
  return run.has(name) ? run.text(name) : "";
}

std::string title_of(const io::Record& run) {
  const std::string program = run.has("program") ? run.text("program") : "A run";
  return run.has("data") ? fmt::format("{} on {}", program, run.text("data")) : program;
}

}  // namespace damo::examples
