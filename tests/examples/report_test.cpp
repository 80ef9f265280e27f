#include <doctest/doctest.h>

#include <damo/damo.hpp>
#include <damo/io/formats/csv.hpp>
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

}  // namespace
