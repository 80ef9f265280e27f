#include <doctest/doctest.h>

#include <cmath>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/formats/midi.hpp>
#include <damo/io/formats/note_json.hpp>
#include <damo/io/formats/npz.hpp>
#include <damo/io/sequences.hpp>
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::io;

namespace {

using test::TemporaryFolder;

// One note of a quarter on a channel, as the one track of a MIDI file.
void write_note(const std::filesystem::path& path, int pitch, int channel) {
  std::string events("\0\x90", 2);
  events[1] = static_cast<char>(0x90 + channel);
  events += std::string{static_cast<char>(pitch), 64, 96, static_cast<char>(0x80 + channel),
                        static_cast<char>(pitch), 0};
  events += std::string("\0\xff\x2f\0", 4);
  const std::string header("MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0", 21);
  write_file(path, header + static_cast<char>(events.size()) + events);
}

TEST_CASE("rolls with velocities or shares or NaN where 0 and 1 are meant are refused by place") {
  const TemporaryFolder folder;
  for (const float bad : {90.0F, -1.0F, 0.5F, 64.0F / 127, std::nanf("")}) {
    Array roll(float32, Shape{3, 88});
    roll.data<float>()[0] = 1;
    roll.data<float>()[88 + 39] = bad;
    write_npz(folder / "a.npz", {{"train0", roll}});
    const std::string error = test::io_error([&] { load_sequences((folder / "a.npz").string()); });
    CHECK(error.find("in frame 2 for pitch 60; a piano-roll has 0 and 1, not velocities") !=
          std::string::npos);
  }
}

TEST_CASE("music without a note to train on is refused and what was left out is said") {
  const TemporaryFolder folder;
  const auto refusal = [&](const std::string& name) {
    return test::io_error([&] { load_sequences((folder / name).string()); });
  };
  write_note(folder / "drums.mid", 36, drum_channel);
  CHECK(refusal("drums.mid")
            .find("drums.mid: there are no notes to train on in it; 1 of 1 read, "
                  "100 % drum notes left out") != std::string::npos);
  write_note(folder / "low.mid", 20, 0);
  CHECK(refusal("low.mid").find("1 note outside the pitches 21 to 108 left out") !=
        std::string::npos);
  write_note_json(folder / "high.json", {{"train", {{{109, 127}, {}}}}});
  CHECK(refusal("high.json").find("no notes to train on in it; 2 notes outside the pitches") !=
        std::string::npos);
  write_note_json(folder / "silent.json", {{"train", {{{}, {}}, {}}}});
  CHECK(refusal("silent.json").find("no notes to train on") != std::string::npos);
  write_npz(folder / "silent.npz", {{"train0", Array(float32, Shape{9, 88})}});
  CHECK(refusal("silent.npz").find("no notes to train on") != std::string::npos);
}

TEST_CASE("notes outside the piano are counted beside the music that is read") {
  const TemporaryFolder folder;
  create_folder(folder / "m");
  write_note(folder / "m/a.mid", 20, 0);
  write_note(folder / "m/b.mid", 127, 3);
  write_note(folder / "m/c.mid", 10, drum_channel);
  for (int i = 0; i < 20; ++i) write_note(folder / ("m/x" + std::to_string(i) + ".mid"), 21, 0);
  const SequenceSet tunes = load_sequences((folder / "m").string());
  REQUIRE(tunes.notes.size() == 1);
  CHECK(tunes.notes[0].find("2 notes outside the pitches 21 to 108 left out") != std::string::npos);

  write_note_json(folder / "a.json", {{"train", {{{60, 20}, {21, 108}}}}});
  const SequenceSet lists = load_sequences((folder / "a.json").string());
  CHECK(lists.notes == std::vector<std::string>{"1 note outside the pitches 21 to 108 left out"});
}

}  // namespace
