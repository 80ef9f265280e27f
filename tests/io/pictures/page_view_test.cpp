#include <doctest/doctest.h>
#include <fmt/format.h>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/pictures/html_page.hpp>
#include "tests/support/browser.hpp"
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::test;

namespace {

/// All that a page can hold.
void write_full_page(const TemporaryFolder& folder) {
  io::write_png(folder / "p_1.png", io::Picture(600, 30, 3, 200));
  io::write_png(folder / "p_2.png", io::Picture(600, 30, 3, 100));
  io::write_file(folder / "song.mid", "MThd");
  io::HtmlPage page("A run with a rather long name: some_program on data/of/its/own/somewhere");
  page.paragraph("build/release/examples/some_program --data data/of/its/own/somewhere --epochs 3");
  page.heading("Settings");
  page.table(io::Record().set("seed", 7).set("command", std::string(80, 'x')));
  std::vector<io::Series> curves;
  for (int i = 0; i < 5; ++i) {
    const std::string label = "curve " + std::to_string(i);
    curves.push_back({label, {0, 1, 2}, {1.0 + i, 2.0 - i, 3.0 * i}});
  }
  page.curves(curves,
              {.title = "cost", .x_label = "epoch", .y_label = "cost", .caption = "In nats."});
  page.pictures("Filters", {folder / "p_1.png", folder / "p_2.png"});
  io::Tune tune{"a.mid", {}};
  tune.midi.notes.resize(2);
  tune.midi.notes[0].pitch = 60, tune.midi.notes[0].off = 1;
  tune.midi.notes[1].pitch = 72, tune.midi.notes[1].on = 1, tune.midi.notes[1].off = 9;
  page.tunes("Music", {tune});
  page.sorted_table({"run", "a long column", "another long column", "and one more"},
                    {{"b", "10.5", "1", "2"}, {"a", "9", "3", std::string(40, '9')}});
  page.download(folder / "song.mid");
  page.folded_text("Profile", std::string(300, '-'));
  page.write(folder / "page.html");
}

// Contrast as WCAG 2 has it: of each text with what is behind it, and of curves, notes and cursor.
constexpr const char* look_at_page = R"(
  const numbers = color => color.match(/[\d.]+/g).map(Number);
  const light = color => {
    const [r, g, b] = numbers(color).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
  const behind = e => {
    for (; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor, parts = numbers(color);
      if (parts.length === 3 || parts[3] === 1) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  let texts = 0, shapes = 0;
  const bad = [];
  const judge = (what, color, e, least) => {
    const found = contrast(color, behind(e));
    if (found < least) bad.push(what + ' ' + color + ' on ' + behind(e) + ' ' + found.toFixed(2));
  };
  document.querySelectorAll('details').forEach(details => { details.open = true; });
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement, text = walk.currentNode.textContent.trim();
    if (!text || e.closest('script, title') || !e.getClientRects().length) continue;
    ++texts;
    judge(text.slice(0, 20), e.closest('svg') ? getComputedStyle(e).fill : getComputedStyle(e).color, e, 4.5);
  }
  document.querySelectorAll('svg polyline, svg .cursor, svg .notes').forEach(e => {
    ++shapes;
    judge(e.outerHTML.slice(0, 20), getComputedStyle(e)[e.matches('.notes') ? 'fill' : 'stroke'], e, 3);
  });
  tell([innerWidth, document.documentElement.scrollWidth <= innerWidth ? 'fits' : 'wide',
        texts > 30, shapes >= 7, light(behind(document.body)) < .1 ? 'dark' : 'light', ...bad].join(' '));)";

TEST_CASE(
    "html page: on desktop and phone, light and dark, all is legible and nothing sticks out") {
  const TemporaryFolder folder;
  write_full_page(folder);
  for (const bool dark : {false, true}) {
    for (const int width : {320, 375, 1200}) {
      const BrowserPage shown =
          browse_and_run(folder / "page.html", look_at_page, {.width = width, .dark = dark});
      CHECK(shown.errors == "");
      CHECK(body_attribute(shown.dom, "data-answer") ==
            fmt::format("{} fits true true {}", width, dark ? "dark" : "light"));
    }
  }
}

}  // namespace
