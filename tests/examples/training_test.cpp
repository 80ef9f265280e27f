#include <doctest/doctest.h>

#include <csignal>
#include <limits>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/formats/csv.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include "examples/support/program.hpp"
#include "examples/support/stop.hpp"
#include "examples/support/training.hpp"
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::examples;

namespace {

using test::TemporaryFolder;

// A model of one number whose steps depend on all that went before.
struct Toy {
  SharedVar w = shared(Array::scalar(1.0), "w");
  SharedVar noise = shared(Array::scalar(std::int64_t{42}), "noise");
  std::int64_t stop_after = -1;
  double last_cost = 0;

  double value() const { return w.value().item<double>(); }
  double step() {
    const auto next = (noise.value().item<std::int64_t>() * 1103515245 + 12345) % 2147483648;
    noise.set_array(Array::scalar(next));
    w.set_array(Array::scalar(value() * 0.999 + static_cast<double>(next) * 1e-10));
    if (stop_after-- == 0) std::raise(SIGINT);
    return last_cost = -value();
  }
  TrainingSteps steps() {
    TrainingSteps s{.state = {w, noise}};
    s.batches = 10;
    s.step = [this](std::int64_t, std::int64_t) { return step(); };
    s.epoch_end = [this](std::int64_t) { return Metrics{{"w", value()}}; };
    return s;
  }
};

int train(Toy& toy, std::vector<std::string> words, TrainingOptions* seen = nullptr) {
  TrainingOptions options;
  Cli cli("toy", "A toy.");
  add_training_options(cli, options);
  words.insert(words.begin(), "toy");
  words.emplace_back("--quiet");
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  if (const auto code = cli.parse(static_cast<int>(argv.size()), argv.data())) return *code;
  Training training(cli, options);
  const int code = training.run(toy.steps());
  if (seen != nullptr) *seen = options;
  return code;
}

std::vector<double> costs(const std::filesystem::path& folder) {
  return io::read_csv(folder / "metrics.csv").column("cost");
}

TEST_CASE("a run that was stopped and resumed ends with the bits of one that was not") {
  const TemporaryFolder folder;
  const std::string a = (folder / "a").string(), b = (folder / "b").string();
  Toy whole;
  CHECK(train(whole, {"--out", a, "--epochs", "4"}) == 0);
  for (const std::int64_t at : {0, 9, 10, 17, 39}) {
    CAPTURE(at);
    Toy first, second;
    first.stop_after = at;
    const int code = train(first, {"--out", b, "--epochs", "4", "--lr", "0.5", "--force"});
    if (at < 39) {
      CHECK(code == 130);
      TrainingOptions options;
      CHECK(train(second, {"--resume", b}, &options) == 0);
      CHECK(options.lr == 0.5);
      CHECK(options.epochs == 4);
    }
    CHECK(io::read_file(folder / "a/checkpoint.npz") == io::read_file(folder / "b/checkpoint.npz"));
    CHECK(costs(folder / "a") == costs(folder / "b"));
  }
}

TEST_CASE("a finished run can be given more epochs and keeps its metrics") {
  const TemporaryFolder folder;
  const std::string a = (folder / "a").string(), b = (folder / "b").string();
  Toy whole, part, rest;
  train(whole, {"--out", a, "--epochs", "5"});
  train(part, {"--out", b, "--epochs", "2"});
  CHECK(train(rest, {"--resume", b, "--epochs", "5"}) == 0);
  CHECK(rest.value() == whole.value());
  CHECK(costs(folder / "b").size() == 5);
  const io::Record info = RunFolder::open(b).info();
  CHECK(info.text("status") == "finished");
  CHECK(info.integer("epochs_done") == 5);
  CHECK(info.integer("seed") == 1234);
}

TEST_CASE("a cost or a parameter that is not finite ends the run and keeps the last checkpoint") {
  const TemporaryFolder folder;
  const std::string a = (folder / "a").string();
  Toy good;
  train(good, {"--out", a, "--epochs", "1"});
  const io::Bytes before = io::read_file(folder / "a/checkpoint.npz");
  for (const bool in_cost : {true, false}) {
    CAPTURE(in_cost);
    Toy bad;
    TrainingOptions options;
    Cli cli("toy", "A toy.");
    add_training_options(cli, options);
    const char* argv[] = {"toy", "--resume", a.c_str(), "--epochs", "2", "--quiet"};
    REQUIRE(!cli.parse(6, argv));
    Training training(cli, options);
    TrainingSteps steps = bad.steps();
    steps.step = [&](std::int64_t, std::int64_t) {
      bad.w.set_array(Array::scalar(std::numeric_limits<double>::quiet_NaN()));
      return in_cost ? bad.value() : 1.0;
    };
    CHECK_THROWS_AS(training.run(steps), NumericError);
    CHECK(io::read_file(folder / "a/checkpoint.npz") == before);
  }
}

TEST_CASE("a folder with a run is refused without force and one with other things always") {
  const TemporaryFolder folder;
  const std::string a = (folder / "a").string();
  io::write_file(RunFolder::create("toy", a, false).output("filters_epoch_9.png"), "old");
  CHECK(test::io_error([&] { RunFolder::create("toy", a, false); }).find("--force") !=
        std::string::npos);
  RunFolder::create("toy", a, true);
  CHECK(!std::filesystem::exists(folder / "a/filters_epoch_9.png"));
  CHECK(test::throws_io_error([&] { RunFolder::create("toy", folder.path(), true); }));
  CHECK(test::throws_io_error([&] { RunFolder::open(folder.path()); }));
}

TEST_CASE("runs in a folder named runs are found under latest") {
  const TemporaryFolder folder;
  RunFolder::create("toy", folder / "runs/one", false);
  RunFolder::create("toy", folder / "runs/two", false);
  CHECK(RunFolder::open(folder / "runs/latest").path() == folder / "runs/two");
}

TEST_CASE("wrong usage has exit code 2 and help has 0") {
  const TemporaryFolder folder;
  Toy toy;
  const std::string out = (folder / "x").string();
  CHECK(train(toy, {"--epochs", "0"}) == 2);
  CHECK(train(toy, {"--epochs", "many"}) == 2);
  CHECK(train(toy, {"--epohcs", "3"}) == 2);
  CHECK(train(toy, {"--lr", "nan"}) == 2);
  CHECK(train(toy, {"--seed", "-1"}) == 2);
  CHECK(train(toy, {"surplus"}) == 2);
  CHECK(!std::filesystem::exists(out));
}

TEST_CASE("nearly right words are recognised and others are not") {
  const std::vector<std::string> words{"mnist", "fashion", "bars"};
  CHECK(did_you_mean("mnits", words) == "mnist");
  CHECK(did_you_mean("fasion", words) == "fashion");
  CHECK(did_you_mean("bar", words) == "bars");
  CHECK(!did_you_mean("cifar", words));
  CHECK(!did_you_mean("", words));
}

TEST_CASE("errors of a program become exit code 1") {
  CHECK(run_program("toy", [] { return 130; }) == 130);
  CHECK(run_program("toy", []() -> int { throw IoError("x.idx: at byte 3: wrong"); }) == 1);
}

TEST_CASE("times are written as clocks show them") {
  CHECK(clock_time(0) == "0:00");
  CHECK(clock_time(192) == "3:12");
  CHECK(clock_time(3723.4) == "1:02:03");
  CHECK(clock_time(std::numeric_limits<double>::infinity()) == "?");
}

TEST_CASE("a run that goes on uses the threads that it was asked for") {
  const int before = num_threads();
  const TemporaryFolder folder;
  const std::string run = (folder / "run").string();
  Toy toy;
  CHECK(train(toy, {"--out", run, "--epochs", "1", "--threads", "3"}) == 0);
  CHECK(num_threads() == 3);
  set_num_threads(1);
  CHECK(train(toy, {"--resume", run, "--epochs", "2"}) == 0);
  CHECK(num_threads() == 3);
  CHECK(train(toy, {"--resume", run, "--epochs", "3", "--threads", "2"}) == 0);
  CHECK(num_threads() == 2);
  set_num_threads(1);
  CHECK(train(toy, {"--resume", run, "--epochs", "4"}) == 0);
  CHECK(num_threads() == 2);
  set_num_threads(before);
}

TEST_CASE("patience without a score to stop by is wrong usage and leaves no folder") {
  const TemporaryFolder folder;
  const std::string run = (folder / "run").string();
  Toy toy;
  CHECK_THROWS_AS(train(toy, {"--out", run, "--patience", "3"}), UsageError);
  CHECK(!std::filesystem::exists(run));
  CHECK(train(toy, {"--out", run, "--epochs", "1", "--patience", "0"}) == 0);
}

}  // namespace
