#include "support/run_folder.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <set>
#include <system_error>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/runs/folder_lock.hpp>

namespace damo::examples {
namespace {

namespace fs = std::filesystem;

constexpr const char* info_name = "run.json";
constexpr const char* list_name = "run.files";  // what the run has written, a name a line, sorted

std::string local_time(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

bool is_run(const fs::path& folder) {
  return fs::is_regular_file(folder / info_name) && fs::is_regular_file(folder / list_name);
}

// The names that a run's list has, without those that would lead out of the folder.
std::set<std::string> listed(const fs::path& folder) {
  std::set<std::string> names;
  std::ifstream list(folder / list_name);
  for (std::string name; std::getline(list, name);) {
    if (!name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos)
      names.insert(name);
  }
  return names;
}

// The list and run.json go last, by being replaced: what was not removed stays known as the run's.
void remove_run(const fs::path& folder) {
  for (const std::string& name : listed(folder)) {
    if (name == info_name || name == list_name) continue;
    for (const char* suffix : {"", ".tmp"}) {  // a writer that was killed left the second
      std::error_code error;
      const fs::path path = folder / (name + suffix);
      if (!fs::is_directory(path, error)) fs::remove(path, error);
      if (error && error != std::errc::no_such_file_or_directory)
        io::throw_io(path, "cannot remove: " + error.message());
    }
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

// "runs/a/" names the folder "runs/a".
fs::path without_slash(const fs::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

// Who writes to a folder, as far as its run.json says.
std::string writer_of(const fs::path& folder) {
  try {
    const io::Record run = RunFolder::open(folder).info();
    return fmt::format("{}, process {},", run.text("program"), run.integer("process"));
  } catch (const Error&) {
    return "another process";
  }
}

}  // namespace

/// The lock on a folder, and the names listed so far.
struct RunFolder::Hold {
  explicit Hold(const fs::path& folder) : lock(folder, writer_of(folder)) {}

  io::FolderLock lock;
  std::set<std::string> names;
};

namespace {

void check_content(const fs::path& path, bool force) {
  std::error_code error;
  if (fs::is_empty(path, error)) return;
  if (fs::exists(path / info_name) && !is_run(path)) {
    io::throw_io(path, fmt::format("has a {0} but no list of a run's files ({1}): it is another "
                                   "program's; choose another folder with --out",
                                   info_name, list_name));
  }
  if (!is_run(path))
    io::throw_io(path, "holds other files than a run's; choose another folder with --out");
  if (!force) {
    io::throw_io(path, fmt::format("holds a run already; continue it with --resume {}, replace it "
                                   "with --force, or choose another folder with --out",
                                   path.string()));
  }
}

}  // namespace

void RunFolder::check(const fs::path& out, bool force) {
  const fs::path path = without_slash(out);
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (out.empty() || !fs::exists(status)) return;
  if (!fs::is_directory(status)) io::throw_io(path, "is no folder");
  const Hold hold(path);
  check_content(path, force);
}

RunFolder RunFolder::create(const std::string& model, const fs::path& out, bool force) {
  RunFolder folder(out.empty() ? free_name(model) : without_slash(out));
  check(folder.path_, force);
  io::create_folder(folder.path_);
  folder.hold_ = std::make_shared<Hold>(folder.path_);
  check_content(folder.path_, force);  // once more: another process could have filled it
  if (is_run(folder.path_)) remove_run(folder.path_);
  // Fails here, before any training, when the folder cannot be written to.
  io::write_file(folder.path_ / list_name, "");
  folder.save_info(io::Record().set("program", model));
  point_latest(folder.path_);
  return folder;
}

RunFolder RunFolder::open(const fs::path& path) {
  if (!fs::exists(path / info_name)) {
    io::throw_io(path, fmt::format("holds no run: there is no {} in it", info_name));
  }
  std::error_code error;
  const fs::path target = fs::is_symlink(path, error) ? fs::read_symlink(path, error) : path;
  return RunFolder(target.is_relative() && target != path ? path.parent_path() / target : target);
}

RunFolder RunFolder::resume(const fs::path& path) {
  RunFolder folder = open(path);
  folder.hold_ = std::make_shared<Hold>(folder.path_);
  folder.hold_->names = listed(folder.path_);
  return folder;
}

fs::path RunFolder::output(const std::string& name) const {
  if (hold_ && hold_->names.insert(name).second) {
    std::string list;
    for (const std::string& each : hold_->names) list += each + "\n";
    io::write_file(path_ / list_name, list);
  }
  return path_ / name;
}

io::Record RunFolder::info() const {
  const fs::path path = path_ / info_name;
  return io::Record::parse(io::as_text(io::read_file(path)), path.string());
}

void RunFolder::save_info(const io::Record& info) const {
  io::Record record = info;
  if (hold_) record.set("process", std::int64_t{::getpid()});
  io::write_file(output(info_name), record.to_json());
}

std::string timestamp() { return local_time("%Y-%m-%dT%H:%M:%S"); }

std::string_view version() { return DAMO_VERSION; }

}  // namespace damo::examples
