#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include <damo/optim/language/rule.hpp>

// The program that docs/debugging.md walks through; what it shows is compared with what happens.
using namespace damo;

namespace {

const std::string document = [] {
  std::ifstream file(std::string(DAMO_SOURCE_DIR) + "/docs/debugging.md");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}();

/// Checks that the document shows each line of `text`, lines of the program aside.
void check_shown(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    // File names, and lines, are those of another program.
    const std::string shown = line.substr(0, line.find("made at"));
    CAPTURE(line);
    CHECK(document.find(shown) != std::string::npos);
  }
}

struct Loop {
  Var x = vector("x", float64);
  Var cost;
  template <class Step>
  explicit Loop(const Step& step) {
    const auto [outs, updates] = scan(step, {.outputs_info = {x}, .n_steps = 4, .name = "iterate"});
    cost = sum(outs[0][-1]);
  }
};

}  // namespace

TEST_CASE("debugging document: printing in a loop") {
  std::ostringstream out;
  const auto step = [&](const Var& h) {
    const Var root = Print("root", {.stream = &out})(sqrt(h));
    return root - 0.5;
  };
  const Loop loop(step);
  Function f = function({loop.x}, {loop.cost});
  f(std::vector<double>{4, 9});
  check_shown(out.str());
}

TEST_CASE("debugging document: finding a NaN") {
  const auto step = [](const Var& h) { return sqrt(h) - 0.5; };
  const Loop loop(step);
  Function f = function({loop.x}, {loop.cost}, {.name = "train", .mode = Mode::guard()});
  try {
    f(std::vector<double>{0.3, 9});
    FAIL_CHECK("nothing was thrown");
  } catch (const NumericError& e) {
    check_shown(e.what());
  }
}

TEST_CASE("debugging document: asserting and stopping") {
  const Var p = matrix("p", float64);
  const Var q = Assert("rows sum to 1")(p, abs(sum(p, 1) - 1) < 1e-6);
  Function f = function({p}, {log(q)});
  try {
    f(xt::xarray<double>{{0.5, 0.5}, {0.75, 0.5}});
    FAIL_CHECK("nothing was thrown");
  } catch (const AssertionError& e) {
    check_shown(e.what());
  }
  const auto stop = [](const BreakpointEvent& e) {
    if (e.values[0].item<double>() > 1e6)
      throw std::runtime_error(e.names[0] + " runs away, " + to_string(e.loops));
  };
  const Var x = scalar("x", float64);
  const auto [h, updates] = scan([&](const Var& h) { return Breakpoint(stop)(h * h, h); },
                                 {.outputs_info = {x}, .n_steps = 9, .name = "square"});
  Function g = function({x}, {h[0][-1]});
  CHECK_THROWS_WITH(g(3.0), "x[t-1] * x[t-1] runs away, scan 'square', step 3");
}

TEST_CASE("debugging document: checking rewrites") {
  const Var a = optim::any("a");
  const optim::Rule wrong = optim::rule("root_of_square", sqrt(sqr(a)), a).canonicalizes();
  const Var x = vector("x", float64);
  Function f = function({x}, {sqrt(sqr(x))}, {.mode = Mode::debug().with_rule(wrong)});
  try {
    f(std::vector<double>{1, -2, 0.5});
    FAIL_CHECK("nothing was thrown");
  } catch (const InternalError& e) {
    check_shown(e.what());
  }
}
