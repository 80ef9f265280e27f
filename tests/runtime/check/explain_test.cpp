#include <doctest/doctest.h>

#include <fmt/format.h>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include "tests/support/browser.hpp"
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::test;

namespace {

Function train_rbm() {
  const Var x = matrix("x"), index = lscalar("index");
  const SharedVar data = shared(Array(float32, {40, 12}), "data");
  models::RBM rbm({.input = x, .n_visible = 12, .n_hidden = 7});
  const SharedVar chain = shared(Array(float32, {10, 7}), "chain");
  auto [cost, updates] = rbm.get_cost_updates({.lr = 0.1, .persistent = chain, .k = 15});
  return function({index}, {cost},
                  {.updates = updates,
                   .givens = {{x, data(range(index * 10, (index + 1) * 10))}},
                   .name = "train <rbm> </script>"});
}

BrowserPage checked(const BrowserPage& page) {
  CHECK(page.errors == "");
  CHECK(body_attribute(page.dom, "data-error") == "");
  CHECK(body_attribute(page.dom, "data-ready") == "yes");
  return page;
}

bool contains(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CAPTURE(part);
  const bool found = text.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

/// The page's text of an expression.
std::string as_html(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
  return out;
}

}  // namespace

TEST_CASE("explain: the page shows each applied rule and goes forward and back") {
  const TemporaryFolder folder;
  const Function f = train_rbm();
  const std::filesystem::path path = folder / "explain.html";
  explain_html(f, path);
  CHECK(folder.entries() == 1);
  CHECK(std::filesystem::file_size(path) < 4'000'000);
  const auto& applied = f.rewrites().applied();
  REQUIRE(applied.size() > 10);

  const BrowserPage first = checked(browse(path));
  CHECK(text_of_element(first.dom, "title") == "The life of 'train &lt;rbm&gt; &lt;/script&gt;'");
  contains(text_of_element(first.dom, "summary"), fmt::format("{} rules applied", applied.size()));
  contains(text_of_element(first.dom, "position"), fmt::format("1 / {}", applied.size()));

  const std::size_t last = applied.size() - 1;
  const BrowserPage end = checked(browse(path, fmt::format("step={}", last)));
  contains(text_of_element(end.dom, "main"), fmt::format("step {0} of {0}", applied.size()));
  CHECK(text_of_element(end.dom, "gone") == as_html(pprint(applied[last].before, 5)));
  CHECK(text_of_element(end.dom, "fresh") == as_html(pprint(applied[last].after, 5)));

  const BrowserPage moved = checked(browse_and_run(path, R"(
    const click = id => document.getElementById(id).click();
    click('next'); click('next'); click('next'); click('back');)"));
  CHECK(body_attribute(moved.dom, "data-at") == "2");
  contains(text_of_element(moved.dom, "main"), fmt::format("step 3 of {}", applied.size()));
  contains(text_of_element(moved.dom, "main"), applied[2].rule);
}

TEST_CASE("explain: steps are filtered by rule and by the loop they happened in") {
  const TemporaryFolder folder;
  const Function f = train_rbm();
  explain_html(f, folder / "explain.html");
  const std::string rule = f.rewrites().applied().front().rule;
  const BrowserPage by_rule = checked(browse_and_run(
      folder / "explain.html",
      fmt::format("const rules = document.getElementById('rules'); rules.value = '{}'; "
                  "rules.onchange();",
                  rule)));
  contains(text_of_element(by_rule.dom, "position"), fmt::format("/ {}", f.rewrites().count(rule)));
  std::string loop;
  std::size_t inside = 0;
  for (const auto& a : f.rewrites().applied()) {
    if (loop.empty()) loop = a.loop;
    if (!loop.empty() && a.loop == loop) ++inside;
  }
  REQUIRE(inside > 0);
  const BrowserPage by_loop = checked(browse_and_run(
      folder / "explain.html",
      fmt::format("const words = document.getElementById('words'); words.value = '{}'; "
                  "words.oninput();",
                  loop)));
  contains(text_of_element(by_loop.dom, "main"), "in " + loop);
}

TEST_CASE("explain: graphs are shown as asked and after each pass and as they run") {
  const TemporaryFolder folder;
  const Function f = train_rbm();
  explain_html(f, folder / "explain.html");
  const auto count = [](const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
      ++n;
    return n;
  };
  const std::string asked =
      text_of_element(checked(browse(folder / "explain.html", "asked")).dom, "graph");
  contains(asked, "scan{");
  CHECK(count(asked, "update ") == f.asked().updates.size());
  const std::string runs =
      text_of_element(checked(browse(folder / "explain.html", "result")).dom, "graph");
  CHECK(count(runs, "update ") == f.graph().updates.size());
  contains(runs, "binary_dot");
  CHECK(asked.find("binary_dot") == std::string::npos);
  const std::size_t passes = f.rewrites().passes().size();
  const std::string after = text_of_element(
      checked(browse(folder / "explain.html", fmt::format("pass={}", passes - 1))).dom, "graph");
  CHECK(count(after, "update ") == count(runs, "update "));
}

TEST_CASE("explain: a function without rewrites has a page too") {
  const TemporaryFolder folder;
  const Var x = scalar("x");
  explain_html(function({x}, {exp(x)}, {.mode = Mode::none()}), folder / "explain.html");
  contains(text_of_element(checked(browse(folder / "explain.html")).dom, "graph"), "exp(%0)");
  CHECK_THROWS_AS(explain_html(function({x}, {exp(x)}), folder / "no" / "explain.html"), IoError);
}
