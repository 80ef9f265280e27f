#include <doctest/doctest.h>

#include <cstring>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/formats/note_json.hpp>
#include <damo/io/formats/npz.hpp>
#include <damo/io/pictures/pictures.hpp>
#include <damo/io/sequences.hpp>

#include "tests/support/files.hpp"

namespace damo::io {
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

}  // namespace
}  // namespace damo::io
