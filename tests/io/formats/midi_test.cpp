#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/formats/midi.hpp>
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::io;

namespace {

using test::TemporaryFolder;

Bytes bytes_of(const std::string& text) {
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

std::string number(std::uint64_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    text += static_cast<char>(value >> shift);
  return text;
}

std::string header(int format, int tracks, int division) {
  return "MThd" + number(6, 4) + number(static_cast<std::uint64_t>(format), 2) +
         number(static_cast<std::uint64_t>(tracks), 2) +
         number(static_cast<std::uint64_t>(division), 2);
}

std::string track(const std::string& events) { return "MTrk" + number(events.size(), 4) + events; }

const std::string end_of_track("\x00\xff\x2f\x00", 4);
// C4 for a quarter, then E4 and G4 by running status, ended by note-ons of velocity 0.
const std::string chord = std::string("\x00\x90\x3c\x40\x60\x80\x3c\x00", 8) +
                          std::string("\x00\x90\x40\x40\x00\x43\x40\x60\x40\x00\x00\x43\x00", 13) +
                          end_of_track;

std::string error_of(const std::string& file) {
  return test::io_error([&] { parse_midi(bytes_of(file), "x.mid"); });
}

bool has_midicsv() {
  static const bool found =
      test::shell("command -v midicsv > /dev/null && command -v csvmidi > /dev/null");
  return found;
}

/// The events that change a note, as (tick, pitch, sounding), by midicsv's account.
using Events = std::multiset<std::tuple<std::uint64_t, int, bool>>;
Events judge(const std::filesystem::path& midi, const std::filesystem::path& scratch) {
  REQUIRE(test::shell("midicsv '" + midi.string() + "' > '" + scratch.string() + "'"));
  std::ifstream in(scratch);
  Events events;
  for (std::string line; std::getline(in, line);) {
    int number = 0, channel = 0, pitch = 0, velocity = 0;
    unsigned long long tick = 0;
    char kind[32] = {};
    const int n = std::sscanf(line.c_str(), "%d, %llu, %31[A-Za-z_], %d, %d, %d", &number, &tick,
                              kind, &channel, &pitch, &velocity);
    if (n != 6 || std::strncmp(kind, "Note_o", 6) != 0) continue;
    events.insert({tick, pitch, std::strcmp(kind, "Note_on_c") == 0 && velocity > 0});
  }
  return events;
}
Events events_of(const Midi& midi) {
  Events events;
  for (const MidiNote& n : midi.notes) {
    events.insert({n.on_tick, n.pitch, true});
    events.insert({n.off_tick, n.pitch, false});
  }
  return events;
}

Array random_roll(test::TestRandom& random, std::int64_t frames) {
  Array roll(float32, Shape{frames, 88});
  for (std::int64_t i = 0; i < roll.elements(); ++i) {
    roll.data<float>()[i] = random.below(20) == 0 ? 1.0F : 0.0F;
  }
  if (frames > 0) roll.data<float>()[roll.elements() - 1] = 1;
  return roll;
}

bool same(const Array& a, const Array& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

TEST_CASE("notes come with their ticks and times also under running status") {
  const Midi midi = parse_midi(bytes_of(header(0, 1, 96) + track(chord)), "x.mid");
  REQUIRE(midi.notes.size() == 3);
  CHECK(midi.notes[0].pitch == 60);
  CHECK(midi.notes[0].off_tick == 96);
  CHECK(midi.notes[1].pitch == 64);
  CHECK(midi.notes[2].pitch == 67);
  CHECK(midi.notes[2].on == doctest::Approx(0.5));
  CHECK(midi.notes[2].off == doctest::Approx(1.0));
  CHECK(midi.seconds == doctest::Approx(1.0));
}

TEST_CASE("tempo changes in one track hold for all tracks from their tick on") {
  // 120 quarters a minute, from tick 96 on 60.
  const std::string tempi = std::string("\x60\xff\x51\x03\x0f\x42\x40", 7) + end_of_track;
  const Midi midi = parse_midi(bytes_of(header(1, 2, 96) + track(tempi) + track(chord)), "x.mid");
  REQUIRE(midi.notes.size() == 3);
  CHECK(midi.notes[0].off == doctest::Approx(0.5));
  CHECK(midi.notes[1].off == doctest::Approx(1.5));
}

TEST_CASE("a piano-roll has a note in the frames that begin while it sounds") {
  Midi midi;
  midi.notes = {{21, 90, 0, 0, 0, 0.0, 0.6},
                {108, 90, 0, 0, 0, 0.31, 0.9},
                {20, 90, 0, 0, 0, 0, 9},
                {60, 90, 0, 0, 0, 0.35, 0.55}};
  midi.notes[2].off = 1.0;
  const Array roll = to_piano_roll(midi, {});
  REQUIRE(roll.shape() == Shape{4, 88});
  const auto at = [&](int t, int pitch) { return roll.data<float>()[t * 88 + pitch - 21]; };
  CHECK(at(0, 21) == 1);
  CHECK(at(1, 21) == 1);
  CHECK(at(2, 21) == 0);
  CHECK(at(1, 108) == 0);
  CHECK(at(2, 108) == 1);
  CHECK(at(3, 108) == 0);
  double sum = 0;
  for (const float v : roll.values<float>()) sum += v;
  CHECK(sum == 3);
}

TEST_CASE("piano-rolls survive being written and read") {
  const TemporaryFolder folder;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    CAPTURE(seed);
    test::TestRandom random(seed);
    const double steps[] = {0.3, 0.1, 1.0 / 3, 0.123456, 4, 0.001};
    const RollOptions options{.dt = steps[seed % 6]};
    const Array roll = random_roll(random, static_cast<std::int64_t>(random.below(400)));
    write_midi(folder / "a.mid", roll, options);
    CHECK(same(read_piano_roll(folder / "a.mid", options), roll));
    if (!has_midicsv()) continue;
    CHECK(judge(folder / "a.mid", folder / "a.csv") == events_of(read_midi(folder / "a.mid")));
  }
}

TEST_CASE("what csvmidi writes is read as midicsv reads it") {
  if (!has_midicsv()) return;
  const TemporaryFolder folder;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    test::TestRandom random(seed);
    std::ostringstream csv;
    csv << "0, 0, Header, 1, 3, 480\n";
    for (int t = 1; t <= 3; ++t) {
      csv << t << ", 0, Start_track\n" << t << ", 0, Text_t, \"a track\"\n";
      std::uint64_t tick = 0;
      for (int i = 0; i < 50; ++i) {
        const std::size_t pitch = random.below(128);
        csv << t << ", " << (tick += random.below(300)) << ", Note_on_c, " << t << ", " << pitch
            << ", 64\n";
        csv << t << ", " << tick << ", Program_c, " << t << ", 5\n";
        csv << t << ", " << tick << ", Tempo, " << 100000 + random.below(900000) << "\n";
        csv << t << ", " << (tick += 1 + random.below(20000)) << ", Note_off_c, " << t << ", "
            << pitch << ", 0\n";
      }
      csv << t << ", " << tick << ", End_track\n";
    }
    csv << "0, 0, End_of_file\n";
    write_file(folder / "a.csv", csv.str());
    REQUIRE(test::shell("csvmidi '" + (folder / "a.csv").string() + "' '" +
                        (folder / "a.mid").string() + "'"));
    CHECK(judge(folder / "a.mid", folder / "b.csv") == events_of(read_midi(folder / "a.mid")));
  }
}

TEST_CASE("MIDI files that cannot be read are errors with the offset and the reason") {
  CHECK(error_of("RIFFxxxxxxxxxxxx").find("not a MIDI file") != std::string::npos);
  CHECK(error_of("").find("not a MIDI file") != std::string::npos);
  CHECK(error_of(header(2, 1, 96) + track(chord)).find("MIDI format 2") != std::string::npos);
  CHECK(error_of(header(0, 1, 0xe250) + track(chord)).find("SMPTE") != std::string::npos);
  CHECK(error_of(header(0, 1, 0) + track(chord)).find("zero ticks") != std::string::npos);
  CHECK(error_of(header(1, 2, 96) + track(chord)).find("1 more tracks") != std::string::npos);
  const std::string file = header(0, 1, 96) + track(chord);
  for (std::size_t cut = 0; cut < file.size(); ++cut) {
    CAPTURE(cut);
    CHECK(error_of(file.substr(0, cut)).find("x.mid: at byte ") == 0);
  }
  CHECK(error_of(header(0, 1, 96) + track(std::string("\x00\x3c\x40", 3)))
            .find("at byte 23: a data byte without") != std::string::npos);
  CHECK(error_of(header(0, 1, 96) + track("\xff\xff\xff\xff\x7f")).find("variable-length") !=
        std::string::npos);
}

TEST_CASE("a tiny file that claims to last for years is refused as a piano-roll") {
  const std::string slow = std::string("\x00\xff\x51\x03\xff\xff\xff", 7) +
                           std::string("\x00\x90\x3c\x40\xff\xff\xff\x7f\x3c\x00", 10) +
                           end_of_track;
  const Midi midi = parse_midi(bytes_of(header(0, 1, 1) + track(slow)), "x.mid");
  CHECK(test::io_error([&] { to_piano_roll(midi, {}, "x.mid"); }).find("frames") !=
        std::string::npos);
}

TEST_CASE("mutated MIDI files are errors or well-formed and never anything else") {
  const std::string file = header(1, 2, 96) + track(chord) + track(chord);
  for (std::uint64_t seed = 0; seed < 5000; ++seed) {
    CAPTURE(seed);
    test::TestRandom random(seed);
    try {
      const Midi midi = parse_midi(test::mutate(bytes_of(file), random), "x.mid");
      CHECK(midi.notes.size() <= file.size());
      for (const MidiNote& n : midi.notes)
        CHECK((n.pitch < 128 && n.on_tick <= n.off_tick && n.on <= n.off));
    } catch (const IoError& error) {
      CHECK(std::strstr(error.what(), "x.mid") != nullptr);
    }
  }
}

TEST_CASE("all Nottingham tunes read as midicsv reads them and survive being rewritten") {
  const std::filesystem::path tunes = "data/nottingham";
  if (!std::filesystem::exists(tunes)) return;
  const TemporaryFolder folder;
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(tunes)) {
    if (entry.path().extension() != ".mid") continue;
    CAPTURE(entry.path().string());
    const Array roll = read_piano_roll(entry.path());
    write_midi(folder / "a.mid", roll);
    const Array again = read_piano_roll(folder / "a.mid");
    // The last notes of a tune may end before the next frame begins; such empty frames go.
    REQUIRE(again.shape()[0] <= roll.shape()[0]);
    CHECK(std::memcmp(again.raw(), roll.raw(), again.bytes()) == 0);
    for (std::int64_t i = again.elements(); i < roll.elements(); ++i)
      CHECK(roll.data<float>()[i] == 0);
    if (has_midicsv())
      CHECK(judge(entry.path(), folder / "a.csv") == events_of(read_midi(entry.path())));
    ++count;
  }
  MESSAGE(count << " tunes");
}

}  // namespace
