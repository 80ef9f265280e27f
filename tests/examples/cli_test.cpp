#include <doctest/doctest.h>

#include "examples/support/cli.hpp"
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::examples;

namespace {

struct Values {
  std::int64_t batch = 20;
  double lr = 0.1;
  std::string data = "mnist";
  bool quick = false;
  bool shuffle = false;
};

void fill(Cli& cli, Values& v) {
  cli.option("--batch", v.batch, "examples in a batch", {1, 1000});
  cli.option("--lr", v.lr, "learning rate", {0, 1e38});
  cli.choice("--data", v.data, "images", {"mnist", "bars"}, true);
  cli.flag("--quick", v.quick, "quick");
  cli.either("--shuffle", "shuffled", "--in-order", "in order", v.shuffle);
}

std::string restore_error(const io::Record& record) {
  Values v;
  Cli cli("toy", "A toy.");
  fill(cli, v);
  return test::io_error([&] { cli.restore(record, "run.json"); });
}

int parse(std::vector<const char*> words) {
  Values v;
  Cli cli("toy", "A toy.");
  fill(cli, v);
  words.insert(words.begin(), "toy");
  return cli.parse(static_cast<int>(words.size()), words.data()).value_or(-1);
}

TEST_CASE("values from a file are held to what the command line takes") {
  CHECK(restore_error(io::Record().set("batch", 7).set("lr", 0.5).set("data", "bars")).empty());
  CHECK(restore_error(io::Record().set("lr", 3)).empty());
  CHECK(restore_error(io::Record().set("batch", 0)) ==
        "run.json: 'batch': 0 is not between 1 and 1000");
  CHECK(restore_error(io::Record().set("batch", -5)).find("'batch'") != std::string::npos);
  CHECK(restore_error(io::Record().set("batch", 2.5)).find("run.json: 'batch'") == 0);
  CHECK(restore_error(io::Record().set("batch", "many")).find("run.json: 'batch'") == 0);
  CHECK(restore_error(io::Record().set("lr", -0.5)).find("is not at least 0") != std::string::npos);
  CHECK(restore_error(io::Record().set("lr", "nan")).find("run.json: 'lr'") == 0);
  CHECK(restore_error(io::Record().set("data", "bras")).find("did you mean 'bars'") !=
        std::string::npos);
  CHECK(restore_error(io::Record().set("data", "gone/pictures.npy")).empty());
  CHECK(restore_error(io::Record().set("data", "pictures.npy")) ==
        "run.json: 'data': 'pictures.npy' is none of mnist, bars, and no file or folder that is "
        "there");
  CHECK(restore_error(io::Record().set("quick", 1)).find("run.json: 'quick'") == 0);
}

TEST_CASE("options with another value than before are told and no others") {
  Values v;
  Cli cli("toy", "A toy.");
  fill(cli, v);
  const io::Record before = cli.values();
  CHECK(cli.differences(before).empty());
  v.lr = 0.5;
  v.shuffle = true;
  CHECK(cli.differences(before) ==
        std::vector<std::string>{"lr 0.1 is 0.5 now", "shuffle false is true now"});
}

TEST_CASE("numbers that are no numbers are wrong usage whatever they are") {
  CHECK(parse({"--lr", "0.5"}) == -1);
  CHECK(parse({"--batch", "1000"}) == -1);
  for (const char* lr : {"inf", "-inf", "nan", "1e39", "-1", "x", "", "1x"}) {
    CAPTURE(lr);
    CHECK(parse({"--lr", lr}) == 2);
  }
  for (const char* batch : {"0", "1001", "1.5", "1e300", "99999999999999999999", "inf"}) {
    CAPTURE(batch);
    CHECK(parse({"--batch", batch}) == 2);
  }
}

TEST_CASE("one is counted without an s") {
  CHECK(counted(0, "epoch") == "0 epochs");
  CHECK(counted(1, "epoch") == "1 epoch");
  CHECK(counted(2, "run") == "2 runs");
}

}  // namespace
