#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>

#include <damo/io/files/file.hpp>
#include <damo/io/formats/midi.hpp>

namespace damo::io {
namespace {

constexpr std::uint32_t default_tempo = 500000;  // microseconds a quarter note
constexpr std::uint8_t tempo_event = 0x51, end_of_track = 0x2f;

/// Bytes of the file between two offsets, read front to back.
class Reader {
 public:
  Reader(std::span<const std::byte> file, std::size_t begin, std::size_t end,
         const std::filesystem::path& path)
      : file_(file), at_(begin), end_(end), path_(path) {}

  bool at_end() const { return at_ == end_; }
  std::size_t offset() const { return at_; }
  std::size_t left() const { return end_ - at_; }
  [[noreturn]] void fail(std::string_view reason) const { throw_io(path_, at_, reason); }

  std::uint8_t peek() const {
    if (at_end())
      fail(end_ == file_.size() ? "the file ends within a track"
                                : "the track ends within an event");
    return std::to_integer<std::uint8_t>(file_[at_]);
  }
  std::uint8_t byte() {
    const std::uint8_t value = peek();
    ++at_;
    return value;
  }
  std::uint32_t big_endian(int bytes) {
    std::uint32_t value = 0;
    for (; bytes > 0; --bytes) value = value << 8U | byte();
    return value;
  }
  std::uint32_t variable_length() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      const std::uint8_t b = byte();
      value = value << 7U | (b & 0x7fU);
      if (b < 128) return value;
    }
    fail("a variable-length number of more than four bytes");
  }
  void skip(std::size_t bytes) {
    if (bytes > left())
      fail(fmt::format("an event of {} bytes, but {} are left in the track", bytes, left()));
    at_ += bytes;
  }

 private:
  std::span<const std::byte> file_;
  std::size_t at_, end_;
  const std::filesystem::path& path_;
};

struct Tempo {
  std::uint64_t tick;
  std::uint32_t microseconds;
};

/// Reads the events of one track.
class Track {
 public:
  static constexpr std::uint64_t never = ~std::uint64_t{0};  // the end of a note that still sounds

  Track(Reader reader, Midi& midi, std::vector<Tempo>& tempos)
      : in_(reader), midi_(midi), tempos_(tempos) {}

  /// The tick at which the track ends.
  std::uint64_t read() {
    while (!ended_ && !in_.at_end()) {
      tick_ += in_.variable_length();
      event();
    }
    return tick_;
  }

 private:
  void event() {
    if (in_.peek() >= 0x80) {
      status_ = in_.byte();
    } else if (running_ == 0) {
      in_.fail("a data byte without a status byte before it");
    } else {
      status_ = running_;
    }
    if (status_ == 0xff) return meta();
    if (status_ == 0xf0 || status_ == 0xf7) return in_.skip(in_.variable_length());
    if (status_ > 0xf0) in_.fail(fmt::format("0x{:02x} is no event of a MIDI file", status_));
    running_ = status_;
    channel_event();
  }

  void meta() {
    const std::uint8_t type = in_.byte();
    const std::uint32_t length = in_.variable_length();
    if (type == tempo_event) {
      if (length != 3) in_.fail(fmt::format("a tempo of {} bytes; it has 3", length));
      tempos_.push_back({tick_, in_.big_endian(3)});
    } else {
      ended_ = type == end_of_track;
      in_.skip(length);
    }
  }

  void channel_event() {
    const int kind = status_ >> 4;
    const std::uint8_t first = data_byte();
    const std::uint8_t second = kind == 0xc || kind == 0xd ? std::uint8_t{0} : data_byte();
    if (kind != 8 && kind != 9) return;
    const int channel = status_ & 0x0f;
    std::deque<std::size_t>& open = open_[{channel, first}];
    if (kind == 9 && second > 0) {
      open.push_back(midi_.notes.size());
      midi_.notes.push_back({first, second, channel, tick_, never});
    } else if (!open.empty()) {
      midi_.notes[open.front()].off_tick = tick_;  // the first to begin is the first to end
      open.pop_front();
    }
  }

  // Some files have larger ones; other readers clip them too.
  std::uint8_t data_byte() {
    constexpr std::uint8_t largest = 127;
    const std::uint8_t value = in_.byte();
    if (value > largest) ++midi_.clipped;
    return std::min(value, largest);
  }

  Reader in_;
  Midi& midi_;
  std::vector<Tempo>& tempos_;
  std::map<std::pair<int, int>, std::deque<std::size_t>> open_;
  std::uint64_t tick_ = 0;
  std::uint8_t status_ = 0, running_ = 0;
  bool ended_ = false;
};

/// Converts ticks to seconds; the ticks asked for may come in any order.
class TempoMap {
 public:
  TempoMap(std::vector<Tempo> tempos, int ticks_per_quarter) : division_(ticks_per_quarter) {
    std::stable_sort(tempos.begin(), tempos.end(),
                     [](const Tempo& a, const Tempo& b) { return a.tick < b.tick; });
    points_.push_back({0, 0, default_tempo});
    for (const Tempo& t : tempos) points_.push_back({t.tick, seconds(t.tick), t.microseconds});
  }
  double seconds(std::uint64_t tick) const {
    auto after = std::upper_bound(points_.begin(), points_.end(), tick,
                                  [](std::uint64_t t, const Point& p) { return t < p.tick; });
    const Point& p = *std::prev(after);
    return p.seconds + static_cast<double>(tick - p.tick) * p.microseconds * 1e-6 / division_;
  }

 private:
  struct Point {
    std::uint64_t tick;
    double seconds;
    std::uint32_t microseconds;
  };
  std::vector<Point> points_;
  int division_;
};

int read_header(Reader& in, Midi& midi) {
  if (in.left() < 14 || in.big_endian(4) != 0x4d546864)
    in.fail("not a MIDI file: it does not begin with MThd");
  const std::uint32_t length = in.big_endian(4);
  if (length < 6) in.fail(fmt::format("a MIDI header of {} bytes; it has at least 6", length));
  midi.format = static_cast<int>(in.big_endian(2));
  if (midi.format > 1) {
    in.fail(fmt::format("MIDI format {}; formats 0 and 1 can be read", midi.format));
  }
  const auto tracks = static_cast<int>(in.big_endian(2));
  const std::uint32_t division = in.big_endian(2);
  if ((division & 0x8000U) != 0)
    in.fail("time in SMPTE frames; only ticks per quarter note can be read");
  if (division == 0) in.fail("zero ticks per quarter note");
  midi.ticks_per_quarter = static_cast<int>(division);
  in.skip(length - 6);
  return tracks;
}

// Where the MIDI file begins and ends: of a RIFF file the chunk named data, otherwise all.
std::pair<std::size_t, std::size_t> midi_part(std::span<const std::byte> bytes,
                                              const std::filesystem::path& path) {
  const std::string_view text = as_text(bytes);
  if (!text.starts_with("RIFF") || text.substr(std::min<std::size_t>(text.size(), 8), 4) != "RMID")
    return {0, bytes.size()};
  for (std::size_t at = 12; bytes.size() - at >= 8;) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i)
      length |= std::to_integer<std::size_t>(bytes[at + 4 + i]) << (8 * i);
    const std::string_view kind = text.substr(at, 4);
    at += 8;
    if (length > bytes.size() - at) {
      throw_io(path, at,
               fmt::format("a RIFF chunk of {} bytes, but {} are left in the file", length,
                           bytes.size() - at));
    }
    if (kind == "data") return {at, at + length};
    at = std::min(at + length + length % 2, bytes.size());
  }
  throw_io(path, bytes.size(), "a RIFF file without MIDI in it");
}

}  // namespace

Midi parse_midi(std::span<const std::byte> bytes, const std::filesystem::path& path) {
  Midi midi;
  const auto [begin, file_end] = midi_part(bytes, path);
  Reader in(bytes, begin, file_end, path);
  int tracks = read_header(in, midi);
  std::vector<Tempo> tempos;
  std::uint64_t end = 0;
  while (tracks > 0) {
    if (in.left() < 8)
      in.fail(fmt::format("the file ends, but {} more tracks are announced", tracks));
    const bool is_track = in.big_endian(4) == 0x4d54726b;
    const std::uint32_t length = in.big_endian(4);
    if (length > in.left()) {
      in.fail(fmt::format("a chunk of {} bytes, but {} are left in the file", length, in.left()));
    }
    // Other chunks are to be ignored, says the standard.
    if (is_track) {
      end = std::max(
          end, Track(Reader(bytes, in.offset(), in.offset() + length, path), midi, tempos).read());
      --tracks;
    }
    in.skip(length);
  }
  std::erase_if(midi.notes, [](const MidiNote& n) { return n.off_tick == Track::never; });
  const TempoMap map(std::move(tempos), midi.ticks_per_quarter);
  for (MidiNote& n : midi.notes) {
    n.on = map.seconds(n.on_tick);
    n.off = map.seconds(n.off_tick);
  }
  std::stable_sort(midi.notes.begin(), midi.notes.end(),
                   [](const MidiNote& a, const MidiNote& b) { return a.on_tick < b.on_tick; });
  midi.seconds = map.seconds(end);
  return midi;
}

Midi read_midi(const std::filesystem::path& path) { return parse_midi(read_file(path), path); }

}  // namespace damo::io
