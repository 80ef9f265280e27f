// How long `function` takes, for graphs of growing size and for the bundled models.
//   bench_compile_time [LARGEST]
// LARGEST  sizes beyond this are left out; 10000 when it is not given
// Prints one line a graph: the nodes it was given, milliseconds in both modes, and microseconds a
// node in the second.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <string>

#include <damo/damo.hpp>
#include <damo/graph/walk.hpp>
#include <damo/models/denoising_autoencoder.hpp>
#include <damo/models/rbm.hpp>
#include <damo/models/rnn_rbm_graph.hpp>

using namespace damo;

namespace {

/// What `function` takes.
struct Graph {
  Vars inputs;
  Vars outputs;
  Updates updates{};
};

Graph chain(int n) {
  const Var x = vector("x");
  Var y = x;
  for (int i = 0; i < n; ++i) y = tanh(y) * (1.0 + i * 1e-6) + x;
  return {{x}, {sum(y), grad(sum(y), x)}};
}

Graph wide_sum(int n) {
  const Var x = vector("x");
  Var y = exp(x);
  for (int i = 1; i < n; ++i) y = y + exp(x * (0.001 * i));
  return {{x}, {sum(y), grad(sum(y), x)}};
}

Graph perceptron(int n_layers) {
  const Var x = matrix("x");
  Var h = x;
  Vars weights;
  for (int i = 0; i < n_layers; ++i) {
    weights.push_back(shared(Array(float32, {10, 10}), "W"));
    weights.push_back(shared(Array(float32, {10}), "b"));
    h = tanh(dot(h, weights[weights.size() - 2]) + weights.back());
  }
  const Var cost = mean(sqr(h - x));
  const Vars slopes = grad(cost, weights);
  Updates updates;
  for (std::size_t i = 0; i < weights.size(); ++i)
    updates.set(weights[i], weights[i] - 0.1 * slopes[i]);
  return {{x}, {cost}, updates};
}

/// A recurrent network written out step by step.
Graph unrolled(int n_steps) {
  const Var x = tensor3("x");
  const Var U = matrix("U");
  const Var W = matrix("W");
  Var h = dot(x[0], U);
  for (int t = 1; t < n_steps; ++t) h = tanh(dot(x[t], U) + dot(h, W));
  const Vars slopes = grad(sum(h), Vars{U, W});
  return {{x, U, W}, {sum(h), slopes[0], slopes[1]}};
}

/// A Cholesky factor written out element by element, and the gradient of its log-determinant.
Graph cholesky_by_hand(int rows) {
  const auto n = static_cast<std::size_t>(rows);
  const Var a = matrix("a", float64);
  std::vector<Vars> l(n, Vars(n));
  Var cost;
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = j; i < n; ++i) {
      Var rest = a(i, j);
      for (std::size_t k = 0; k < j; ++k) rest = rest - l[i][k] * l[j][k];
      l[i][j] = i == j ? sqrt(rest) : rest / l[j][j];
    }
    cost = cost.defined() ? cost + log(l[j][j]) : log(l[j][j]);
  }
  return {{a}, {cost, grad(cost, a)}};
}

/// Recurrent networks, each reading the states of the one before.
Graph loops(int n_loops) {
  const Var x = matrix("x");
  const Var h0 = vector("h0");
  const Var W = matrix("W");
  Var items = x;
  for (int i = 0; i < n_loops; ++i) {
    auto [states, updates] =
        scan([&](const Var& item, const Var& h) { return sigmoid(item + dot(h, W)); },
             {.sequences = {items}, .outputs_info = {h0}});
    items = states[0];
  }
  const Var cost = -mean(log(items));
  return {{x, h0, W}, {cost, grad(cost, W)}};
}

Graph joins(int n) {
  const Var x = vector("x");
  Var y = x;
  for (int i = 0; i < n; ++i) y = concatenate({y, x}, 0);
  return {{x}, {sum(y), grad(sum(y), x)}};
}

Graph choices(int n) {
  const Var x = scalar("x");
  Var y = x;
  for (int i = 0; i < n; ++i) y = ifelse(x > i * 0.01, sin(y) * x, y + i);
  return {{x}, {y, grad(y, x)}};
}

/// Logarithms of softmax, written out.
Graph logarithms(int n) {
  const Var x = vector("x");
  Var y = x;
  for (int i = 0; i < n; ++i) {
    const Var e = exp(y);
    y = log(e / sum(e)) + x;
  }
  return {{x}, {y}};
}

Graph squares(int n) {
  const Var x = vector("x");
  Var y = x;
  for (int i = 0; i < n; ++i) y = y + y * y;
  return {{x}, {sum(y), grad(sum(y), x)}};
}

Graph layer_norm(int n_layers) {
  const Var x = matrix("x");
  Var h = x;
  Vars inputs{x};
  for (int i = 0; i < n_layers; ++i) {
    const Var centre = h - mean(h, 1, {.keepdims = true});
    inputs.push_back(vector("gain"));
    inputs.push_back(vector("bias"));
    h = centre / sqrt(mean(sqr(centre), 1, {.keepdims = true}) + 1e-5) * inputs[inputs.size() - 2] +
        inputs.back();
  }
  Vars outputs = grad(sum(sqr(h)), Vars(inputs.begin() + 1, inputs.end()));
  outputs.push_back(sum(h));
  return {inputs, outputs};
}

Var nested(int depth, const Var& x, const Var& h0) {
  if (depth == 0) return tanh(h0 * 0.5 + x);
  return scan([&](const Var& h) { return nested(depth - 1, x, h); },
              {.outputs_info = {h0}, .n_steps = 2})
      .outputs[0][-1];
}

Graph loops_inside(int depth) {
  const Var x = vector("x");
  const Var y = sum(nested(depth, x, x));
  return {{x}, {y, grad(y, x)}};
}

Graph rbm(bool persistent) {
  const Var x = matrix("x");
  models::RBM model({.input = x});
  const SharedVar states = shared(Array(float32, {20, 500}), "chain");
  const auto training =
      model.get_cost_updates({.lr = 0.1, .persistent = persistent ? states : SharedVar{}, .k = 15});
  return {{x}, {training.monitor}, training.updates};
}

Graph denoising_autoencoder() {
  models::dA model({.n_visible = 784, .n_hidden = 500});
  const auto training = model.get_cost_updates(0.3, 0.1);
  return {{model.x}, {training.cost}, training.updates};
}

Graph rnn_rbm() {
  const auto model = models::build_rnnrbm(88, 150, 100, RandomStream(1));
  return {{model.v}, {model.cost, model.monitor}, model.updates_train};
}

/// Processor time, which compiling in one thread takes also on a machine that others use: the best
/// of several times.
double milliseconds(const Graph& graph, const Mode& mode) {
  const double per_second = 1000.0 / CLOCKS_PER_SEC;
  double best = 1e18;
  double total = 0;
  for (int run = 0; run < 5 && total < 3000; ++run) {
    const std::clock_t start = std::clock();
    const Function f =
        function(graph.inputs, graph.outputs, {.updates = graph.updates, .mode = mode});
    const double time = static_cast<double>(std::clock() - start) * per_second;
    best = std::min(best, time);
    total += time;
  }
  return best;
}

void report(const std::string& name, const Graph& graph) {
  Vars roots = graph.outputs;
  for (const auto& [target, value] : graph.updates.pairs()) roots.push_back(value);
  const std::size_t nodes = toposort(roots).size();
  const double quick = milliseconds(graph, Mode::fast_compile());
  const double full = milliseconds(graph, Mode::fast());
  fmt::print("{:<28} {:>8} nodes {:>9.1f} ms {:>9.1f} ms {:>7.1f} us a node\n", name, nodes, quick,
             full, 1000 * full / static_cast<double>(nodes));
}

}  // namespace

int main(int argc, char** argv) {
  const int largest = argc > 1 ? std::stoi(argv[1]) : 10000;
  fmt::print("{:<28} {:>8}       {:>12} {:>12}\n", "", "", "fast_compile", "fast");
  report("RBM, CD-15", rbm(false));
  report("RBM, PCD-15", rbm(true));
  report("RNN-RBM", rnn_rbm());
  report("denoising autoencoder", denoising_autoencoder());
  struct Kind {
    const char* name;
    Graph (*make)(int);
    int smallest;
  };
  for (const Kind& kind :
       {Kind{"chain with gradient", chain, 100}, Kind{"wide sum with gradient", wide_sum, 100},
        Kind{"perceptron, layers", perceptron, 30}, Kind{"unrolled network, steps", unrolled, 30},
        Kind{"loops after each other", loops, 3}, Kind{"join of joins with gradient", joins, 104},
        Kind{"choices inside each other", choices, 100},
        Kind{"log(e / sum(e)) + x", logarithms, 30}, Kind{"y + y * y with gradient", squares, 100},
        Kind{"layer norm, layers", layer_norm, 1}}) {
    for (int n = kind.smallest; n <= std::min(largest, 100 * kind.smallest); n *= 10)
      report(fmt::format("{} {}", kind.name, n), kind.make(n));
  }
  for (const int rows : {6, 12, 24, 36})
    report(fmt::format("Cholesky by hand, rows {}", rows), cholesky_by_hand(rows));
  for (const int depth : {2, 4, 6, 8})
    report(fmt::format("loops inside loops {}", depth), loops_inside(depth));
}
