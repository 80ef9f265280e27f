#include <doctest/doctest.h>

#include <stdlib.h>
#include <cstdlib>
#include <functional>
#include <string>

#include <damo/damo.hpp>
#include <damo/io/dataset.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/gzip.hpp>
#include <damo/io/formats/csv.hpp>
#include <damo/io/formats/idx.hpp>
#include <damo/io/formats/midi.hpp>
#include <damo/io/formats/note_json.hpp>
#include <damo/io/formats/npy.hpp>
#include <damo/io/formats/npz.hpp>
#include <damo/io/pictures/png.hpp>
#include <damo/io/runs/checkpoint.hpp>
#include <damo/io/sequences.hpp>
#include <damo/ops/text/graph_text.hpp>
#include "examples/support/cli.hpp"
#include "examples/support/music/composer.hpp"
#include "examples/support/training_options.hpp"
#include "tests/support/files.hpp"

// Each reader is given damaged copies of good files, and must answer each with what it reads or
// with an error of Damo's; under the sanitizers it must also touch no memory but its own. In the
// suite there are 10,000 of each; DAMO_FUZZ_MUTATIONS asks for another number, DAMO_FUZZ_SEED for
// others.
using namespace damo;

namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;

constexpr std::int64_t most_elements = 1 << 22;  // a small file has no more in it

std::uint64_t number_of(const char* variable, std::uint64_t usual) {
  const char* text = std::getenv(variable);
  return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : usual;
}

io::Bytes bytes_of(std::string_view text) {
  const auto bytes = io::as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

// What `write` writes to a file.
io::Bytes written(const std::function<void(const fs::path&)>& write) {
  const TemporaryFolder folder;
  write(folder / "good");
  return io::read_file(folder / "good");
}

// A folder in memory where the system has one: ten thousand files wait long for a disk.
class QuickFolder {
 public:
  QuickFolder() {
    const bool memory = fs::is_directory("/dev/shm");
    std::string name = (memory ? "/dev/shm" : fs::temp_directory_path().string()) + "/damo-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  QuickFolder(const QuickFolder&) = delete;
  QuickFolder& operator=(const QuickFolder&) = delete;
  ~QuickFolder() { fs::remove_all(path_); }
  fs::path operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
};

using Read = std::function<void(const fs::path&)>;

void fuzz(const std::vector<io::Bytes>& good, const Read& read) {
  const QuickFolder folder;
  const fs::path path = folder / "x.bin";
  for (const io::Bytes& bytes : good) {
    test::write_quickly(path, bytes);
    CHECK_NOTHROW(read(path));
  }
  const std::uint64_t mutations = number_of("DAMO_FUZZ_MUTATIONS", 10000);
  const std::uint64_t first = number_of("DAMO_FUZZ_SEED", 0);
  std::uint64_t refused = 0;
  for (std::uint64_t seed = first; seed < first + mutations; ++seed) {
    test::TestRandom random(seed);
    io::Bytes bytes = good[seed % good.size()];
    for (std::size_t times = 1 + random.below(3); times > 0; --times)
      bytes = test::mutate(std::move(bytes), random);
    test::write_quickly(path, bytes);
    try {
      read(path);
    } catch (const Error& error) {
      ++refused;
      if (std::string_view(error.what()).empty()) FAIL("seed ", seed, ": an error without a word");
    } catch (const std::exception& error) {
      FAIL("seed ", seed, ": a foreign exception: ", error.what());
    }
  }
  CHECK(refused > 0);
}

void expect_size(std::int64_t elements) {
  if (elements > most_elements) FAIL(elements, " elements from a small file");
}

const Array numbers = Array::from(std::vector<float>{0, 0.25F, 1, 0.5F, 0, 1}, Shape{2, 3});

io::Bytes midi() {
  Array roll(float32, Shape{8, 88});
  for (int t = 0; t < 8; ++t) roll.data<float>()[t * 88 + 30 + t] = 1;
  return written([&](const fs::path& path) { io::write_midi(path, roll); });
}

TEST_CASE("fuzz: idx files") {
  const io::Idx idx{io::IdxType::i16, Shape{3, 2}, io::Bytes(12, std::byte{7})};
  const io::Bytes plain = written([&](const fs::path& path) { io::write_idx(path, idx); });
  fuzz({plain, io::gzip(plain)}, [](const fs::path& path) {
    expect_size(io::to_array(io::read_idx(path), float32).elements());
  });
}

TEST_CASE("fuzz: gzip files") {
  const io::Bytes one = io::gzip(io::as_bytes("some text, some text, some text"));
  io::Bytes two = one;
  two.insert(two.end(), one.begin(), one.end());
  fuzz({one, two}, [](const fs::path& path) {
    expect_size(static_cast<std::int64_t>(io::InputFile(path).read_all().size()));
  });
}

TEST_CASE("fuzz: npy files") {
  fuzz({io::format_npy(numbers), io::format_npy(numbers.cast(int64)),
        io::format_npy(Array::scalar(true))},
       [](const fs::path& path) { expect_size(io::read_npy(path).elements()); });
}

TEST_CASE("fuzz: npz files") {
  const io::Bytes good = written([](const fs::path& path) {
    io::write_npz(path, {{"a", numbers}, {"b", numbers.cast(int64)}});
  });
  fuzz({good}, [](const fs::path& path) {
    for (const auto& [name, array] : io::read_npz(path)) expect_size(array.elements());
  });
}

TEST_CASE("fuzz: PNG files") {
  std::vector<io::Bytes> good;
  for (const int channels : {1, 3}) {
    io::Picture picture(9, 5, channels);
    for (std::size_t i = 0; i < picture.pixels.size(); ++i)
      picture.pixels[i] = static_cast<std::uint8_t>(31 * i);
    good.push_back(written([&](const fs::path& path) { io::write_png(path, picture); }));
  }
  fuzz(good, [](const fs::path& path) {
    const io::Picture picture = io::read_png(path);
    const auto size = static_cast<std::size_t>(picture.width) *
                      static_cast<std::size_t>(picture.height) *
                      static_cast<std::size_t>(picture.channels);
    if (picture.pixels.size() != size) FAIL("a picture without all its pixels");
  });
}

TEST_CASE("fuzz: MIDI files") {
  // A note may last for hours in a few bytes; to_piano_roll has a limit of its own.
  fuzz({midi()}, [](const fs::path& path) {
    if (io::read_piano_roll(path).shape()[0] > 1 << 18) FAIL("a roll beyond its limit");
  });
}

TEST_CASE("fuzz: note lists in JSON") {
  const io::Bytes good = bytes_of(R"({"train": [[[60, 64.0], []], [[21]]], "test": [[[108]]]})");
  fuzz({good}, [](const fs::path& path) { io::read_note_json(path); });
}

TEST_CASE("fuzz: texts of numbers") {
  fuzz({bytes_of("a,b\n1,2.5\n3,-4e1\n"), bytes_of("1 2 3\n4 5 6\n"), bytes_of("1;2\r\n3;4\r\n")},
       [](const fs::path& path) {
         const io::NumberTable table = io::read_numbers(path);
         if (static_cast<std::int64_t>(table.values.size()) != table.rows * table.width)
           FAIL("rows of different lengths");
       });
}

TEST_CASE("fuzz: tables of metrics") {
  fuzz({bytes_of("epoch,cost\n1,2.5\n2,nan\n3,1e300\n")}, [](const fs::path& path) {
    const io::CsvTable table = io::read_csv(path);
    for (const std::string& name : table.columns) table.column(name);
  });
}

TEST_CASE("fuzz: checkpoints") {
  io::Checkpoint checkpoint{.arrays = {{"W", numbers}}, .metadata = {}};
  checkpoint.metadata.set("epoch", 3).set("cost_sum", 1.5);
  const io::Bytes good =
      written([&](const fs::path& path) { io::save_checkpoint(path, checkpoint); });
  fuzz({good}, [](const fs::path& path) {
    const io::Checkpoint back = io::load_checkpoint(path);
    for (const auto& [name, array] : back.arrays) expect_size(array.elements());
  });
}

TEST_CASE("fuzz: run.json and the options in it") {
  examples::TrainingOptions options;
  examples::Cli cli("toy", "A toy.");
  examples::add_image_options(cli, options);
  examples::add_training_options(cli, options);
  const io::Bytes good = bytes_of(cli.values().to_json());
  fuzz({good}, [](const fs::path& path) {
    examples::TrainingOptions o;
    examples::Cli reader("toy", "A toy.");
    examples::add_image_options(reader, o);
    examples::add_training_options(reader, o);
    const io::Bytes bytes = io::read_file(path);
    reader.restore(io::Record::parse(io::as_text(bytes), path.string()), path.string());
    if (o.batch < 1 || o.epochs < 1 || !(o.lr >= 0)) FAIL("an option that is out of its range");
  });
}

TEST_CASE("fuzz: graphs as text") {
  const Var x = matrix("x");
  const SharedVar W = shared(numbers, "W");
  auto [steps, updates] =
      scan([&](Var s) { return tanh(s * 0.5); }, {.outputs_info = {sum(x * W, 0)}, .n_steps = 3});
  const Function f =
      function({x}, {sum(steps[0]) + constant(0.25F)}, {.updates = {{W, W * 0.9}}, .name = "f"});
  fuzz({bytes_of(print(f.asked())), bytes_of(print(f.graph()))}, [](const fs::path& path) {
    const io::Bytes bytes = io::read_file(path);
    print(parse(io::as_text(bytes)));
  });
}

TEST_CASE("fuzz: files given as music") {
  Array rolls(float32, Shape{6, 88});
  for (int t = 0; t < 6; ++t) rolls.data<float>()[t * 88 + 20 + 7 * t] = 1;
  fuzz({midi(), written([&](const fs::path& path) {
          io::write_npz(path, {{"train_1", rolls}, {"test_1", rolls}});
        }),
        bytes_of(R"({"train": [[[60, 64.0], []], [[21]]], "test": [[[108]]]})")},
       [](const fs::path& path) {
         const io::SequenceSet data = io::load_sequences(path.string());
         for (const auto* part : {&data.train, &data.valid, &data.test}) {
           for (const Array& piece : *part) {
             if (piece.shape()[0] > 1 << 18) FAIL("a roll beyond its limit");  // a note may be long
             for (const float v : piece.values<float>()) {
               if (v != 0 && v != 1) FAIL("a note of ", v);
             }
           }
         }
       });
}

TEST_CASE("fuzz: first frames of a run's pieces") {
  const Array starts = Array::from(std::vector<float>{0, 1, 0, 1, 1, 0}, Shape{2, 3}).cast(uint8);
  fuzz({written([&](const fs::path& path) {
         io::write_npz(path, {{"starts", starts}});
       })},
       [](const fs::path& path) {
         const fs::path run = path.parent_path();
         fs::copy_file(path, run / examples::starts_name, fs::copy_options::overwrite_existing);
         if (!fs::exists(run / "run.json")) test::write_quickly(run / "run.json", bytes_of("{}"));
         const auto back = examples::load_starts(examples::RunFolder::open(run), 3);
         for (const float v : back->values<float>()) {
           if (v != 0 && v != 1) FAIL("a note of ", v);
         }
       });
}

TEST_CASE("fuzz: files given as images") {
  const io::Idx idx{io::IdxType::u8, Shape{4, 2, 3}, io::Bytes(24, std::byte{200})};
  const Array images = Array::from(std::vector<float>(24, 0.5F), Shape{4, 2, 3});
  fuzz({written([&](const fs::path& path) { io::write_idx(path, idx); }), io::format_npy(images),
        written([&](const fs::path& path) {
          io::write_npz(path, {{"x_train", images}});
        }),
        bytes_of("label,a,b\n1,0,1\n0,1,1\n1,1,0\n"),
        written([](const fs::path& path) { io::write_png(path, io::Picture(3, 2, 1, 7)); })},
       [](const fs::path& path) {
         const io::Dataset data = io::load_dataset(path.string());
         expect_size(data.train.elements());
         for (const float v : data.train.values<float>()) {
           if (!(v >= 0 && v <= 1)) FAIL("a pixel of ", v);
         }
       });
}

}  // namespace
