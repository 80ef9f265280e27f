#pragma once
#include <filesystem>
#include <string>

namespace damo::io {

/// Holds a folder for one process that writes to it. The system takes the lock back when the
/// process ends in any way, and leaves no file behind; a file system without locks is used without.
class FolderLock {
 public:
  /// Throws IoError when another object holds the folder, in this process or another one: "...:
  /// rbm, process 123, is writing to it; ...", with the process that the system names, or else
  /// `otherwise`; and when the folder cannot be opened.
  explicit FolderLock(const std::filesystem::path& folder,
                      const std::string& otherwise = "another process");
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  int fd_;
};

}  // namespace damo::io
