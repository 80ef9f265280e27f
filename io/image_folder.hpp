#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include <damo/io/dataset.hpp>
#include <damo/io/raw_images.hpp>

namespace damo::io {

/// What a list of files and folders holds, each part of the data as far as names tell the parts
/// apart; `notes` gets what a user should know. In a folder of PNG files, searched below, hidden
/// files left out, folders named train, valid and test are parts, and those that the pictures are
/// in, where there are several, are classes. A folder of other files has one data set; of a file
/// whose name has "train" in it, those with "valid" and "test" instead are taken too. Throws
/// IoError that names what would be accepted.
std::vector<RawImages> collect_images(const std::vector<std::filesystem::path>& paths,
                                      const DatasetOptions& options,
                                      std::vector<std::string>& notes);

}  // namespace damo::io
