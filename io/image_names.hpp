#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace damo::io {

/// "train", "valid", "test" or nothing, by the words of a name: "x_train", "t10k-images", "val".
std::string part_of_name(std::string_view name);

/// Whether a name says that what it names holds classes: "train-labels", "y_test", "target".
bool names_labels(std::string_view name);

/// The name of a file without the words that tell the parts of a data set and its classes from its
/// images: files of one data set have it in common.
std::string set_name(const std::filesystem::path& path);

}  // namespace damo::io
