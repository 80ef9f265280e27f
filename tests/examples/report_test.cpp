#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>

#include <damo/damo.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/formats/csv.hpp>
#include <damo/io/formats/midi.hpp>
#include <damo/io/pictures/pictures.hpp>
#include "examples/support/report.hpp"
#include "tests/support/browser.hpp"
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::examples;

namespace {

using namespace damo::test;

TEST_CASE("report: a run's page has its settings and curves and pictures and graph and profile") {
  const TemporaryFolder temporary;
  const RunFolder folder = RunFolder::create("toy", temporary / "run", false);
  folder.save_info(io::Record().set("program", "toy").set("data", "bars").set("lr", 0.25));
  {
    io::CsvWriter csv(folder / "metrics.csv",
                      {"epoch", "cost", "free_energy_train", "free_energy_valid", "seconds"});
    csv.row({0, 3, -10, -9, 1});
    csv.row({1, 2, -12, -10, 1});
  }
  for (int epoch = 0; epoch < 40; ++epoch) {
    io::write_png(folder / ("filters_epoch_" + std::to_string(epoch) + ".png"),
                  io::plot({{"x", {0, 1}, {0, 1}}},
                           {.title = "x", .y_label = "y", .width = 200, .height = 150}));
  }

  const Var x = vector("x");
  const SharedVar W = shared(Array::from<float>({1, 2}), "W");
  Function train = function({x}, {sum(log(sigmoid(x * W)))},
                            {.updates = {{W, W + 0.1 * x}}, .name = "train_toy"});
  Report report(&train);
  for (int i = 0; i < 10; ++i) {
    report.next_batch();
    train(std::vector<float>{1, 2});
  }
  report.write(folder);

  const BrowserPage page = browse_and_run(folder / "report.html", R"(
    const details = document.querySelector('details[data-page]'); details.open = true;
    const charts = [...document.querySelectorAll('svg')].map(svg => svg.getAttribute('aria-label') + ' '
      + svg.querySelectorAll('polyline').length);
    setTimeout(() => { const inner = details.querySelector('iframe').contentDocument;
      document.body.dataset.answer = [document.title, charts.join('|'), document.images.length,
        [...document.images].every(i => i.naturalWidth === 200), inner.getElementById('title').textContent,
        inner.body.dataset.ready, inner.body.dataset.error].join('; '); }, 3000);)");
  CHECK(page.errors == "");
  CHECK(body_attribute(page.dom, "data-error") == "");
  CHECK(body_attribute(page.dom, "data-answer") ==
        "toy on bars; cost 1|free_energy 2|free_energy gap: validation less training 1; 16; true; "
        "The life of 'train_toy'; yes; ");
  CHECK(page.dom.find("<dt>lr</dt><dd>0.25</dd>") != std::string::npos);
  CHECK(page.dom.find("Where its time goes") != std::string::npos);
  CHECK(page.dom.find("filters_epoch_39.png") != std::string::npos);
}

TEST_CASE("report: a run without a function or metrics has a page too") {
  const TemporaryFolder temporary;
  const RunFolder folder = RunFolder::create("toy", temporary / "run", false);
  Report report;
  report.next_batch();
  report.write(folder);
  const BrowserPage page = browse(folder / "report.html");
  CHECK(page.errors == "");
  CHECK(body_attribute(page.dom, "data-ready") == "yes");
}

// A run of the folder with this learning rate and these costs.
void make_run(const std::filesystem::path& path, const std::string& program, double lr,
              const std::vector<double>& costs) {
  const RunFolder folder = RunFolder::create(program, path, false);
  folder.save_info(io::Record()
                       .set("program", program)
                       .set("data", "bars")
                       .set("lr", lr)
                       .set("batch", 20)
                       .set("started", fmt::format("2026-01-0{}", costs.size()))
                       .set("status", "finished"));
  io::CsvWriter csv(folder / "metrics.csv", {"epoch", "cost", "seconds"});
  for (std::size_t i = 0; i < costs.size(); ++i) csv.row({static_cast<double>(i + 1), costs[i], 2});
}

TEST_CASE("overview: runs of a program are compared, and a broken one is left out with a word") {
  const TemporaryFolder temporary;
  make_run(temporary / "a", "toy", 0.1, {5, 3.25});
  make_run(temporary / "b", "toy", 0.01, {6, 5, 4.5});
  make_run(temporary / "c", "other", 0.1, {1});
  make_run(temporary / "d", "toy", 0.1, {1});
  io::write_file(temporary / "d/run.json", "{");
  make_run(temporary / "e", "toy", 0.1, {1});
  io::write_file(temporary / "e/metrics.csv", "cost,seconds\n1,2\n");
  // What a run does not say differs from nothing.
  io::Record more = RunFolder::open(temporary / "b").info();
  RunFolder::open(temporary / "b").save_info(more.set("k", 3));
  std::vector<std::filesystem::path> folders;
  for (const char* name : {"a", "b", "c", "d", "e"}) folders.push_back(temporary / name);
  const auto left_out = write_overview(folders, temporary / "report.html");
  REQUIRE(left_out.size() == 2);
  CHECK(left_out[0].find("d/run.json") != std::string::npos);
  CHECK(left_out[1].find("e/metrics.csv: has no column 'epoch'") != std::string::npos);
  const BrowserPage page = browse_and_run(temporary / "report.html", R"(
    const rows = table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent).join(' ')).join('|');
    document.body.dataset.answer = [...document.querySelectorAll('table')].map(rows).join('; ') + '; '
      + [...document.querySelectorAll('figure > .scroll > svg')].map(svg => svg.querySelectorAll('polyline').length).join(' ');)");
  CHECK(page.errors == "");
  // Alone, a run has nothing that differs and no curve to lie over another's.
  CHECK(body_attribute(page.dom, "data-answer") ==
        "run data status epochs seconds cost|c bars finished 1 2.0 1; "
        "run data lr status epochs seconds cost|a bars 0.1 finished 2 4.0 3.25|"
        "b bars 0.01 finished 3 6.0 4.5; 2 1 1 1");
  CHECK(page.dom.find("A run is left out: ") != std::string::npos);
}

TEST_CASE("report: a live page says so, and has the run's captions and music") {
  const TemporaryFolder temporary;
  const RunFolder folder = RunFolder::create("toy", temporary / "run", false);
  folder.save_info(io::Record().set("program", "toy").set("epochs_done", 3));
  io::write_png(folder / "samples_epoch_1.png", io::Picture(4, 3, 1, 9));
  io::write_file(folder / "captions.json",
                 io::Record().set("samples_epoch_", "Chains <20>").to_json());
  Array roll(float32, Shape{4, 88});
  roll.data<float>()[30] = 1;
  for (const char* name : {"song_1", "real_1", "song_2"}) {
    io::write_midi(folder / (std::string(name) + ".mid"), roll);
    io::write_png(folder / (std::string(name) + ".png"), io::Picture(4, 3, 1, 9));
  }
  io::write_file(folder / "broken.mid", "MThd");
  std::filesystem::resize_file(folder / "broken.mid", 4);
  std::ofstream(folder / "song_2.wav") << "RIFF";
  std::filesystem::resize_file(folder / "song_2.wav", std::uintmax_t{9} << 20U);
  const auto page = [&] { return std::string(io::as_text(io::read_file(folder / "report.html"))); };
  Report report;
  report.write(folder, true);
  CHECK(page().find("<body data-refresh=\"5\">") != std::string::npos);
  CHECK(page().find("its first 3 epochs") != std::string::npos);
  report.write(folder);
  const std::string text = page();
  CHECK(text.find("<body>") != std::string::npos);
  CHECK(text.find("alt=\"samples_epoch_1.png: Chains &lt;20&gt;\"") != std::string::npos);
  CHECK(text.find("Play song_1.mid") < text.find("Play real_1.mid"));
  CHECK(text.find("Play real_1.mid") < text.find("Play song_2.mid"));
  CHECK(text.find("left out: ") != std::string::npos);
  CHECK(text.find("src=\"song_2.wav\"") != std::string::npos);
  CHECK(text.find("download=\"song_1.png\"") != std::string::npos);
}

}  // namespace
