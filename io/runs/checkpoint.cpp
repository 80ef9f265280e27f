#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/formats/npy.hpp>
#include <damo/io/formats/npz.hpp>
#include <damo/io/runs/checkpoint.hpp>

namespace damo::io {
namespace {

constexpr const char* metadata_name = "metadata.json";

std::filesystem::path previous(const std::filesystem::path& path) {
  std::filesystem::path name = path.stem();
  name += ".previous";
  name += path.extension();
  return path.parent_path() / name;
}

// A second name for the present file, so that at no moment there is none.
void keep_previous(const std::filesystem::path& path) {
  std::filesystem::path link = previous(path);
  link += ".tmp";
  ::unlink(link.c_str());
  if (::link(path.c_str(), link.c_str()) != 0) {
    if (errno == ENOENT) return;
    // A file system without hard links gets a copy.
    std::error_code error;
    std::filesystem::copy_file(path, link, std::filesystem::copy_options::overwrite_existing,
                               error);
    if (error) throw_io(path, "cannot keep the previous checkpoint: " + error.message());
  }
  if (::rename(link.c_str(), previous(path).c_str()) != 0) {
    throw_errno(path, "cannot keep the previous checkpoint");
  }
  ::unlink(link.c_str());  // rename leaves it when both were already the same file
}

Checkpoint load_one(const std::filesystem::path& path) {
  Checkpoint checkpoint;
  bool has_metadata = false;
  for (const auto& [name, bytes] : read_zip(path)) {
    if (name == metadata_name) {
      checkpoint.metadata = Record::parse(as_text(bytes), path.string() + ":" + name);
      has_metadata = true;
    } else if (name.ends_with(".npy")) {
      checkpoint.arrays.emplace(
          name.substr(0, name.size() - 4),
          parse_npy(bytes, std::filesystem::path(path.string() + ":" + name)));
    }
  }
  if (!has_metadata) throw_io(path, "not a checkpoint: it has no metadata.json");
  return checkpoint;
}

}  // namespace

const Array& Checkpoint::at(const std::string& name) const {
  const auto found = arrays.find(name);
  if (found == arrays.end()) {
    throw IoError(fmt::format("checkpoint: there is no array '{}' in it", name));
  }
  return found->second;
}

const Array& Checkpoint::at(const std::string& name, DType dtype, const Shape& shape) const {
  const Array& array = at(name);
  if (array.dtype() != dtype || array.shape() != shape) {
    throw IoError(fmt::format("checkpoint: '{}' is {} {}, but {} {} is needed", name,
                              damo::name(array.dtype()), to_string(array.shape()),
                              damo::name(dtype), to_string(shape)));
  }
  return array;
}

void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  std::map<std::string, Bytes> members;
  for (const auto& [name, array] : checkpoint.arrays) members[name + ".npy"] = format_npy(array);
  const std::string json = checkpoint.metadata.to_json();
  const auto bytes = as_bytes(json);
  members[metadata_name] = Bytes(bytes.begin(), bytes.end());
  AtomicFile file(path);
  file.write(format_zip(members, path));
  // Only now that the new one is written may the one before the last go.
  keep_previous(path);
  file.commit();
}

Checkpoint load_checkpoint(const std::filesystem::path& path, std::string* note) {
  try {
    return load_one(path);
  } catch (const IoError& error) {
    const std::filesystem::path older = previous(path);
    if (!std::filesystem::exists(older)) throw;
    try {
      Checkpoint checkpoint = load_one(older);
      if (note != nullptr) *note = fmt::format("{}; using {}", error.what(), older.string());
      return checkpoint;
    } catch (const IoError& second) {
      throw IoError(
          fmt::format("{}; nor can the one before be used: {}", error.what(), second.what()));
    }
  }
}

}  // namespace damo::io
