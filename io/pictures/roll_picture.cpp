#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/io/pictures/canvas.hpp>
#include <damo/io/pictures/pictures.hpp>

namespace damo::io {
namespace {

constexpr Color ink{40, 40, 40};
constexpr Color note{0, 114, 178};
constexpr Color white_key{255, 255, 255}, black_key{240, 240, 240}, octave_line{200, 200, 200};
constexpr Color frame_line{228, 228, 228}, border{150, 150, 150};
constexpr int left = 60, right = 44, top = 40, bottom = 60, letters = 2;
constexpr double longest_dt = 3600;
constexpr int row = 7, widest = 1600, widest_frame = 12;

std::string pitch_name(int pitch) {
  constexpr std::string_view names[] = {"C",  "C#", "D",  "D#", "E",  "F",
                                        "F#", "G",  "G#", "A",  "A#", "B"};
  return fmt::format("{}{}", names[pitch % 12], pitch / 12 - 1);
}

bool is_black(int pitch) {
  const int p = pitch % 12;
  return p == 1 || p == 3 || p == 6 || p == 8 || p == 10;
}

/// The octaves that the notes of a roll need.
struct Extent {
  int low, high;
};
Extent extent_of(const Array& roll, const RollOptions& o) {
  const std::int64_t width = o.high - o.low;
  int low = o.high, high = o.low;
  for (std::int64_t i = 0; i < roll.elements(); ++i) {
    if (!(roll.data<float>()[i] > 0)) continue;
    low = std::min(low, o.low + static_cast<int>(i % width));
    high = std::max(high, o.low + static_cast<int>(i % width) + 1);
  }
  if (low >= high) return {48, 72};
  return {low / 12 * 12, (high + 11) / 12 * 12};
}

// Whole seconds between the numbers of the time axis, at least 70 pixels apart.
double time_step(double seconds_of_pixel) {
  for (const double step : {1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0}) {
    if (step / seconds_of_pixel >= 70) return step;
  }
  return 3600;
}

}  // namespace

Picture draw_piano_roll(const Array& roll, const RollOptions& o, const std::string& title) {
  if (roll.rank() != 2 || roll.shape()[1] != o.high - o.low || roll.dtype() != DType::float32) {
    throw ShapeError(fmt::format("draw_piano_roll: {} {} given, float32 (frames, {}) expected",
                                 name(roll.dtype()), to_string(roll.shape()), o.high - o.low));
  }
  if (!(o.dt > 0 && o.dt <= longest_dt)) {
    throw ShapeError(fmt::format("draw_piano_roll: frames of {} s; more than 0, at most {} s", o.dt,
                                 longest_dt));
  }
  const auto frames = static_cast<int>(std::min<std::int64_t>(roll.shape()[0], widest));
  const int column = std::clamp(widest / std::max(frames, 1), 1, widest_frame);
  const auto [low, high] = extent_of(roll, o);
  const int width = std::max(frames * column, 300), height = (high - low) * row;
  Canvas canvas(left + width + right, top + height + bottom);
  canvas.text(left, 14, title, ink, letters);
  for (int pitch = low; pitch < high; ++pitch) {
    const int y = top + (high - 1 - pitch) * row;
    canvas.fill(left, y, width, row, is_black(pitch) ? black_key : white_key);
    if (pitch % 12 == 0) {
      canvas.fill(left, y + row - 1, width, 1, octave_line);
      const std::string label = pitch_name(pitch);
      canvas.text(left - 10 - Canvas::text_width(label, letters), y - 4, label, ink, letters);
    }
  }
  const double step = time_step(o.dt / column);
  for (double t = 0; t <= frames * o.dt + 1e-9; t += step) {
    const int x = left + static_cast<int>(std::lround(t / o.dt * column));
    canvas.fill(x, top, 1, height, frame_line);
    canvas.fill(x, top + height, 1, 6, border);
    const std::string label = fmt::format("{:.0f} s", t);
    canvas.text(x - Canvas::text_width(label, letters) / 2, top + height + 12, label, ink, letters);
  }
  const std::int64_t pitches = roll.shape()[1];
  for (int t = 0; t < frames; ++t) {
    for (int p = 0; p < pitches; ++p) {
      const float value = roll.data<float>()[t * pitches + p];
      if (!(value > 0)) continue;
      const int y = top + (high - 1 - o.low - p) * row;
      for (int i = 0; i < column; ++i) {
        for (int j = 1; j < row; ++j)
          canvas.blend(left + t * column + i, y + j - 1, note, std::min(value, 1.0F));
      }
    }
  }
  canvas.fill(left, top, 1, height, border);
  canvas.fill(left, top + height, width, 1, border);
  return canvas.picture();
}

}  // namespace damo::io
