#pragma once
#include <filesystem>
#include <string>

#include <damo/io/runs/record.hpp>

namespace damo::examples {

/// The folder that one run writes to: run.json, metrics.csv, checkpoints and pictures.
class RunFolder {
 public:
  /// Makes the folder of a new run: `out`, or "runs/<model>-<date>-<time>" when that is empty. A
  /// folder that holds a run already is refused with IoError unless `force`, which removes that
  /// run's files; a folder that holds other things is always refused. For folders in "runs", the
  /// link runs/latest is turned to it.
  static RunFolder create(const std::string& model, const std::filesystem::path& out, bool force);
  /// The folder of an earlier run. Throws IoError when there is no run.json in it.
  static RunFolder open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  /// What run.json says; `save_info` replaces it atomically.
  io::Record info() const;
  void save_info(const io::Record& info) const;

 private:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

/// "2026-03-31T14:05:59", local time.
std::string timestamp();
/// Damo's version.
std::string_view version();

}  // namespace damo::examples
