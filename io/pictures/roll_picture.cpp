#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/io/pictures/canvas.hpp>
#include <damo/io/pictures/pictures.hpp>
#include <damo/io/pictures/tune_figure.hpp>

namespace damo::io {
namespace {

constexpr double longest_dt = 3600;

bool is_black(int pitch) {
  const int p = pitch % 12;
  return p == 1 || p == 3 || p == 6 || p == 8 || p == 10;
}

/// The octaves that the notes of a roll need.
struct Octaves {
  int low, high;
};
Octaves octaves_of(const Array& roll, const RollOptions& o) {
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
double seconds_between(double seconds_of_pixel) {
  for (const double step : {1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0}) {
    if (step / seconds_of_pixel >= 70) return step;
  }
  return 3600;
}

class RollPicture {
 public:
  RollPicture(const Array& roll, const RollOptions& o)
      : roll_(roll),
        options_(o),
        octaves_(octaves_of(roll, o)),
        frames_(static_cast<int>(std::min<std::int64_t>(roll.shape()[0], widest))),
        column_(std::clamp(widest / std::max(frames_, 1), 1, widest_frame)),
        width_(std::max(frames_ * column_, 300)),
        height_((octaves_.high - octaves_.low) * row),
        canvas_(left + width_ + right, top + height_ + bottom) {}

  Picture draw(const std::string& title) {
    canvas_.text(left, 14, title, ink, letters);
    draw_keys();
    draw_times();
    draw_notes();
    canvas_.fill(left, top, 1, height_, border);
    canvas_.fill(left, top + height_, width_, 1, border);
    return canvas_.picture();
  }

 private:
  static constexpr Color ink{40, 40, 40};
  static constexpr Color note{0, 114, 178};
  static constexpr Color white_key{255, 255, 255}, black_key{240, 240, 240};
  static constexpr Color octave_line{200, 200, 200}, frame_line{228, 228, 228};
  static constexpr Color border{150, 150, 150};
  static constexpr int left = 60, right = 44, top = 40, bottom = 60, letters = 2;
  static constexpr int row = 7, widest = 1600, widest_frame = 12;

  int y_of(int pitch) const { return top + (octaves_.high - 1 - pitch) * row; }

  void draw_keys() {
    for (int pitch = octaves_.low; pitch < octaves_.high; ++pitch) {
      const int y = y_of(pitch);
      canvas_.fill(left, y, width_, row, is_black(pitch) ? black_key : white_key);
      if (pitch % 12 != 0) continue;
      canvas_.fill(left, y + row - 1, width_, 1, octave_line);
      const std::string label = pitch_name(pitch);
      canvas_.text(left - 10 - Canvas::text_width(label, letters), y - 4, label, ink, letters);
    }
  }

  void draw_times() {
    const double step = seconds_between(options_.dt / column_);
    for (double t = 0; t <= frames_ * options_.dt + 1e-9; t += step) {
      const int x = left + static_cast<int>(std::lround(t / options_.dt * column_));
      canvas_.fill(x, top, 1, height_, frame_line);
      canvas_.fill(x, top + height_, 1, 6, border);
      const std::string label = fmt::format("{:.0f} s", t);
      canvas_.text(x - Canvas::text_width(label, letters) / 2, top + height_ + 12, label, ink,
                   letters);
    }
  }

  void draw_notes() {
    const std::int64_t pitches = roll_.shape()[1];
    for (int t = 0; t < frames_; ++t) {
      for (int p = 0; p < pitches; ++p) {
        const float value = roll_.data<float>()[t * pitches + p];
        if (value > 0) draw_note(t, y_of(options_.low + p), value);
      }
    }
  }
  void draw_note(int t, int y, float value) {
    for (int i = 0; i < column_; ++i) {
      for (int j = 1; j < row; ++j)
        canvas_.blend(left + t * column_ + i, y + j - 1, note, std::min(value, 1.0F));
    }
  }

  const Array& roll_;
  const RollOptions& options_;
  Octaves octaves_;
  int frames_, column_, width_, height_;
  Canvas canvas_;
};

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
  return RollPicture(roll, o).draw(title);
}

}  // namespace damo::io
