#pragma once
#include <filesystem>
#include <map>
#include <string>

#include <damo/graph/values/array.hpp>
#include <damo/io/runs/record.hpp>

namespace damo::io {

/// What a training run needs to go on as if it had never stopped.
struct Checkpoint {
  std::map<std::string, Array> arrays;
  Record metadata;

  /// The array of that name; throws IoError when it is missing, or of another dtype or shape.
  const Array& at(const std::string& name, DType dtype, const Shape& shape) const;
  const Array& at(const std::string& name) const;
};

/// Saves as an npz file that numpy.load opens, with the metadata as member "metadata.json" and a
/// CRC-32 on each member. The file is replaced in one step, and the one it replaces is kept as
/// "<stem>.previous<extension>".
void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

/// Loads `path`, or, when it is missing or damaged, the previous one; `note` then says so. Throws
/// IoError with both reasons when neither can be read.
Checkpoint load_checkpoint(const std::filesystem::path& path, std::string* note = nullptr);

}  // namespace damo::io
