#pragma once
#include <filesystem>
#include <string>

#include <damo/io/dataset.hpp>

namespace damo::io {

/// Images of one's own: what `load_dataset` does with files and folders that are no known data set.
/// See there for what is accepted.
Dataset load_own_images(const std::string& name_or_path, const DatasetOptions& options);

/// Of a training set without a validation set, one part in so many becomes that.
inline constexpr std::int64_t valid_share = 6;

/// Whether `name_or_path` names files that are there: one path, or several with commas between.
bool names_files(const std::string& name_or_path);

/// 0 to n - 1 in an order that the seed decides, the same on every machine.
std::vector<std::int64_t> shuffled(std::int64_t n, std::uint64_t seed);

/// Rows `which` of an array, in their order.
Array rows_of(const Array& all, const std::vector<std::int64_t>& which);

}  // namespace damo::io
