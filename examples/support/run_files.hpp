#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include <damo/io/runs/record.hpp>

namespace damo::examples {

/// The files in a folder that differ by a number at the end of their names only, by what they have
/// in common; one without a number has 0.
using NumberedFiles = std::map<std::string, std::map<std::int64_t, std::filesystem::path>>;
NumberedFiles files_by_stem(const std::filesystem::path& folder, std::string_view extension = "");

/// Of the files STEM1, STEM2, ... up to STEM<latest>, one a number, leaves at most 40: the first,
/// the latest, and multiples of a power of two.
void remove_between(const std::filesystem::path& folder, const std::string& stem,
                    std::string_view extension, std::int64_t latest);

/// Prints "rbm: data bars, epochs 3, ...", in lines of readable length.
void print_settings(const std::string& program, const io::Record& record);
/// Prints "filters_epoch_1.png to filters_epoch_15.png" for files that differ in their number only.
void print_pictures(const std::filesystem::path& folder);

}  // namespace damo::examples
