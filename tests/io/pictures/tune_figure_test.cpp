#include <doctest/doctest.h>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/pictures/html_page.hpp>
#include "tests/support/browser.hpp"
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::test;

namespace {

io::MidiNote note(int pitch, double on, double off, int channel = 0) {
  io::MidiNote n;
  n.pitch = pitch, n.velocity = 100, n.channel = channel, n.on = on, n.off = off;
  return n;
}

io::Tune tune(const std::string& name, std::vector<io::MidiNote> notes) {
  io::Tune t{name, {}};
  t.midi.notes = std::move(notes);
  return t;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("tune figure: rolls are at one scale, notes where their times and pitches say") {
  // Pitches 60 to 71 are 12 rows of 5 below 6; 440 / 4 units a second after 34.
  const std::string html = io::tune_figure(
      {tune("a.mid", {note(60, 0, 1), note(71, 1, 4)}), tune("<b>.mid", {note(65, 0, 2)})});
  CHECK(has(html, "d=\"M34.0 61h110.0v4h-110.0zM144.0 6h330.0v4h-330.0z\""));
  CHECK(has(html, "d=\"M34.0 36h220.0v4h-220.0z\""));
  CHECK(has(html, "aria-label=\"Piano-roll of a.mid: 2 notes in 4 s, from C4 to B4\""));
  CHECK(has(html, "Play &lt;b&gt;.mid"));
  CHECK_FALSE(has(html, "<b>"));
}

TEST_CASE("tune figure: drums, silence, endless notes and very many notes make figures too") {
  CHECK(has(io::tune_figure({tune("d.mid", {note(40, 0, 1, io::drum_channel)})}), "silence"));
  CHECK(has(io::tune_figure({tune("e.mid", {})}), "silence"));
  CHECK(io::tune_figure({}).find("figure") == std::string::npos);
  const std::string endless = io::tune_figure({tune("l.mid", {note(60, 0, 1e300)})});
  CHECK(endless.size() < 5000);
  CHECK(has(endless, "1 notes in 10800 s"));
  std::vector<io::MidiNote> many;
  for (int i = 0; i < 30000; ++i) many.push_back(note(60 + i % 12, i * 0.1, i * 0.1 + 0.1));
  const std::string html = io::tune_figure({tune("m.mid", many)});
  CHECK(has(html, "its first 20000 notes"));
  CHECK(html.size() < 2'000'000);
}

TEST_CASE("tune figure: in a browser it plays its notes, moves a line, stops, fits a phone") {
  const TemporaryFolder folder;
  io::HtmlPage page("Music");
  page.tunes("Two tunes",
             {tune("a.mid", {note(69, 0, 1), note(81, 1, 6)}), tune("b.mid", {note(60, 0, 3)})});
  page.sorted_table({"run", "cost"}, {{"b", "10.5"}, {"a", "9"}, {"c", ""}});
  page.write(folder / "page.html");
  const BrowserPage shown = browse_and_run(folder / "page.html", R"(
    const [a, b] = document.querySelectorAll('figure[data-tune]'), said = [];
    const button = figure => figure.querySelector('button'), cursor = figure => figure.querySelector('.cursor');
    // What the notes sound like: zero crossings in half a second of A4 count its 440 Hz.
    const context = new OfflineAudioContext(1, 44100, 44100);
    sound(context, 0, [69, 0, 1, 127], context.destination);
    context.startRendering().then(buffer => {
      const heard = buffer.getChannelData(0).slice(4410, 26460);
      let crossings = 0;
      for (let i = 1; i < heard.length; ++i) if (heard[i - 1] < 0 && heard[i] >= 0) ++crossings;
      said.push(crossings >= 218 && crossings <= 222 ? '440 Hz' : crossings + ' crossings');
      said.push(Math.max(...heard) > .02 ? 'loud' : 'silent');
    }).catch(error => said.push(String(error))).then(() => {
      button(a).click();
      said.push(button(a).textContent, cursor(a).getAttribute('visibility'));
      const first = +cursor(a).getAttribute('x1');
      setTimeout(() => {
        said.push(+cursor(a).getAttribute('x1') > first ? 'moves' : 'stands');
        button(b).click();
        said.push(button(a).textContent, cursor(a).getAttribute('visibility'), button(b).textContent);
        button(b).click();
        said.push(button(b).textContent);
        const run = () => [...document.querySelectorAll('tbody td:first-child')].map(cell => cell.textContent).join('');
        const heads = document.querySelectorAll('th button');
        heads[1].click(); said.push(run());
        heads[1].click(); said.push(run());
        heads[0].click(); said.push(run());
        document.body.style.width = '340px';
        said.push(document.querySelector('.tunes').scrollWidth <= 341 ? 'fits' : 'wide');
        document.body.dataset.answer = said.join(' ');
      }, 1000);
    });)");
  CHECK(shown.errors == "");
  CHECK(body_attribute(shown.dom, "data-error") == "");
  CHECK(body_attribute(shown.dom, "data-answer") ==
        "440 Hz loud Stop visible moves Play hidden Stop Play abc bac abc fits");
}

TEST_CASE("html page: a live page is read again, but not while its reader looks into something") {
  const TemporaryFolder folder;
  io::HtmlPage page("Live");
  page.refresh(2);
  page.folded_text("profile", "text");
  page.write(folder / "page.html");
  const BrowserPage page_shown = browse_and_run(folder / "page.html", R"(
    let times = 0;
    reread = () => { ++times; };
    const details = document.querySelector('details');
    setTimeout(() => {
      const before = times;
      details.open = true;
      setTimeout(() => {
        const opened = times;
        details.open = false;
        setTimeout(() => { document.body.dataset.answer = [before, opened, times].join(' '); }, 4500);
      }, 5000);
    }, 5000);)");
  CHECK(page_shown.errors == "");
  CHECK(body_attribute(page_shown.dom, "data-answer") == "2 2 4");
}

TEST_CASE("html page: a sound that stays beside the page is linked as the page sees it") {
  const TemporaryFolder folder;
  io::create_folder(folder / "a run");
  io::write_file(folder / "a run/song 1.wav", "RIFF");
  io::HtmlPage page("Music");
  page.sound_beside(folder / "a run/song 1.wav", folder.path());
  CHECK(has(page.html(), "src=\"a%20run/song%201.wav\""));
  CHECK(has(page.html(), "too large to be inside"));
}

}  // namespace
