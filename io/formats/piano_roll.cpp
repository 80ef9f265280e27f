#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/formats/midi.hpp>

namespace damo::io {
namespace {

constexpr std::int64_t longest = std::int64_t{1} << 18U;  // frames: 22 hours at the usual dt
// Times on the grid must not slip into the next frame by rounding.
constexpr double slack = 1e-6;
constexpr std::uint64_t ticks_of_frame = 120;
constexpr std::uint64_t frames_of_quarter = 4;
constexpr int velocity = 90;
constexpr double longest_dt = 4;  // the tempo has three bytes

std::int64_t frame(double seconds, double dt) {
  return static_cast<std::int64_t>(std::ceil(seconds / dt - slack));
}

void check(const RollOptions& o) {
  if (o.low < 0 || o.low >= o.high || o.high > 128 || !(o.dt > 0) || o.dt > longest_dt) {
    throw ShapeError(
        fmt::format("piano-roll: pitches {} to {} (0 to 128 are possible), frames of {} s "
                    "(more than 0, at most {})",
                    o.low, o.high, o.dt, longest_dt));
  }
}

class TrackWriter {
 public:
  void byte(int value) { bytes_.push_back(static_cast<std::byte>(value)); }
  void big_endian(std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      byte(static_cast<int>(value >> shift & 0xffU));
  }
  void text(std::string_view text) {
    for (const char c : text) byte(c);
  }
  void variable_length(std::uint64_t value) {
    for (int shift = 21; shift > 0; shift -= 7) {
      if (value >> shift != 0) byte(static_cast<int>((value >> shift & 0x7fU) | 0x80U));
    }
    byte(static_cast<int>(value & 0x7fU));
  }
  void event(std::uint64_t delta, std::initializer_list<int> bytes) {
    variable_length(delta);
    for (const int b : bytes) byte(b);
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

// Note-offs before note-ons in each frame; the last event closes the piece at its full length.
TrackWriter write_track(const Array& roll, const RollOptions& options, int program) {
  const std::int64_t frames = roll.shape()[0];
  const std::int64_t pitches = roll.shape()[1];
  const auto sounds = [&](std::int64_t t, std::int64_t p) {
    if (t < 0 || t >= frames) return false;
    return dispatch(roll.dtype(), [&](auto zero) {
      return static_cast<double>(roll.data<decltype(zero)>()[t * pitches + p]) > 0.5;
    });
  };
  TrackWriter track;
  const auto tempo =
      static_cast<int>(std::floor(options.dt * static_cast<double>(frames_of_quarter) * 1e6));
  track.event(0, {0xff, 0x51, 3, tempo >> 16 & 0xff, tempo >> 8 & 0xff, tempo & 0xff});
  track.event(0, {0xc0, program});
  std::uint64_t delta = 0;
  for (std::int64_t t = 0; t <= frames; ++t) {
    for (const bool on : {false, true}) {
      for (std::int64_t p = 0; p < pitches; ++p) {
        if (sounds(t, p) != on || sounds(t - 1, p) == on) continue;
        track.event(delta,
                    {on ? 0x90 : 0x80, options.low + static_cast<int>(p), on ? velocity : 0});
        delta = 0;
      }
    }
    if (t < frames) delta += ticks_of_frame;
  }
  track.event(delta, {0xff, 0x2f, 0});
  return track;
}

}  // namespace

Array to_piano_roll(const Midi& midi, const RollOptions& options,
                    const std::filesystem::path& path) {
  check(options);
  double end = 0;
  for (const MidiNote& n : midi.notes) end = n.channel == drum_channel ? end : std::max(end, n.off);
  if (end / options.dt > static_cast<double>(longest)) {
    throw_io(path,
             fmt::format("the piece lasts {:.0f} s; in frames of {} s that is more than {} frames",
                         end, options.dt, longest));
  }
  const std::int64_t frames = frame(end, options.dt);
  const std::int64_t pitches = options.high - options.low;
  Array roll(DType::float32, Shape{frames, pitches});
  // Notes come in the order of their beginnings, so each pitch is filled from left to right once.
  std::array<std::int64_t, 128> filled{};
  for (const MidiNote& n : midi.notes) {
    const bool outside = n.pitch < options.low || n.pitch >= options.high;
    if (outside || n.channel == drum_channel) continue;
    std::int64_t& done = filled[static_cast<std::size_t>(n.pitch)];
    std::int64_t t = std::max(done, frame(n.on, options.dt));
    for (; t < frame(n.off, options.dt); ++t)
      roll.data<float>()[t * pitches + n.pitch - options.low] = 1;
    done = std::max(done, t);
  }
  return roll;
}

Array read_piano_roll(const std::filesystem::path& path, const RollOptions& options) {
  return to_piano_roll(read_midi(path), options, path);
}

void write_midi(const std::filesystem::path& path, const Array& roll, const RollOptions& options,
                int program) {
  check(options);
  if (roll.rank() != 2 || roll.shape()[1] != options.high - options.low) {
    throw ShapeError(fmt::format("write_midi: a piano-roll {} for the {} pitches {} to {}",
                                 to_string(roll.shape()), options.high - options.low, options.low,
                                 options.high - 1));
  }
  if (roll.shape()[0] > longest || program < 0 || program > 127) {
    throw ShapeError(fmt::format("write_midi: {} frames (at most {}), program {} (0 to 127)",
                                 roll.shape()[0], longest, program));
  }
  const TrackWriter track = write_track(roll, options, program);
  TrackWriter file;
  file.text("MThd");
  file.big_endian(6, 4);
  file.big_endian(0, 2);
  file.big_endian(1, 2);
  file.big_endian(ticks_of_frame * frames_of_quarter, 2);
  file.text("MTrk");
  file.big_endian(track.bytes().size(), 4);
  Bytes all = file.bytes();
  all.insert(all.end(), track.bytes().begin(), track.bytes().end());
  write_file(path, all);
}

}  // namespace damo::io
