#pragma once
#include <filesystem>
#include <map>
#include <string>

#include <damo/io/runs/record.hpp>

namespace damo::examples {

/// The pictures in a run's folder that differ by a number at the end of their names only, by what
/// they have in common.
std::map<std::string, std::map<std::int64_t, std::filesystem::path>> pictures_of(
    const std::filesystem::path& folder);

/// Prints "rbm: data bars, epochs 3, ...", in lines of readable length.
void print_settings(const std::string& program, const io::Record& record);
/// Prints "filters_epoch_1.png to filters_epoch_15.png" for files that differ in their number only.
void print_pictures(const std::filesystem::path& folder);

}  // namespace damo::examples
