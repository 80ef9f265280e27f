#include "support/run_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <system_error>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/file.hpp>

namespace damo::examples {
namespace {

namespace fs = std::filesystem;

constexpr const char* info_name = "run.json";

std::string local_time(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

bool is_output(const fs::path& path) {
  constexpr std::string_view extensions[] = {".png", ".csv",  ".npz", ".json", ".mid",
                                             ".wav", ".html", ".dot", ".tmp"};
  return fs::is_regular_file(path) && std::find(std::begin(extensions), std::end(extensions),
                                                path.extension().string()) != std::end(extensions);
}

void remove_run(const fs::path& folder) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (is_output(entry.path())) fs::remove(entry.path(), error);
    if (error) io::throw_io(entry.path(), "cannot remove: " + error.message());
  }
}

// Best effort: a run must not fail for want of a link.
void point_latest(const fs::path& folder) {
  const fs::path parent = fs::absolute(folder).parent_path();
  if (parent.filename() != "runs") return;
  const fs::path link = parent / "latest";
  const fs::path fresh = parent / "latest.tmp";
  std::error_code error;
  if (fs::exists(fs::symlink_status(link, error)) && !fs::is_symlink(link, error)) return;
  fs::remove(fresh, error);
  fs::create_directory_symlink(fs::absolute(folder).filename(), fresh, error);
  if (!error) fs::rename(fresh, link, error);
}

fs::path free_name(const std::string& model) {
  const fs::path base = fs::path("runs") / fmt::format("{}-{}", model, local_time("%Y%m%d-%H%M%S"));
  fs::path path = base;
  for (int i = 2; fs::exists(path); ++i) path = base.string() + fmt::format("-{}", i);
  return path;
}

}  // namespace

RunFolder RunFolder::create(const std::string& model, const fs::path& out, bool force) {
  fs::path path = out.empty() ? free_name(model) : out;
  // "runs/a/" names the folder "runs/a".
  if (!path.has_filename()) path = path.parent_path();
  if (fs::is_directory(path) && !fs::is_empty(path)) {
    if (!fs::exists(path / info_name)) {
      io::throw_io(path, "holds other files than a run's; choose another folder with --out");
    }
    if (!force) {
      io::throw_io(path,
                   fmt::format("holds a run already; continue it with --resume {}, replace it "
                               "with --force, or choose another folder with --out",
                               path.string()));
    }
    remove_run(path);
  }
  io::create_folder(path);
  // Fails here, before any training, when the folder cannot be written to.
  io::write_file(path / info_name, "{}\n");
  point_latest(path);
  return RunFolder(path);
}

RunFolder RunFolder::open(const fs::path& path) {
  if (!fs::exists(path / info_name)) {
    io::throw_io(path, fmt::format("holds no run: there is no {} in it", info_name));
  }
  std::error_code error;
  const fs::path target = fs::is_symlink(path, error) ? fs::read_symlink(path, error) : path;
  return RunFolder(target.is_relative() && target != path ? path.parent_path() / target : target);
}

io::Record RunFolder::info() const {
  const fs::path path = path_ / info_name;
  return io::Record::parse(io::as_text(io::read_file(path)), path.string());
}

void RunFolder::save_info(const io::Record& info) const {
  io::write_file(path_ / info_name, info.to_json());
}

std::string timestamp() { return local_time("%Y-%m-%dT%H:%M:%S"); }

std::string_view version() { return DAMO_VERSION; }

}  // namespace damo::examples
