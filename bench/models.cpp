// Training and sampling beside bench/peers: what bench_rbm_update has not.
//   bench_models WORKLOAD [CALLS] [DATA] [RULE]
// WORKLOAD  da_b20, rnnrbm_train, rnnrbm_gen, rbm_sample, mlp_b20, logistic_b600, lstm_b64
// DATA      a folder with mnist and jsb in it; data when it is not given
// RULE      a rule, pass or tag to leave out (not of the RNN-RBM)
// Prints one JSON line with the median time of a call, then where the time goes.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include <damo/damo.hpp>
#include <damo/io.hpp>
#include "lstm.hpp"
#include "report.hpp"

using namespace damo;

namespace {

std::string left_out;

FunctionOptions without_what_is_left_out(FunctionOptions options) {
  if (!left_out.empty()) options.mode = options.mode.excluding(left_out);
  return options;
}

/// What is timed: a function, and how its i-th call is made.
struct Workload {
  Workload(const EntryList<In>& inputs, const Var& output, FunctionOptions options,
           std::function<double(Function&, int)> how, int n)
      : start(bench::seconds_now()),
        function(damo::function(inputs, {output}, without_what_is_left_out(std::move(options)))),
        compile_ms(1e3 * (bench::seconds_now() - start)),
        call(std::move(how)),
        calls(n) {}
  double start;
  Function function;
  double compile_ms;
  std::function<double(Function&, int)> call;
  int calls;
};

io::Dataset digits(const std::string& data) {
  return io::load_dataset((std::filesystem::path(data) / "mnist").string());
}

/// A cost in x (and y) trained by plain gradients on batches of digits.
Workload trained(const std::string& data, std::int64_t batch, const Var& x, const Var& y,
                 const Var& cost, Updates updates) {
  const io::Dataset set = digits(data);
  const SharedVar images = shared(set.train, "images"), classes = shared(set.train_labels, "y");
  const Var i = lscalar("i");
  const auto rows = range(i * batch, (i + 1) * batch);
  std::vector<std::pair<Var, Var>> givens{{x, images[rows]}};
  if (y.defined()) givens.emplace_back(y, classes[rows]);
  const std::int64_t batches = set.train.shape()[0] / batch;
  return {{i},
          cost,
          {.updates = updates, .givens = givens},
          [batches](Function& f, int n) { return f(n % batches).scalar<double>(0); },
          300};
}

Updates descent(const Var& cost, const std::vector<SharedVar>& params, double lr) {
  const Vars g = grad(cost, Vars(params.begin(), params.end()));
  return models::sgd(params, g, {.lr = lr});
}

Workload da(const std::string& data) {
  const Var x = matrix("x");
  models::dA model({.input = x, .n_visible = 784, .n_hidden = 500});
  const auto training = model.get_cost_updates(0.3, 0.1);
  return trained(data, 20, x, {}, training.cost, training.updates);
}

Var log_loss(const Var& z, const Var& y) { return -mean(log_softmax(z, 1)(arange(y.shape(0)), y)); }

Workload logistic(const std::string& data) {
  const Var x = matrix("x"), y = lvector("y");
  const SharedVar W = models::zero_parameter({784, 10}, "W"), b = models::zero_parameter({10}, "b");
  const Var cost = log_loss(dot(x, W) + b, y);
  return trained(data, 600, x, y, cost, descent(cost, {W, b}, 0.13));
}

Workload mlp(const std::string& data) {
  const Var x = matrix("x"), y = lvector("y");
  const SharedVar W = models::normal_parameter({784, 500}, 0.05, 1, "W"),
                  b = models::zero_parameter({500}, "b"),
                  V = models::zero_parameter({500, 10}, "V"), c = models::zero_parameter({10}, "c");
  const Var cost =
      log_loss(dot(tanh(dot(x, W) + b), V) + c, y) + 1e-4 * (sum(sqr(W)) + sum(sqr(V)));
  return trained(data, 20, x, y, cost, descent(cost, {W, b, V, c}, 0.01));
}

Workload sampling(const std::string& data) {
  const Array test = digits(data).test;
  models::RBM rbm({});
  const SharedVar chain = shared(evaluate(constant(test)[range(0, 20)]), "chain");
  auto [outs, updates] =
      scan([&](Var v) { return rbm.gibbs_vhv(v); },
           {.outputs_info = {none, none, none, none, none, chain}, .n_steps = 1000});
  updates[chain] = outs[5][-1];
  return {{},
          outs[4][-1],
          {.updates = updates},
          [](Function& f, int) { return f().size() > 0 ? 0.0 : 1.0; },
          10};
}

Workload lstm(const std::string&) {
  const Var x = tensor3("x");
  const bench::Lstm net(x, 256);
  const Array given = evaluate(RandomStream(1).normal({100, 64, 256}));
  return {{x},
          net.cost,
          {.updates = descent(net.cost, {net.W, net.U, net.b}, 0.01)},
          [given](Function& f, int) { return f(given).scalar<double>(0); },
          10};
}

int time_rnn_rbm(const std::string& name, const std::string& data, int calls) {
  const double start = bench::seconds_now();
  models::RnnRbm model;
  const double compile_ms = 1e3 * (bench::seconds_now() - start);
  if (name == "rnnrbm_gen") {
    bench::report(name, compile_ms, calls > 0 ? calls : 20, 3,
                  [&](int) { return static_cast<double>(model.generate(200).elements()) * 0; });
    return 0;
  }
  const auto set = io::load_sequences(
      (std::filesystem::path(data) / "jsb" / "jsb-chorales-quarter.json").string());
  // One roll cut into chunks of 100 frames, as the peers'.
  const Array roll = models::join_sequences(set.train, 88, float32);
  const auto chunks = models::cut_sequences({roll}, 100, 88, float32);
  bench::report(name, compile_ms, calls > 0 ? calls : 300, 30, [&](int i) {
    return model.train_chunk(chunks[static_cast<std::size_t>(i) % (chunks.size() - 1)]).monitor;
  });
  model.train_function().set_profiling(true);
  for (int i = 0; i < 100; ++i) model.train_chunk(chunks[static_cast<std::size_t>(i)]);
  fmt::print("{}", model.train_function().profile());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "", data = argc > 3 ? argv[3] : "data";
  const int calls = argc > 2 ? std::atoi(argv[2]) : 0;
  left_out = argc > 4 ? argv[4] : "";
  if (std::getenv("DAMO_NUM_THREADS") == nullptr) set_num_threads(1);
  if (name == "rnnrbm_train" || name == "rnnrbm_gen") return time_rnn_rbm(name, data, calls);
  const std::map<std::string, Workload (*)(const std::string&)> workloads{
      {"da_b20", da},
      {"logistic_b600", logistic},
      {"mlp_b20", mlp},
      {"lstm_b64", lstm},
      {"rbm_sample", sampling}};
  const auto at = workloads.find(name);
  if (at == workloads.end()) {
    fmt::print(stderr, "usage: bench_models WORKLOAD [CALLS] [DATA]\n");
    return 2;
  }
  Workload w = at->second(data);
  const int n = calls > 0 ? calls : w.calls;
  bench::report(name, w.compile_ms, n, n / 10 + 1, [&](int i) { return w.call(w.function, i); });
  w.function.set_profiling(true);
  for (int i = 0; i < n; ++i) w.call(w.function, i);
  fmt::print("{}", w.function.profile());
  return 0;
}
