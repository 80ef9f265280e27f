// Puts the pictures, curves and music of several runs on one page.
#include <fmt/format.h>

#include <filesystem>

#include "support/cli.hpp"
#include "support/program.hpp"
#include "support/report.hpp"

int main(int argc, char** argv) {
  using namespace damo::examples;
  namespace fs = std::filesystem;
  return run_program("overview", [&] {
    std::string runs = "runs";
    std::string page;
    Cli cli("overview", "Puts the results of all runs in a folder on one page.");
    cli.option("--runs", runs, "folder that holds the runs' folders");
    cli.option("--out", page, "the page [default report.html in that folder]");
    if (const auto code = cli.parse(argc, argv)) return *code;
    if (!fs::is_directory(runs)) throw damo::IoError(runs + ": is no folder");
    std::vector<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(runs)) {
      const bool is_run = fs::exists(entry.path() / "run.json");
      if (is_run && !entry.is_symlink()) folders.push_back(entry.path());
    }
    if (folders.empty())
      throw damo::IoError(runs + ": no folder in it holds a run (--runs is the folder of folders)");
    const fs::path file = page.empty() ? fs::path(runs) / "report.html" : fs::path(page);
    const std::vector<std::string> skipped = write_overview(folders, file);
    for (const std::string& reason : skipped)
      fmt::print(stderr, "overview: left out: {}\n", reason);
    const auto shown = static_cast<std::int64_t>(folders.size() - skipped.size());
    fmt::print("{} on one page: {}\n", counted(shown, "run"), file.string());
    return 0;
  });
}
