#include <doctest/doctest.h>

#include <cmath>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/pictures/html_page.hpp>
#include "tests/support/browser.hpp"
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::test;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// A script that leaves a value where the dumped document shows it.
std::string answer(const std::string& expression) {
  return "document.body.dataset.answer = " + expression + ";";
}

}  // namespace

TEST_CASE("base64: the test vectors of RFC 4648") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) CHECK(io::base64(io::as_bytes(plain)) == coded);
}

TEST_CASE("svg plot: a point lies where the axes say and gaps part lines") {
  const std::string svg = io::svg_plot(
      {{"a", {0, 1, 2, 3, 4}, {0, 10, NAN, 5, 10}}},
      {.title = "a < b", .x_label = "epoch", .y_label = "", .width = 492, .height = 188});
  // The plot's area is 400 x 100 at (76, 42).
  CHECK(count(svg, "points=\"76.0,142.0 176.0,42.0\"") == 1);
  CHECK(count(svg, "points=\"376.0,92.0 476.0,42.0\"") == 1);
  CHECK(count(svg, "<circle") == 4);
  CHECK(count(svg, "a &lt; b") == 2);
}

TEST_CASE("html page: shows in a browser what was put in") {
  const TemporaryFolder folder;
  for (int i = 0; i < 3; ++i) {
    const io::Picture picture(40 + i, 30, 3, 200);
    io::write_png(folder / ("p_" + std::to_string(i) + ".png"), picture);
  }
  io::write_file(folder / "song.mid", "MThd");
  io::HtmlPage page("Run <1> & more");
  page.heading("Settings");
  page.table(io::Record().set("seed", 7).set("name", "a<b>&\"c\""));
  page.curves({{"x", {0, 1}, {1, 2}}}, {.title = "t", .y_label = "t"});
  page.pictures("filters", {folder / "p_0.png", folder / "p_1.png", folder / "p_2.png"});
  page.download(folder / "song.mid");
  page.folded_text("profile", "1 < 2\n  3");
  page.folded_page("inner", "<html><body data-inner=\"\xc3\xa4\">in</body></html>");
  page.write(folder / "page.html");

  const BrowserPage shown = browse_and_run(folder / "page.html", answer(R"(JSON.stringify([
    document.title, document.querySelector('dd').textContent,
    document.querySelectorAll('dd')[1].textContent,
    [...document.images].map(i => [i.naturalWidth, i.hidden]),
    document.querySelector('output').textContent, document.querySelector('pre').textContent,
    atob(document.querySelector('a').href.split(',')[1])]))"));
  CHECK(shown.errors == "");
  CHECK(body_attribute(shown.dom, "data-ready") == "yes");
  CHECK(body_attribute(shown.dom, "data-error") == "");
  const std::string seen = body_attribute(shown.dom, "data-answer");
  CAPTURE(seen);
  CHECK(
      seen ==
      R"([&quot;Run &lt;1&gt; &amp; more&quot;,&quot;7&quot;,&quot;a&lt;b&gt;&amp;\&quot;c\&quot;&quot;,)"
      R"([[40,true],[41,true],[42,false]],&quot;p_2.png&quot;,&quot;1 &lt; 2\n  3&quot;,&quot;MThd&quot;])");

  const BrowserPage slid =
      browse_and_run(folder / "page.html", R"(
    const slider = document.querySelector('input'); slider.value = 0; slider.oninput();)" +
                                               answer("[...document.images].map(i => i.hidden)"));
  CHECK(body_attribute(slid.dom, "data-answer") == "false,true,true");

  const BrowserPage opened = browse_and_run(
      folder / "page.html", R"(
    const details = document.querySelector('details[data-page]'); details.open = true;
    setTimeout(() => { const inner = details.querySelector('iframe').contentDocument.body;)" +
                                answer("inner.dataset.inner + inner.textContent") + "}, 1000);");
  CHECK(body_attribute(opened.dom, "data-answer") == "\xc3\xa4in");
}
