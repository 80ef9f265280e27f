#include <fmt/format.h>
#include <png.h>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/pictures/png.hpp>

namespace damo::io {
namespace {

constexpr std::uint64_t most_pixels = std::uint64_t{1} << 26U;

// libpng's simplified interface holds memory between its calls, also after an error.
struct Image {
  png_image png{};
  Image() { png.version = PNG_IMAGE_VERSION; }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  ~Image() { png_image_free(&png); }
};

}  // namespace

Picture::Picture(int w, int h, int channel_count, std::uint8_t fill)
    : width(w), height(h), channels(channel_count) {
  if (w < 1 || h < 1 || (channels != 1 && channels != 3)) {
    throw ShapeError(fmt::format("picture: {} x {} with {} channels", w, h, channels));
  }
  pixels.assign(static_cast<std::size_t>(w) * static_cast<std::size_t>(h) *
                    static_cast<std::size_t>(channels),
                fill);
}

void write_png(const std::filesystem::path& path, const Picture& picture) {
  Image image;
  image.png.width = static_cast<png_uint_32>(picture.width);
  image.png.height = static_cast<png_uint_32>(picture.height);
  image.png.format = picture.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image.png);
  Bytes bytes(size);
  // Through memory: libpng's own file output knows nothing of renaming.
  if (png_image_write_to_memory(&image.png, bytes.data(), &size, 0, picture.pixels.data(), 0,
                                nullptr) == 0) {
    throw_io(path, fmt::format("cannot make the PNG: {}", image.png.message));
  }
  bytes.resize(size);
  write_file(path, bytes);
}

std::uint64_t declared_pixels(const std::filesystem::path& path) {
  constexpr std::size_t size_at = 16;  // after signature, length and name of the first chunk
  std::byte head[size_at + 8]{};
  const OpenFile file(path);
  if (file.size() < sizeof head) return 0;
  file.read_at(0, head);
  if (!as_text(head).starts_with("\x89PNG")) return 0;
  const auto number = [&](std::size_t at) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value = value << 8U | std::to_integer<std::uint64_t>(head[at + i]);
    return value;
  };
  return number(size_at) * number(size_at + 4);
}

Picture read_png(const std::filesystem::path& path) {
  const Bytes bytes = read_file(path);
  Image image;
  if (png_image_begin_read_from_memory(&image.png, bytes.data(), bytes.size()) == 0) {
    throw_io(path, fmt::format("not a PNG that can be read: {}", image.png.message));
  }
  const std::uint64_t pixels = std::uint64_t{image.png.width} * image.png.height;
  if (pixels > most_pixels) {
    throw_io(path, fmt::format("{} x {} pixels; at most {} can be read", image.png.width,
                               image.png.height, most_pixels));
  }
  // Deflate shrinks bytes to 1/1032, and a byte holds 8 pixels at most.
  if (pixels / 1032 > bytes.size() * 8) {
    throw_io(path, fmt::format("{} x {} pixels are more than this file can hold", image.png.width,
                               image.png.height));
  }
  const bool color = (image.png.format & PNG_FORMAT_FLAG_COLOR) != 0;
  image.png.format = color ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  Picture picture(static_cast<int>(image.png.width), static_cast<int>(image.png.height),
                  color ? 3 : 1);
  const png_color black{};
  if (png_image_finish_read(&image.png, &black, picture.pixels.data(), 0, nullptr) == 0) {
    throw_io(path, fmt::format("the PNG is damaged: {}", image.png.message));
  }
  // libpng pads what it can and says so in a warning.
  if (image.png.warning_or_error != 0) {
    throw_io(path, fmt::format("the PNG is damaged: {}", image.png.message));
  }
  return picture;
}

}  // namespace damo::io
