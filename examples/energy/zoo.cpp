// Models given by their energies, and nothing else: the lines to copy are those that begin with
// `E`.
#include "examples/energy/zoo.hpp"

namespace damo::examples {

using namespace energy;

namespace {

// Random parameters, each of a seed of its own.
class Parameters {
 public:
  explicit Parameters(DType dtype) : dtype_(dtype) {}
  SharedVar operator()(const char* name, const Sizes& size, double scale = 0.5) {
    return models::normal_parameter(size, scale, seed_++, name, dtype_);
  }

 private:
  DType dtype_;
  std::uint64_t seed_ = 1;
};

ZooModel binary(DType t) {
  Parameters p(t);
  const SharedVar W = p("W", {4, 3}), b = p("b", 4), c = p("c", 3);
  const Unit v = bernoulli("v", 4, t), h = bernoulli("h", 3, t);
  const Var E = -dot(v, b) - dot(h, c) - sum(dot(v, W) * h, 1);
  return {"rbm",
          "restricted Boltzmann machine (Smolensky 1986)",
          {E, {.visible = {v}, .hidden = {h}, .params = {W, b, c}}}};
}

ZooModel spins(DType t) {
  Parameters p(t);
  const SharedVar W = p("W", {4, 3}), b = p("b", 4);
  const Unit v = spin("v", 4, t), h = spin("h", 3, t);
  const Var E = -dot(v, b) - sum(dot(v, W) * h, 1);
  return {
      "spin_rbm", "the same with -1 and 1", {E, {.visible = {v}, .hidden = {h}, .params = {W, b}}}};
}

ZooModel gaussian_binary(DType t) {
  Parameters p(t);
  const SharedVar W = p("W", {3, 3}), b = p("b", 3), c = p("c", 3), z = p("z", 3, 0.3);
  const Unit v = gaussian("v", 3, t), h = bernoulli("h", 3, t);
  const Var precision = exp(-z);
  const Var E = sum(sqr(v - b) * precision, 1) / 2 - dot(h, c) - sum(dot(v * precision, W) * h, 1);
  return {"gaussian_rbm",
          "real data, the log variances z learnt (Cho et al. 2011)",
          {E, {.visible = {v}, .hidden = {h}, .params = {W, b, c, z}}}};
}

ZooModel potts(DType t) {
  Parameters p(t);
  const SharedVar W = p("W", {2, 3, 3}), b = p("b", {2, 3});
  const Unit v = categorical("v", 2, 3, t), h = bernoulli("h", 3, t);
  const Var E = -sum(v * b, {1, 2}) - sum(tensordot(v, W, 2) * h, 1);
  return {"potts_rbm",
          "classes as data (Salakhutdinov, Mnih and Hinton 2007)",
          {E, {.visible = {v}, .hidden = {h}, .params = {W, b}}}};
}

ZooModel replicated_softmax(DType t) {
  Parameters p(t);
  const SharedVar W = p("W", {3, 2}), b = p("b", 3), c = p("c", 2);
  const Unit v = counts("v", 3, 4, t), h = bernoulli("h", 2, t);
  const Var E = -dot(v, b) - sum(v, 1) * dot(h, c) - sum(dot(v, W) * h, 1);
  return {"replicated_softmax",
          "counts of words (Salakhutdinov and Hinton 2009)",
          {E, {.visible = {v}, .hidden = {h}, .params = {W, b, c}}}};
}

ZooModel class_rbm(DType t) {
  Parameters p(t);
  const SharedVar W = p("W", {3, 3}), U = p("U", {1, 2, 3}), b = p("b", 3), d = p("d", {1, 2});
  const Unit x = bernoulli("x", 3, t), y = categorical("y", 1, 2, t), h = bernoulli("h", 3, t);
  const Var E = -dot(x, b) - sum(y * d, {1, 2}) - sum((dot(x, W) + tensordot(y, U, 2)) * h, 1);
  return {"class_rbm",
          "data and their class (Larochelle and Bengio 2008)",
          {E, {.visible = {x, y}, .hidden = {h}, .params = {W, U, b, d}}}};
}

ZooModel conditional_rbm(DType t) {
  Parameters p(t);
  const SharedVar W = p("W", {3, 2}), A = p("A", {2, 3}), B = p("B", {2, 2});
  const Unit v = bernoulli("v", 3, t), h = bernoulli("h", 2, t);
  const Var past = input({t, {unknown, 2}}, "past");
  const Var E = -sum(v * dot(past, A), 1) - sum(h * dot(past, B), 1) - sum(dot(v, W) * h, 1);
  return {"conditional_rbm",
          "biases set by the past (Taylor et al. 2007; Sutskever et al. 2009)",
          {E, {.visible = {v}, .hidden = {h}, .params = {W, A, B}}},
          {{past, Array::from(std::vector<double>{0.5, -1}, Shape{1, 2}).cast(t)}}};
}

ZooModel deep(DType t) {
  Parameters p(t);
  const SharedVar W = p("W", {3, 3}), U = p("U", {3, 2}), b = p("b", 3);
  const Unit v = bernoulli("v", 3, t), h = bernoulli("h", 3, t), g = bernoulli("g", 2, t);
  const Var E = -dot(v, b) - sum(dot(v, W) * h, 1) - sum(dot(h, U) * g, 1);
  return {"deep_boltzmann_machine",
          "two hidden layers (Salakhutdinov and Hinton 2009)",
          {E, {.visible = {v}, .hidden = {h, g}, .params = {W, U, b}}}};
}

ZooModel semi_restricted(DType t) {
  Parameters p(t);
  const SharedVar W = p("W", {4, 2}), L = p("L", {4, 4});
  const Unit v = bernoulli("v", 4, t), h = bernoulli("h", 2, t);
  const Var E = -sum(dot(v, triu(L, 1)) * v, 1) - sum(dot(v, W) * h, 1);
  return {"semi_restricted",
          "visible sites that interact (Osindero and Hinton 2008)",
          {E, {.visible = {v}, .hidden = {h}, .params = {W, L}, .blocks = colored()}}};
}

ZooModel mean_covariance(DType t) {
  Parameters p(t);
  const SharedVar C = p("C", {3, 4}), W = p("W", {3, 2}), b = p("b", 3);
  const Unit v = gaussian("v", 3, t), h = bernoulli("h", 4, t), m = bernoulli("m", 2, t);
  const Var E =
      sum(sqr(dot(v, C)) * h, 1) / 2 + sum(sqr(v), 1) / 2 - dot(v, b) - sum(dot(v, W) * m, 1);
  return {"mean_covariance",
          "hidden units that set the covariance (Ranzato and Hinton 2010)",
          {E, {.visible = {v}, .hidden = {h, m}, .params = {C, W, b}}}};
}

ZooModel spike_and_slab(DType t) {
  Parameters p(t);
  const SharedVar W = p("W", {3, 3}), c = p("c", 3);
  const Unit v = gaussian("v", 3, t), h = bernoulli("h", 3, t), s = gaussian("s", 3, t);
  const Var E = sum(sqr(v), 1) + sum(sqr(s), 1) - dot(h, c) - sum(dot(v, W) * s * h, 1) / 2;
  return {"spike_and_slab",
          "each hidden unit with a strength (Courville et al. 2011)",
          {E, {.visible = {v}, .hidden = {h, s}, .params = {W, c}}}};
}

ZooModel factored(DType t) {
  Parameters p(t);
  const SharedVar X = p("X", {3, 3}), Y = p("Y", {3, 3}), H = p("H", {2, 3});
  const Unit x = bernoulli("x", 3, t), y = bernoulli("y", 3, t), h = bernoulli("h", 2, t);
  const Var E = -sum(dot(x, X) * dot(y, Y) * dot(h, H), 1);
  return {"factored",
          "three-way couplings through factors (Memisevic and Hinton 2010)",
          {E, {.visible = {x, y}, .hidden = {h}, .params = {X, Y, H}}}};
}

ZooModel ising(DType t) {
  const Unit s = spin("s", 9, t);
  const SharedVar J = shared(Array::scalar(0.4).cast(t), "J");
  const Var grid = reshape(s, {-1, 3, 3});
  const Var E =
      -J * (sum(grid(all(), range(0, 2)) * grid(all(), range(1, 3)), {1, 2}) +
            sum(grid(all(), all(), range(0, 2)) * grid(all(), all(), range(1, 3)), {1, 2}));
  return {"ising",
          "neighbours on a square (Ising 1925)",
          {E, {.visible = {s}, .params = {J}, .blocks = colored()}}};
}

ZooModel hopfield(DType t) {
  const Unit s = spin("s", 6, t);
  const Array patterns =
      Array::from(std::vector<double>{1, 1, 1, -1, -1, -1, 1, -1, 1, -1, 1, -1}, Shape{2, 6})
          .cast(t);
  const Var overlap = dot(s, constant(patterns).T());
  const Var E = -sum(sqr(overlap), 1) / 12;
  return {"hopfield",
          "patterns as minima (Hopfield 1982)",
          {E, {.visible = {s}, .blocks = one_site_at_a_time()}}};
}

ZooModel binomials(DType t) {
  Parameters p(t);
  const SharedVar W = p("W", {3, 3}), b = p("b", 3);
  const Unit v = binomial("v", 3, 3, t), h = bernoulli("h", 3, t);
  const Var E = -dot(v, b) - sum(dot(v, W) * h, 1);
  return {"binomial_rbm",
          "sites that count replicas (Teh and Hinton 2001)",
          {E, {.visible = {v}, .hidden = {h}, .params = {W, b}}}};
}

ZooModel rectified(DType t) {
  Parameters p(t);
  const SharedVar W = p("W", {3, 1}), b = p("b", 3);
  const Unit v = bernoulli("v", 3, t), h = relu("h", 1, t);
  const Var E = -dot(v, b) + sum(sqr(h), 1) - sum(dot(v, W) * h, 1);
  return {"rectified",
          "hidden units x >= 0 (Nair and Hinton 2010)",
          {E, {.visible = {v}, .hidden = {h}, .params = {W, b}}}};
}

ZooModel graded(DType t) {
  Parameters p(t);
  const SharedVar W = p("W", {1, 4}), b = p("b", 1);
  const Unit v = truncated_exponential("v", 1, t), h = bernoulli("h", 4, t);
  const Var E = -dot(v, b) - sum(dot(v, W) * h, 1);
  return {"graded",
          "gray levels in [0, 1] (Bengio et al. 2007)",
          {E, {.visible = {v}, .hidden = {h}, .params = {W, b}}}};
}

}  // namespace

std::vector<ZooModel> zoo(DType t) {
  return {binary(t),          spins(t), gaussian_binary(t), potts(t),    replicated_softmax(t),
          class_rbm(t),       deep(t),  conditional_rbm(t), factored(t), semi_restricted(t),
          mean_covariance(t), ising(t), spike_and_slab(t),  hopfield(t), binomials(t),
          rectified(t),       graded(t)};
}

}  // namespace damo::examples
