#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/formats/note_json.hpp>
#include <damo/io/formats/npz.hpp>
#include <damo/io/pictures/pictures.hpp>
#include <damo/io/sequences.hpp>
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::io;

namespace {

using test::TemporaryFolder;

const NoteSets two_pieces{{"train", {{{60, 64}, {}, {21}}, {{108}}}}, {"test", {{{20, 60}}}}};

std::string json_error(const TemporaryFolder& folder, const std::string& json) {
  write_file(folder / "x.json", json);
  return test::io_error([&] { read_note_json(folder / "x.json"); });
}

TEST_CASE("note lists survive JSON and piano-rolls") {
  const TemporaryFolder folder;
  write_note_json(folder / "a.json", two_pieces);
  const NoteSets sets = read_note_json(folder / "a.json");
  CHECK(sets == two_pieces);
  const Array roll = to_piano_roll(sets.at("train")[0], {});
  CHECK(roll.shape() == Shape{3, 88});
  CHECK(roll.data<float>()[60 - 21] == 1);
  CHECK(to_note_frames(roll, {}) == sets.at("train")[0]);
  CHECK(to_note_frames(to_piano_roll(sets.at("test")[0], {}), {}) == NoteFrames{{60}});
}

TEST_CASE("JSON that is no note list is an error that says where") {
  const TemporaryFolder folder;
  CHECK(json_error(folder, "{\"train\": [[[60], [128]]]}").find("in 'train', piece 1, frame 2") !=
        std::string::npos);
  for (const char* bad :
       {"", "[[[[60]]]]", "[]", R"({"a": 3})", R"({"a": [3]})", R"({"a": [[3]]})",
        R"({"a": [[[-1]]]})", R"({"a": [[[1.5]]]})", R"({"a": [[[null]]]})", R"({"a": [[[[1]]]]})",
        R"({"a": {"b": 1}})", R"({"a": [[["60"]]]})", R"({"a": [[[60]]})", R"({"a": [[[60)", "60",
        R"({"a": [[[99999999999999999999]]]})"}) {
    CAPTURE(bad);
    CHECK(json_error(folder, bad).find("x.json") != std::string::npos);
  }
  CHECK(!json_error(folder, "{\"a\": " + std::string(1000000, '[')).empty());
}

TEST_CASE("pitches may be written as floats and a file has limits that are named") {
  const TemporaryFolder folder;
  write_file(folder / "x.json", R"({"train": [[[73.0, 60], [1e1]]]})");
  CHECK(read_note_json(folder / "x.json").at("train")[0] == NoteFrames{{73, 60}, {10}});
  for (const char* bad : {R"({"a": [[[73.5]]]})", R"({"a": [[[-1.0]]]})", R"({"a": [[[128.0]]]})",
                          R"({"a": [[[1e300]]]})", R"({"a": []} {})", R"({"a": []}x)"}) {
    CAPTURE(bad);
    CHECK(json_error(folder, bad).find("x.json") != std::string::npos);
  }
  CHECK(json_error(folder, std::string("{\"a\": []}\0x", 11)).find("zero byte") !=
        std::string::npos);
  std::string many = "{\"train\": [[[]";
  for (std::int64_t i = 0; i < most_frames; ++i) many += ",[]";
  CHECK(json_error(folder, many + "]]}").find("more than 1048576 frames") != std::string::npos);
  std::string pieces = "{\"train\": [[]";
  for (std::int64_t i = 0; i < most_pieces; ++i) pieces += ",[]";
  CHECK(json_error(folder, pieces + "]}").find("more than 65536 pieces") != std::string::npos);
  std::string parts = "{\"a\": []";
  for (int i = 0; i < 1000; ++i) parts += ",\"" + std::to_string(i) + "\": []";
  CHECK(json_error(folder, parts + "}").find("more than 1000 parts") != std::string::npos);
  std::string wide = "{\"train\": [[[1";
  for (int i = 0; i < 128; ++i) wide += ",1";
  CHECK(json_error(folder, wide + "]]]}").find("more than 128 pitches") != std::string::npos);
}

TEST_CASE("mutated note lists are errors or well-formed and never anything else") {
  const TemporaryFolder folder;
  write_note_json(folder / "good.json", two_pieces);
  const Bytes good = read_file(folder / "good.json");
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    CAPTURE(seed);
    test::TestRandom random(seed);
    test::write_quickly(folder / "x.json", test::mutate(good, random));
    try {
      for (const auto& [key, pieces] : read_note_json(folder / "x.json")) CHECK(pieces.size() < 20);
    } catch (const IoError& error) {
      CHECK(std::strstr(error.what(), "x.json") != nullptr);
    }
  }
}

TEST_CASE("music is loaded from JSON and from rolls and from folders of MIDI files") {
  const TemporaryFolder folder;
  write_note_json(folder / "a.json", two_pieces);
  const SequenceSet json = load_sequences((folder / "a.json").string());
  CHECK(json.train.size() == 2);
  CHECK(json.test.size() == 1);
  CHECK(json.valid.empty());

  write_npz(folder / "a.npz", {{"train0", json.train[0]}, {"valid0", json.train[1]}});
  const SequenceSet rolls = load_sequences((folder / "a.npz").string());
  CHECK(rolls.train[0].shape() == Shape{3, 88});
  CHECK(rolls.valid.size() == 1);

  create_folder(folder / "tunes");
  for (int i = 0; i < 40; ++i) {
    const std::string tune = "tune" + std::to_string(i);
    for (const char* variant : {"a.mid", "b.mid"})
      write_midi(folder / ("tunes/" + tune + variant), json.train[0]);
  }
  const SequenceSet tunes = load_sequences((folder / "tunes").string());
  CHECK(tunes.train.size() + tunes.valid.size() + tunes.test.size() == 80);
  CHECK(tunes.train.size() > 50);
  CHECK(tunes.valid.size() % 2 == 0);
  CHECK(tunes.test.size() % 2 == 0);
  CHECK(load_sequences((folder / "tunes").string()).fingerprint == tunes.fingerprint);

  std::string lines;
  for (int i = 0; i < 40; ++i) lines += "tunes/tune" + std::to_string(i) + "a.mid\r\n\n";
  write_file(folder / "list.txt", lines);
  const SequenceSet list = load_sequences((folder / "list.txt").string());
  CHECK(list.train.size() == tunes.train.size() / 2);
  CHECK(list.test.size() == tunes.test.size() / 2);
}

TEST_CASE("music that is not there or of a wrong kind is an error that helps") {
  const TemporaryFolder folder;
  CHECK(test::io_error([] { load_sequences("jbs"); }).find("jsb, nottingham, chorales") !=
        std::string::npos);
  CHECK(test::io_error([&] { load_sequences(folder.path().string()); }).find("no MIDI files") !=
        std::string::npos);
  write_file(folder / "a.txt", "x");
  CHECK(test::io_error([&] { load_sequences((folder / "a.txt").string()); }).find("no MIDI") !=
        std::string::npos);
  write_file(folder / "a.xyz", "x");
  CHECK(test::throws_io_error([&] { load_sequences((folder / "a.xyz").string()); }));
  write_npz(folder / "a.npz", {{"train0", Array(float32, Shape{3, 80})}});
  CHECK(test::io_error([&] {
          load_sequences((folder / "a.npz").string());
        }).find("not a piano-roll of 88") != std::string::npos);
  write_note_json(folder / "b.json", {{"other", {}}});
  CHECK(test::throws_io_error([&] { load_sequences((folder / "b.json").string()); }));
}

TEST_CASE("the built-in chorales are four voices whose last chord is a triad on the tonic") {
  const SequenceSet set = load_sequences("chorales");
  CHECK(set.train.size() == 48);
  CHECK(load_sequences("chorales").fingerprint == set.fingerprint);
  for (const Array& roll : set.train) {
    const NoteFrames frames = to_note_frames(roll, set.roll);
    REQUIRE(frames.size() == 72);
    for (const std::vector<int>& frame : frames) CHECK(frame.size() == 4);
    const std::vector<int>& last = frames.back();
    for (const int pitch : last) {
      const int interval = (pitch - last.front()) % 12;
      CHECK((interval == 0 || interval == 4 || interval == 7));
    }
  }
}

TEST_CASE("a drawn piano-roll has ink where notes are and crops to the octaves in use") {
  Array roll(float32, Shape{10, 88});
  roll.data<float>()[5 * 88 + 60 - 21] = 1;
  const Picture p = draw_piano_roll(roll, {}, "one note");
  // One octave of 12 rows of 7 pixels; frame 5 begins at 60 + 5 * 12, middle C is the lowest row.
  CHECK(p.height == 40 + 84 + 60);
  const auto blue = [&](int x, int y) { return p.at(x, y)[2] > p.at(x, y)[0] + 100; };
  CHECK(blue(60 + 66, 40 + 84 - 4));
  CHECK(!blue(60 + 54, 40 + 84 - 4));
  CHECK(!blue(60 + 66, 40 + 84 - 12));
  CHECK(draw_piano_roll(Array(float32, Shape{0, 88}), {}, "").height > 0);
  CHECK_THROWS_AS(draw_piano_roll(Array(float32, Shape{3, 8}), {}, ""), ShapeError);
}

// A MIDI file of two quarters: a note and, on the tenth channel, a drum.
std::string small_midi(int pitch, bool drum, const std::string& more = "") {
  std::string events("\0\x90", 2);
  events += static_cast<char>(pitch);
  events += std::string("\x40\x60\x80", 3) + static_cast<char>(pitch) + std::string(1, '\0');
  if (drum) events += std::string("\0\x99\x24\x40\x60\x89\x24\0", 8);
  events += more + std::string("\0\xff\x2f\0", 4);
  const std::string header("MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0", 21);
  return header + static_cast<char>(events.size()) + events;
}

TEST_CASE("folders of music are searched below and what cannot be read is skipped and told") {
  const TemporaryFolder folder;
  create_folder(folder / "m/deep/deeper");
  create_folder(folder / "m/.git");
  write_file(folder / "m/a.MID", small_midi(60, false));
  write_file(folder / "m/deep/b.Midi", small_midi(61, true));
  write_file(folder / "m/deep/deeper/c.kar", small_midi(62, false));
  const std::string inner = small_midi(63, false);
  std::string riff("RIFF\0\0\0\0RMIDdata", 16);
  riff += static_cast<char>(inner.size()) + std::string(3, '\0') + inner;
  write_file(folder / "m/d.rmi", riff);
  write_file(folder / "m/broken.mid", "MThd");
  write_file(folder / "m/.hidden.mid", "x");
  write_file(folder / "m/.git/e.mid", "x");
  write_file(folder / "m/notes.txt", "x");
  const SequenceSet set = load_sequences((folder / "m").string());
  CHECK(set.train.size() + set.valid.size() + set.test.size() == 4);
  CHECK(!set.train.empty());
  REQUIRE(set.notes.size() == 1);
  CHECK(set.notes[0].find("4 of 5 read, 1 skipped (first: ") == 0);
  CHECK(set.notes[0].find("broken.mid: at byte ") != std::string::npos);
  CHECK(set.notes[0].find(", 20 % drum notes left out") != std::string::npos);
  CHECK(set.roll.dt == 0.3);
  for (const auto* part : {&set.train, &set.valid, &set.test}) {
    for (const Array& roll : *part) {
      double sum = 0;
      for (const float v : roll.values<float>()) sum += v;
      CHECK(sum == 2);  // half a second in frames of 0.3 s, and no drum
    }
  }
}

TEST_CASE("a folder of one file of any name trains") {
  const TemporaryFolder folder;
  for (int i = 0; i < 40; ++i) {
    const std::filesystem::path one = folder / ("one" + std::to_string(i));
    create_folder(one);
    write_file(one / ("tune" + std::to_string(i) + ".mid"), small_midi(60, false));
    CHECK(load_sequences(one.string()).train.size() == 1);
  }
  create_folder(folder / "none");
  write_file(folder / "none/a.mid", "x");
  write_file(folder / "none/b.mid", "y");
  CHECK(test::io_error([&] { load_sequences((folder / "none").string()); }).find("none of 2") == 0);
}

TEST_CASE("a file of music is what its content says, whatever its name") {
  const TemporaryFolder folder;
  write_note_json(folder / "a.json", two_pieces);
  const SequenceSet json = load_sequences((folder / "a.json").string());
  write_npz(folder / "a.npz", {{"train0", json.train[0]}});
  write_file(folder / "a.mid", small_midi(60, false));
  write_file(folder / "a.txt", "a.mid\n");
  for (const char* name : {"tune", "b.JSON", "c.NPZ", "d.txt", "e f.MID", "\xc3\xa9.dat"}) {
    const std::filesystem::path other = folder / name;
    for (const char* kind : {"a.json", "a.npz", "a.mid"}) {
      std::filesystem::copy_file(folder / kind, other,
                                 std::filesystem::copy_options::overwrite_existing);
      CHECK(load_sequences(other.string()).fingerprint ==
            load_sequences((folder / kind).string()).fingerprint);
    }
  }
  std::filesystem::copy_file(folder / "a.txt", folder / "LIST.TXT");
  CHECK(load_sequences((folder / "LIST.TXT").string()).train.size() == 1);
  for (const char* text : {"", "RIFF", "RIFF....WAVE", "\xff", "some words"}) {
    write_file(folder / "none", text);
    CHECK(test::io_error([&] {
            load_sequences((folder / "none").string());
          }).find("none of what can be read") != std::string::npos);
  }
}

TEST_CASE("the tunes of Nottingham are those of its folder, not their melodies and chords again") {
  const TemporaryFolder folder;
  for (const char* part : {"", "melody/", "chords/"}) {
    create_folder(folder / ("nottingham/MIDI/" + std::string(part)));
    for (int i = 0; i < 12; ++i)
      write_file(folder / ("nottingham/MIDI/" + std::string(part) + std::to_string(i) + ".mid"),
                 small_midi(60, false));
  }
  ::setenv("DAMO_DATA", folder.path().c_str(), 1);
  const SequenceSet named = load_sequences("nottingham");
  ::unsetenv("DAMO_DATA");
  CHECK(named.train.size() + named.valid.size() + named.test.size() == 12);
  // A folder of one's own is searched below.
  const SequenceSet own = load_sequences((folder / "nottingham").string());
  CHECK(own.train.size() + own.valid.size() + own.test.size() == 36);
}

TEST_CASE("data bytes above 127 are clipped and told") {
  const TemporaryFolder folder;
  const std::string loud("\0\x90\x3c\xff\x60\x80\x3c\0", 8);
  write_file(folder / "a.mid", small_midi(64, false, loud));
  const Midi midi = read_midi(folder / "a.mid");
  CHECK(midi.clipped == 1);
  REQUIRE(midi.notes.size() == 2);
  CHECK(midi.notes[1].velocity == 127);
  const SequenceSet set = load_sequences((folder / "a.mid").string());
  CHECK(set.notes.at(0).find("1 data bytes above 127 taken as 127") != std::string::npos);
}

TEST_CASE("frames of note lists last as long as fits what they are") {
  const TemporaryFolder folder;
  const auto dt = [&](const std::string& name, int repeat, double asked = 0) {
    NoteSets sets;
    for (int piece = 0; piece < 3; ++piece) {
      sets["train"].emplace_back();
      for (int i = 0; i < 100; ++i) {
        for (int k = 0; k < repeat; ++k) sets["train"].back().push_back({60 + i % 3, 70});
      }
    }
    write_note_json(folder / name, sets);
    return load_sequences((folder / name).string(), {.dt = asked}).roll.dt;
  };
  CHECK(dt("a.json", 1) == 0.75);
  CHECK(dt("a.json", 4) == 0.75 / 4);
  CHECK(dt("a.json", 4, 0.25) == 0.25);
  CHECK(dt("x-16th.json", 1) == 0.75 / 4);
  CHECK(dt("x-quarter.json", 4) == 0.75);
}

}  // namespace
