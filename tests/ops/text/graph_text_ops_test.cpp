#include <doctest/doctest.h>

#include <cmath>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include <damo/ops/text/graph_text.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

// Ops that hold a function of the program: those that print, check and stop, and graphs with
// derivatives of their own.

namespace {

using Lines = std::vector<std::string>;

/// The graph that comes back from the text of one, having checked that it is the same.
FunctionGraph through_text(const FunctionGraph& graph, const ParseOptions& options = {}) {
  const std::string text = print(graph);
  CAPTURE(text);
  FunctionGraph back = parse(text, options);
  CHECK(back == graph);
  CHECK(graph == back);
  CHECK(print(back) == text);
  back.check();
  return back;
}

Function compiled(const FunctionGraph& graph, const Mode& mode = Mode::fast()) {
  return function(graph.inputs, graph.outputs, {.mode = mode});
}

ParseOptions into(Lines& lines) {
  return {.print_line = [&lines](const std::string& line) { lines.push_back(line); }};
}

/// A Print whose lines go nowhere.
Print silent(const std::string& message, PrintSettings settings = {}) {
  settings.callback = [](const std::string&) {};
  return Print(message, settings);
}

}  // namespace

TEST_CASE("graph text: a Print comes back with message and settings and prints in its order") {
  const Var x = vector("x", float64);
  const Var a = silent("first")(x);
  const Var b = silent("it's {second}", {.attributes = {"shape", "max"}, .edge = 1})(2.0 * x);
  const Var c = silent("first")(x);
  const FunctionGraph graph{{x}, {c + b - a}, {}, ""};
  CHECK(contains(print(graph), "Print{order=0, 'first'}(%"));
  CHECK(
      contains(print(graph), "Print{order=1, 'it\\'s {second}', attributes=(shape, max), edge=1}"));
  Lines lines;
  for (const Mode& mode : {Mode::fast(), Mode::none()}) {
    lines.clear();
    Function f = compiled(through_text(graph, into(lines)), mode);
    CHECK(f(std::vector<double>{1, 2}).array<double>(0) == xt::xarray<double>{2, 4});
    CHECK(lines == Lines{"first: float64 (2,) [1, 2]", "it's {second}: (2,) max=4",
                         "first: float64 (2,) [1, 2]"});
  }
}

TEST_CASE("graph text: graphs differ that print other things or as often or in another order") {
  const Var x = scalar("x", float64);
  const auto graph_of = [&](const Var& y) { return FunctionGraph{{x}, {y}, {}, ""}; };
  const Var ab = silent("b")(silent("a")(x));
  const FunctionGraph graph = graph_of(ab);
  CHECK(graph == graph);
  CHECK(graph == graph_of(silent("b")(silent("a")(x))));
  CHECK_FALSE(graph == graph_of(silent("b")(silent("c")(x))));
  CHECK_FALSE(graph == graph_of(silent("b")(silent("a", {.edge = 1})(x))));
  const Var twice = silent("a")(x) + silent("a")(x), once = silent("a")(x);
  CHECK_FALSE(graph_of(twice) == graph_of(once + once));
  CHECK_FALSE(graph_of(once + once) == graph_of(twice));
  const Var a = silent("p")(x), b = silent("q")(x);
  const Var q = silent("q")(x), p = silent("p")(x);
  CHECK_FALSE(graph_of(a * b) == graph_of(p * q));
  CHECK_FALSE(same_graph(silent("a")(x), silent("a")(x)));  // where merging asks
}

TEST_CASE("graph text: an Assert comes back and checks with its message and line") {
  const Var x = vector("x", float64), n = lscalar("n");
  const Var y = Assert("positive")(sqr(x), x > 0, neq(n, 0));
  const FunctionGraph graph{{x, n}, {y}, {}, ""};
  CHECK(contains(print(graph), "Assert{order=0, 'positive'}("));
  Function f = compiled(through_text(graph));
  CHECK(f(std::vector<double>{1, 2}, 1).array<double>(0) == xt::xarray<double>{1, 4});
  const std::string error = error_of<AssertionError>([&] { f(std::vector<double>{1, -2}, 1); });
  CHECK(contains(error, "Assert: positive\n"));
  CHECK(contains(error, "x > 0"));
  CHECK(contains(error, "first at (1,) of (2,)"));
  CHECK(contains(error, "made at graph_text_ops_test.cpp:"));
}

TEST_CASE("graph text: Print and Assert in loops in loops come back and say the steps") {
  const Var x = scalar("x", float64), n = lscalar("n");
  const auto step = [&](const Var& a) {
    const auto [inner, u] =
        scan([&](const Var& b) { return Assert("below 9")(silent("b")(b + 1.0), b + 1.0 < 9.0); },
             {.outputs_info = {a}, .n_steps = n, .name = "inner"});
    return silent("a")(inner[0][-1]);
  };
  const auto [outer, u] = scan(step, {.outputs_info = {x}, .n_steps = 2, .name = "outer"});
  const Var y = outer[0][-1];
  const FunctionGraph graph{{x, n}, {y, grad(sqr(y), x)}, {}, ""};
  const Lines expected{"b (scan 'outer', step 0, scan 'inner', step 0): float64 () 1",
                       "b (scan 'outer', step 0, scan 'inner', step 1): float64 () 2",
                       "a (scan 'outer', step 0): float64 () 2",
                       "b (scan 'outer', step 1, scan 'inner', step 0): float64 () 3",
                       "b (scan 'outer', step 1, scan 'inner', step 1): float64 () 4",
                       "a (scan 'outer', step 1): float64 () 4"};
  Lines lines;
  Function f = compiled(through_text(graph, into(lines)));
  const Outputs out = f(0, 2);
  CHECK(out.scalar<double>(0) == 4);
  CHECK(out.scalar<double>(1) == 8);
  CHECK(lines == expected);
  CHECK(contains(error_of<AssertionError>([&] { f(6, 2); }), "scan 'inner', step 0"));
  // The same after rewriting.
  lines.clear();
  const FunctionGraph rewritten = compiled(graph).graph();
  Function g = compiled(through_text(rewritten, into(lines)));
  CHECK(g(0, 2).scalar<double>(0) == 4);
  CHECK(lines == expected);
}

TEST_CASE("graph text: a Breakpoint comes back with the callback given by its name") {
  const Var x = scalar("x", float64);
  const auto never = [](const BreakpointEvent&) {
    FAIL_CHECK("the text's own callback is called");
  };
  const Var y = Breakpoint(never, {.name = "big", .condition = x > 3.0})(2.0 * x, x);
  const FunctionGraph graph{{x}, {y}, {}, ""};
  CHECK(contains(print(graph), "Breakpoint{order=0, 'big', values=("));
  std::vector<BreakpointEvent> events;
  const auto stop = [&](const BreakpointEvent& e) { events.push_back(e); };
  Function f = compiled(through_text(graph, {.breakpoints = {{"big", stop}}}));
  CHECK(f(2).scalar<double>(0) == 4);
  CHECK(events.empty());
  CHECK(f(5).scalar<double>(0) == 10);
  REQUIRE(events.size() == 1);
  CHECK(events[0].name == "big");
  CHECK(events[0].names.at(1) == "x");
  CHECK(events[0].values.at(0).item<double>() == 10);
  CHECK(events[0].values.at(1).item<double>() == 5);
  CHECK(contains(to_string(events[0].site), "graph_text_ops_test.cpp:"));
  const std::string error = error_of<GraphError>([&] { parse(print(graph)); });
  CHECK(contains(error, "graph text: line "));
  CHECK(contains(error, "callback in ParseOptions::breakpoints"));
  CHECK(contains(error, "'big'"));
}

TEST_CASE("graph text: a graph as an op comes back with its body") {
  const Var a = dvector("a"), b = dvector("b");
  const SharedVar w = shared(xt::xarray<double>({2, 3}), "w");
  const OpFromGraph inner({a}, {silent("inside")(tanh(a)) * w}, {.name = "it's inner"});
  const OpFromGraph outer({a, b}, {inner(a + b)[0], a - b}, {.name = "outer"});
  const Var x = dvector("x");
  const Vars y = outer(x, 2.0 * x);
  const Var cost = sum(sqr(y[0])) + sum(y[1]);
  const FunctionGraph graph{{x}, {cost, grad(cost, x), grad(cost, w)}, {}, ""};
  const std::string text = print(graph);
  CHECK(contains(text, "op_from_graph{'outer', 2 arguments}("));
  CHECK(contains(text, "op_from_graph{'it\\'s inner', 1 arguments}("));
  Lines lines;
  ParseOptions options = into(lines);
  options.shared = {w};
  const Outputs expected = compiled(graph)(std::vector<double>{0.3, -1});
  const Outputs actual = compiled(through_text(graph, options))(std::vector<double>{0.3, -1});
  for (std::size_t i = 0; i < 3; ++i) test::check_same_bits(actual[i], expected[i]);
  CHECK(lines.size() == 1);
}

TEST_CASE("graph text: derivatives given to a graph come back as graphs") {
  const Var a = dscalar("a"), b = dscalar("b");
  const SharedVar k = shared(Array::scalar(3.0), "k");
  OpFromGraphOptions options{.name = "f"};
  options.gradient = [&](const Vars& in, const Vars& out, const Vars& g) {
    return Vars{Var{}, k * cos(in[0]) * g[1] * out[0]};
  };
  options.push_forward = [](const Vars& in, const Vars& out, const Vars& t) {
    return Vars{t[0] * out[1], t[1] * in[0]};
  };
  const OpFromGraph f({a, b}, {a * b, a + b}, options);
  const Var x = dscalar("x"), y = dscalar("y");
  const FunctionGraph graph{{x, y}, f(x, y), {}, ""};
  const std::string text = print(graph);
  CHECK(contains(text, " gradient 1 {\n"));
  CHECK(contains(text, " push_forward 0, 1 {\n"));
  const FunctionGraph back = through_text(graph, {.shared = {k}});
  const auto derivatives = [](const FunctionGraph& g) {
    const Var& u = g.inputs[0];
    const Var& v = g.inputs[1];
    const Var one = constant(Array::scalar(1.0)), two = constant(Array::scalar(2.0));
    const Var first = grad(g.outputs[1], v);
    Vars all = Rop(g.outputs, {u, v}, {one, two});
    all.insert(all.end(), {first, grad(first, u)});
    return compiled({g.inputs, all, {}, ""})(0.5, 2.0);
  };
  const Outputs values = derivatives(back);
  CHECK(values.scalar<double>(0) == 2.5);                                 // 1 (x + y)
  CHECK(values.scalar<double>(1) == 1.0);                                 // 2 x
  CHECK(values.scalar<double>(2) == doctest::Approx(3 * std::cos(0.5)));  // k cos(x) x y
  // d/dx of k cos(x) out[0]: the gradient that is given leaves out[0] none.
  CHECK(values.scalar<double>(3) == doctest::Approx(-3 * std::sin(0.5)));
  const Outputs original = derivatives(graph);
  for (std::size_t i = 0; i < 4; ++i) test::check_same_bits(values[i], original[i]);
  options.gradient = [&](const Vars& in, const Vars& out, const Vars& g) {
    return Vars{Var{}, k * sin(in[0]) * g[1] * out[0]};
  };
  const OpFromGraph other({a, b}, {a * b, a + b}, options);
  CHECK_FALSE(graph == FunctionGraph{{x, y}, other(x, y), {}, ""});
  const OpFromGraph plain({a, b}, {a * b, a + b}, {.name = "f"});
  CHECK_FALSE(graph == FunctionGraph{{x, y}, plain(x, y), {}, ""});
}

TEST_CASE("graph text: a gradient given in a loop comes back and prints in it") {
  const Var xs = dvector("xs"), w = dscalar("w");
  const auto step = [&](const Var& x, const Var& h) {
    const Var p = h * w;
    return x + with_gradient({p, x}, p * x, [](const Vars& in, const Var&, const Var& g) {
             return Vars{silent("g")(clip(g, -0.5, 0.5)) * in[1], Var{}};
           });
  };
  const Var hs =
      scan(step, {.sequences = {xs}, .outputs_info = {constant(Array::scalar(1.0))}}).outputs[0];
  const FunctionGraph graph{{xs, w}, {hs[-1]}, {}, ""};
  CHECK(contains(print(graph), "    } gradient 0 {\n"));
  Lines lines;
  const FunctionGraph back = through_text(graph, into(lines));
  const auto gradient = [](const FunctionGraph& g) {
    return compiled({g.inputs, {grad(g.outputs[0], g.inputs[1])}, {}, ""})(
        std::vector<double>{3, 4}, 2.0);
  };
  // h0 = 3 + 3 w and p1 = w h0. At p1 the gradient is said to be 4 clip(1) = 2, so 4 reaches h0,
  // and p0 = w gets 3 clip(4).
  const double expected = 2 * (3 + 3 * 2.0) + 0.5 * 3;
  CHECK(gradient(graph).scalar<double>(0) == expected);
  CHECK(gradient(back).scalar<double>(0) == expected);
}

TEST_CASE("graph text: a gradient that reads a variable outside is refused with node and line") {
  const Var x = dvector("x"), other = dvector("other");
  const Var y = with_gradient(
      {x}, round(x), [&](const Vars&, const Var&, const Var& g) { return Vars{g * other}; });
  const std::string error = error_of<GraphError>([&] { print(y); });
  CAPTURE(error);
  CHECK(contains(error, "with_gradient"));
  CHECK(contains(error, "made at graph_text_ops_test.cpp:"));
  CHECK(contains(error, "'other'"));
  CHECK(contains(error, "list it among the inputs"));
  CHECK_NOTHROW(print(with_gradient({x, other}, round(x) + 0.0 * other,
                                    [&](const Vars& in, const Var&, const Var& g) {
                                      return Vars{g * in[1], Var{}};
                                    })));
}

TEST_CASE("op_from_graph: a given gradient follows what its surroundings are replaced by") {
  const Var x = dscalar("x"), w = dscalar("w"), v = dscalar("v");
  const Var y = with_gradient(
      {x}, x * w, [&](const Vars& in, const Var&, const Var& g) { return Vars{g * w * in[0]}; });
  const Var cloned = clone(y, {{w, 2.0 * v}});
  // d/dx of x w is said to be w x, and w has become 2 v.
  Function f = function({x, v}, {grad(cloned, x)});
  CHECK(f(3.0, 5.0).scalar<double>(0) == 30.0);
}

TEST_CASE("graph text: wrong effects and graphs as ops are refused with line and column") {
  const auto refused = [](const std::string& lines, const std::string& message) {
    const std::string text =
        "damo graph 1 {\n  %0 = input : float64 (?)\n" + lines + "\n  outputs %1\n}\n";
    const std::string error = error_of<GraphError>([&] { parse(text); });
    CAPTURE(error);
    CHECK(contains(error, message));
  };
  refused("  %1 = Print{'x'}(%0) : bool ()", "line 3, column 14: expected 'order='");
  refused("  %1 = Print{order=99999, 'x'}(%0) : bool ()", "a place in the order of effects");
  refused("  %1 = Print{order=0, 'x', attributes=(colour)}(%0) : bool ()",
          "column 40: expected an attribute");
  refused("  %1 = Print{order=0, 'x'}(%0, %0) : bool ()", "an op with 2 operands");
  refused("  %1 = Assert{order=0, 'x'}(%0, %0) : bool ()", "bool conditions");
  refused("  %1 = Breakpoint{order=0, 'x', values=('a', 'b')}(%0) : bool ()",
          "an operand for each name");
  const std::string body = " {\n    %2 = input : float64 (?)\n    outputs %2\n  }";
  refused("  %1 = op_from_graph{1 arguments}() : float64 (?)" + body,
          "a number of operands below 1");
  refused("  %1 = op_from_graph{0 arguments}() : float64 (?)" + body, "an input for each operand");
  refused(
      "  %1 = op_from_graph{1 arguments}(%0) : float64 (?)" + body + " gradient 1 {\n outputs\n}",
      "a derivative of the op's inputs");
  refused("  %1 = exp(%0) : float64 (?) gradient {\n outputs\n}", "an op without derivatives");
  const std::string gradient =
      " gradient 1 {\n %3 = input : float64 (?)\n %4 = input : float64 (?)\n"
      " %5 = input : float64 (?)\n outputs %5\n}";
  refused("  %1 = op_from_graph{1 arguments}(%0) : float64 (?)" + body + gradient,
          "numbered upwards, below 1");
}
