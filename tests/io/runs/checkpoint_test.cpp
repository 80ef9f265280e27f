#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstring>
#include <limits>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/gzip.hpp>
#include <damo/io/formats/csv.hpp>
#include <damo/io/runs/checkpoint.hpp>
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::io;

namespace {

using test::TemporaryFolder;

Checkpoint sample(std::int64_t epoch) {
  Checkpoint c;
  c.arrays["W"] = Array::from(std::vector<float>(600, static_cast<float>(epoch)), Shape{20, 30});
  c.arrays["epoch"] = Array::scalar(epoch);
  c.metadata.set("epoch", epoch).set("lr", 0.1).set("model", "rbm").set("done", false);
  return c;
}

void check_epoch(const Checkpoint& c, std::int64_t epoch) {
  CHECK(c.metadata.integer("epoch") == epoch);
  CHECK(c.at("W", float32, Shape{20, 30}).data<float>()[599] == static_cast<float>(epoch));
}

TEST_CASE("a checkpoint comes back with its arrays and its metadata") {
  const TemporaryFolder folder;
  save_checkpoint(folder / "c.npz", sample(7));
  const Checkpoint c = load_checkpoint(folder / "c.npz");
  check_epoch(c, 7);
  CHECK(c.metadata.number("lr") == 0.1);
  CHECK(c.metadata.text("model") == "rbm");
  CHECK(!c.metadata.boolean("done"));
  CHECK(folder.entries() == 1);
}

TEST_CASE("the checkpoint before the last is kept and serves when the last is damaged") {
  const TemporaryFolder folder;
  for (int epoch = 1; epoch <= 3; ++epoch) save_checkpoint(folder / "c.npz", sample(epoch));
  CHECK(folder.entries() == 2);
  Bytes bytes = read_file(folder / "c.npz");
  bytes[bytes.size() / 2] ^= std::byte{1};
  write_file(folder / "c.npz", bytes);
  std::string note;
  check_epoch(load_checkpoint(folder / "c.npz", &note), 2);
  CHECK(note.find("c.previous.npz") != std::string::npos);
  std::filesystem::remove(folder / "c.npz");
  check_epoch(load_checkpoint(folder / "c.npz"), 2);
  std::filesystem::remove(folder / "c.previous.npz");
  CHECK_THROWS_AS(load_checkpoint(folder / "c.npz"), IoError);
}

TEST_CASE("a changed byte anywhere in a checkpoint is noticed or changes no number") {
  const TemporaryFolder folder;
  save_checkpoint(folder / "c.npz", sample(5));
  const Bytes good = read_file(folder / "c.npz");
  for (std::size_t i = 0; i < good.size(); i += 7) {
    CAPTURE(i);
    Bytes bad = good;
    bad[i] ^= std::byte{0x10};
    test::write_quickly(folder / "c.npz", bad);
    try {
      const Checkpoint c = load_checkpoint(folder / "c.npz");
      if (c.arrays.contains("W")) check_epoch(c, 5);
    } catch (const IoError&) {
    }
  }
}

TEST_CASE("arrays of another kind than needed are errors that name both") {
  const std::string message = test::io_error([] { sample(1).at("W", float32, Shape{20, 31}); });
  CHECK(message.find("'W' is float32 (20, 30), but float32 (20, 31) is needed") !=
        std::string::npos);
  CHECK(test::throws_io_error([] { sample(1).at("V"); }));
  CHECK(test::throws_io_error([] { sample(1).metadata.integer("model"); }));
  CHECK(test::throws_io_error([] { sample(1).metadata.integer("k"); }));
}

TEST_CASE("NumPy opens a checkpoint") {
  if (!test::has_numpy()) return;
  const TemporaryFolder folder;
  save_checkpoint(folder / "c.npz", sample(9));
  CHECK(test::python(folder.path(), R"(
import json
c = np.load('c.npz')
assert c['W'].shape == (20, 30) and (c['W'] == 9).all()
assert json.loads(c['metadata.json']) == {'epoch': 9, 'lr': 0.1, 'model': 'rbm', 'done': False}
)"));
}

TEST_CASE("a process killed while it saves always leaves a checkpoint that loads") {
  const TemporaryFolder folder;
  save_checkpoint(folder / "c.npz", sample(1));
  for (int round = 0; round < 20; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (std::int64_t epoch = 1;; ++epoch) save_checkpoint(folder / "c.npz", sample(epoch));
    }
    ::usleep(static_cast<useconds_t>(500 + 300 * round));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const Checkpoint c = load_checkpoint(folder / "c.npz");
    check_epoch(c, c.metadata.integer("epoch"));
  }
}

TEST_CASE("records keep their order and refuse what is not a flat object") {
  Record record;
  record.set("z", 1).set("a", "text \"quoted\"").set("z", 2.5F);
  record.set("inf", std::numeric_limits<double>::infinity());
  const Record back = Record::parse(record.to_json(), "run.json");
  CHECK(back.values().front().first == "z");
  CHECK(back.number("z") == 2.5);
  CHECK(back.text("a") == "text \"quoted\"");
  for (const char* bad : {"", "[]", "{\"a\": {}}", "{\"a\": null}", "{\"a\": 1", "3"}) {
    CAPTURE(bad);
    CHECK(test::io_error([&] { Record::parse(bad, "run.json"); }).find("run.json") == 0);
  }
  CHECK(test::throws_io_error([] { Record::parse(std::string(100000, '['), "deep"); }));
}

TEST_CASE("records refuse text after the object and numbers beyond 63 bits") {
  CHECK(Record::parse("{\"a\": 9223372036854775807, \"b\": -9223372036854775808}\n", "x")
            .integer("a") == std::numeric_limits<std::int64_t>::max());
  const std::string bad[] = {"{\"a\": 1} {}",
                             "{\"a\": 1}x",
                             std::string("{\"a\": 1}\0x", 10),
                             std::string("{\"a\": 1}\0", 9),
                             "{\"a\": 9223372036854775808}",
                             "{\"a\": 18446744073709551615}",
                             "{\"a\": 1e999}",
                             "{\"a\": [1]}",
                             "\"a\""};
  for (const std::string& json : bad) {
    CAPTURE(json);
    CHECK(test::io_error([&] { Record::parse(json, "run.json"); }).find("run.json") == 0);
  }
  CHECK(test::io_error([&] {
          Record::parse("{\"seed\": 18446744073709551615}", "run.json");
        }).find("'seed' is 18446744073709551615") != std::string::npos);
}

TEST_CASE("a record of many names is filled and written and read without looking through all") {
  Record record;
  for (int i = 0; i < 200000; ++i) record.set("name " + std::to_string(i), i);
  record.set("name 7", "seven");
  const Record back = Record::parse(record.to_json(), "x");
  REQUIRE(back.values().size() == 200000);
  CHECK(back.integer("name 199999") == 199999);
  CHECK(back.values()[7].first == "name 7");
  CHECK(back.text("name 7") == "seven");
  CHECK(Record().to_json() == "{}\n");
}

TEST_CASE("a table of metrics is read back and continued after its kept rows") {
  const TemporaryFolder folder;
  {
    CsvWriter csv(folder / "m.csv", {"epoch", "cost"});
    for (int e = 0; e < 5; ++e) csv.row({static_cast<double>(e), 0.1 * e});
    CHECK_THROWS_AS(csv.row({1.0}), ShapeError);
  }
  {
    CsvWriter csv(folder / "m.csv", {"epoch", "cost"}, 3);
    csv.row({3, std::numeric_limits<double>::quiet_NaN()});
  }
  const CsvTable table = read_csv(folder / "m.csv");
  CHECK(table.column("epoch") == std::vector<double>{0, 1, 2, 3});
  CHECK(table.column("cost")[2] == 0.2);
  CHECK(table.column("cost")[3] != table.column("cost")[3]);
  CHECK(test::throws_io_error([&] { CsvWriter(folder / "m.csv", {"other"}, 3); }));
  write_file(folder / "bad.csv", "a,b\n1,2\n3,x\n");
  CHECK(test::io_error([&] { read_csv(folder / "bad.csv"); }).find("line 3: 'x'") !=
        std::string::npos);
  for (const std::string& bad : {std::string(), std::string("a,b\n1,2\0\n", 9),
                                 std::string("a,b\n1,\n"), std::string("a,b\n1,2,3\n")}) {
    CAPTURE(bad);
    write_file(folder / "bad.csv", bad);
    CHECK(test::throws_io_error([&] { read_csv(folder / "bad.csv"); }));
  }
}

TEST_CASE("rows of numbers are read whatever parts them and with or without names") {
  const TemporaryFolder folder;
  for (const std::string& text : std::vector<std::string>{
           "1,2.5,-3\n4,5,6e1\n", "1;2.5;-3\r\n4;5;60\r\n", "1\t2.5\t-3\n\n4\t5\t60",
           " 1  2.5 -3\n+4 5 60 \n", "a,b,c\n1, 2.5, -3\n\"4\",5,60\n",
           "\xef\xbb\xbf"
           "a,b,c\n1,2.5,-3\n4,5,60\n"}) {
    CAPTURE(text);
    write_file(folder / "x.csv", text);
    const NumberTable table = read_numbers(folder / "x.csv");
    CHECK(table.rows == 2);
    CHECK(table.values == std::vector<float>{1, 2.5, -3, 4, 5, 60});
    CHECK(table.columns.size() == (text.find('a') == std::string::npos ? 0 : 3));
    write_file(folder / "x.csv.gz", gzip(as_bytes(text)));
    CHECK(read_numbers(folder / "x.csv.gz").values == table.values);
  }
  for (const char* bad :
       {"", "\n\n", "a,b\n", "1,2\n3\n", "1,2\n3,x\n", "1,2\n3,\n", "a,b\n1,2,3\n"}) {
    CAPTURE(bad);
    write_file(folder / "x.csv", bad);
    CHECK(test::io_error([&] { read_numbers(folder / "x.csv"); }).find("x.csv: ") !=
          std::string::npos);
  }
}

}  // namespace
