#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <damo/graph/values/array.hpp>

namespace damo::io {

/// Images, or classes of images, or both, as a file has them.
struct RawImages {
  std::string where{};  ///< the file, with a member's name for an archive
  std::string part{};   ///< "train", "valid" or "test" where names say so, else empty
  Array pixels = Array(DType::float32, Shape{0, 0});  ///< (n, rows * cols), values as in the file
  std::int64_t rows = 0, cols = 0;                    ///< 0 where the file has rows of numbers only
  Array labels = Array(DType::int64, Shape{0});       ///< (n,), or without an element
};

/// What kinds of files `read_raw_images` takes, for messages.
std::string_view image_kinds();

/// Reads one file, whatever its name: idx, npy, npz, or a text of numbers, all but npz also
/// gzipped. idx, npy and npz arrays are images when they have two to four dimensions: rows of
/// numbers, gray images, or images with 1 or 3 channels first or last, of which the gray is taken;
/// with one dimension they are classes. A column of a text named label, class, target or y has
/// classes. Throws IoError.
std::vector<RawImages> read_raw_images(const std::filesystem::path& path);

/// A PNG's gray levels, 0 to 255, as the one image (1, rows * cols).
RawImages read_gray_png(const std::filesystem::path& path);

/// Throws IoError where `n` images of this size are more than 2^30 pixels, which fill 4 GB.
void require_fitting(const std::string& where, std::int64_t n, std::int64_t rows,
                     std::int64_t cols);

/// Each image as `rows` x `cols` pixels, each the mean of what it covers of the old ones. Throws
/// IoError as `require_fitting` does.
void resize(RawImages& images, std::int64_t rows, std::int64_t cols);

}  // namespace damo::io
