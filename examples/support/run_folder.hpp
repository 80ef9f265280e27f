#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include <damo/io/runs/record.hpp>

namespace damo::examples {

/// The state that training goes on from, and that of the epoch with the best score.
inline constexpr const char* checkpoint_name = "checkpoint.npz";
inline constexpr const char* best_name = "best.npz";

/// The folder that one run writes to: run.json, metrics.csv, checkpoints and pictures. While an
/// object made by `create` or `resume` or a copy of it lives, no other process gets one.
class RunFolder {
 public:
  /// Makes the folder of a new run: `out`, or "runs/<model>-<date>-<time>" when that is empty. A
  /// folder that holds a run already is refused with IoError unless `force`, which removes the
  /// files that run has listed as its own; a folder that holds other things only is always refused,
  /// and so is one that another process writes to. For folders in "runs", the link runs/latest is
  /// turned to it.
  static RunFolder create(const std::string& model, const std::filesystem::path& out, bool force);
  /// Throws what `create` would, where that can be known without changing anything.
  static void check(const std::filesystem::path& out, bool force);
  /// The folder of an earlier run, to read from. Throws IoError when there is no run.json in it.
  static RunFolder open(const std::filesystem::path& path);
  /// The same to write to; throws IoError when another process does.
  static RunFolder resume(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  /// A file in it, to read.
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  /// A file in it, to write: the name joins the run's list, run.files, first.
  std::filesystem::path output(const std::string& name) const;

  /// What run.json says; `save_info` replaces it atomically.
  io::Record info() const;
  void save_info(const io::Record& info) const;

 private:
  struct Hold;
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
  std::shared_ptr<Hold> hold_;  // none where it is only read
};

/// "2026-03-31T14:05:59", local time.
std::string timestamp();
/// Damo's version.
std::string_view version();

}  // namespace damo::examples
