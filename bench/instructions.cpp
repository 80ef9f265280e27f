// Short runs of key programs, for counting their instructions: `instruction_counts` does so.
//   bench_instructions          prints the programs' names
//   bench_instructions PROGRAM  runs it with AVX2 at most, which valgrind knows, on one thread, and
//                               prints the instruction set; what counts is in `bench_measured`
#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <damo/damo.hpp>
#include <damo/ops/kernels/machine/isa.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include "lstm.hpp"

using namespace damo;

using Run = std::function<void()>;

extern "C" __attribute__((noinline)) void bench_measured(const Run& run) { run(); }

namespace {

/// Images, a fifth of whose pixels are on.
Array images(std::int64_t n) { return evaluate(RandomStream(1).bernoulli(0.19, {n, 784})); }

Updates descent(const Var& cost, const std::vector<SharedVar>& params) {
  return models::sgd(params, grad(cost, Vars(params.begin(), params.end())), {.lr = 0.01});
}

/// A call of `f` with `given`, after two that make buffers and state.
Run called(Function f, const Array& given) {
  const auto call = [f = std::make_shared<Function>(std::move(f)), given] { (*f)(given); };
  call();
  call();
  return call;
}

Function rbm_function(std::int64_t batch, bool persistent, int k) {
  const Var x = matrix("x");
  models::RBM rbm({.input = x});
  const SharedVar chain = shared(Array(float32, {batch, rbm.n_hidden}), "chain");
  const auto training =
      rbm.get_cost_updates({.lr = 0.1, .persistent = persistent ? chain : SharedVar{}, .k = k});
  return function({x}, {training.monitor}, {.updates = training.updates});
}

Run pcd15() { return called(rbm_function(20, true, 15), images(20)); }
Run cd1() { return called(rbm_function(20, false, 1), images(20)); }
Run compile_rbm() {
  return [] { rbm_function(20, true, 15); };
}

Run da() {
  const Var x = matrix("x");
  models::dA model({.input = x, .n_visible = 784, .n_hidden = 500});
  const auto training = model.get_cost_updates(0.3, 0.1);
  return called(function({x}, {training.cost}, {.updates = training.updates}), images(20));
}

Run mlp() {
  const Var x = matrix("x");
  const SharedVar W = models::normal_parameter({784, 500}, 0.05, 1, "W"),
                  b = models::zero_parameter({500}, "b"),
                  V = models::zero_parameter({500, 10}, "V"), c = models::zero_parameter({10}, "c");
  const Var log_p = log_softmax(dot(tanh(dot(x, W) + b), V) + c, 1);
  const Var cost = -mean(log_p(all(), 3));
  return called(function({x}, {cost}, {.updates = descent(cost, {W, b, V, c})}), images(20));
}

Run lstm() {
  const Var x = tensor3("x");
  const bench::Lstm net(x, 128);
  return called(function({x}, {net.cost}, {.updates = descent(net.cost, {net.W, net.U, net.b})}),
                evaluate(RandomStream(1).normal({20, 16, 128})));
}

Run rnn_rbm(bool generates) {
  const auto model = std::make_shared<models::RnnRbm>();
  const Array frames = evaluate(RandomStream(1).bernoulli(0.04, {50, 88}));
  const auto call = [model, frames, generates] {
    generates ? static_cast<void>(model->generate(20))
              : static_cast<void>(model->train_chunk(frames));
  };
  call();
  return call;
}

const std::map<std::string, std::function<Run()>> programs{
    {"rbm_pcd15_b20", pcd15},
    {"rbm_cd1_b20", cd1},
    {"rbm_compile", compile_rbm},
    {"da_b20", da},
    {"rnnrbm_train_50", [] { return rnn_rbm(false); }},
    {"rnnrbm_gen_20", [] { return rnn_rbm(true); }},
    {"lstm_20_b16", lstm},
    {"mlp_b20", mlp}};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    for (const auto& [name, make] : programs) fmt::print("{}\n", name);
    return 0;
  }
  const auto at = programs.find(argv[1]);
  if (at == programs.end()) {
    fmt::print(stderr, "bench_instructions: no program '{}'\n", argv[1]);
    return 2;
  }
  set_num_threads(1);
  set_isa(Isa::avx2);
  const Run run = at->second();
  bench_measured(run);
  fmt::print("{}\n", name(isa()));
  return 0;
}
