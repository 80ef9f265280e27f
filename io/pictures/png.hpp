#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

namespace damo::io {

/// An 8-bit picture: rows from the top, pixels from the left, 1 (gray) or 3 (RGB) bytes a pixel.
struct Picture {
  int width = 0;
  int height = 0;
  int channels = 1;
  std::vector<std::uint8_t> pixels;

  Picture() = default;
  Picture(int w, int h, int channel_count, std::uint8_t fill = 0);
  std::uint8_t* at(int x, int y) {
    return pixels.data() + (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                            static_cast<std::size_t>(x)) *
                               static_cast<std::size_t>(channels);
  }
  const std::uint8_t* at(int x, int y) const { return const_cast<Picture*>(this)->at(x, y); }
};

/// Writes a PNG file, atomically. Throws IoError with the path and the reason.
void write_png(const std::filesystem::path& path, const Picture& picture);
/// Reads a PNG file as gray or RGB; throws IoError when it is damaged or beyond 2^26 pixels.
Picture read_png(const std::filesystem::path& path);

/// The number of pixels that a PNG's header declares; 0 where the file does not begin as a PNG
/// does.
std::uint64_t declared_pixels(const std::filesystem::path& path);

}  // namespace damo::io
