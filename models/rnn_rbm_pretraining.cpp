#include <algorithm>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/models/annealed_importance.hpp>
#include <damo/models/binary_rbm.hpp>
#include <damo/models/initialize.hpp>
#include <damo/models/rnn_rbm.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>

namespace damo::models {
namespace {

// Streams of their own, so that training draws the same numbers with and without pretraining.
constexpr std::uint64_t rbm_streams = 0x52424d, rnn_streams = 0x524e4e;

// `count` rows of a matrix, from `from` on in that order, beginning again at its end.
Array rows(const Array& matrix, const std::vector<std::size_t>& order, std::size_t from,
           std::size_t count) {
  const std::int64_t width = matrix.shape()[1];
  Array chosen(matrix.dtype(), {static_cast<std::int64_t>(count), width});
  const std::size_t bytes = chosen.bytes() / std::max<std::size_t>(count, 1);
  for (std::size_t i = 0; i < count; ++i)
    std::copy_n(matrix.raw() + order[(from + i) % order.size()] * bytes, bytes,
                chosen.raw() + i * bytes);
  return chosen;
}

/// One step of PCD on frames, with running averages of the parameters.
struct FrameTraining {
  Function step;
  std::vector<SharedVar> averages;
};

FrameTraining frame_training(const std::vector<SharedVar>& params, const SharedVar& chain,
                             const RbmPretraining& how, std::int64_t steps, RandomStream rng) {
  const Var& W = params[0];
  const Var& bv = params[1];
  const Var& bh = params[2];
  const RbmGraph model = build_rbm(chain, W, bv, bh, how.k, std::move(rng));
  const BinaryRbm rbm(W, bv, bh);
  const Var v = matrix("v", W.dtype());
  const Var cost = mean(rbm.free_energy(v)) - mean(rbm.free_energy(model.v_sample));
  Updates updates = model.updates;
  const Var lr = cast(linear_schedule(how.lr, 0, steps, updates), W.dtype());
  updates +=
      adam(params, grad(cost, {W, bv, bh}, {.consider_constant = {model.v_sample}}), {.lr = lr});
  std::vector<SharedVar> averages = average_parameters(params, updates, how.average);
  updates[chain] = model.v_sample;
  return {function({v}, {cost}, {.updates = updates, .name = "pretrain_rbm"}), std::move(averages)};
}

// Normal numbers of variance 1 / n_in, which keeps the size of what passes through.
void spread(const SharedVar& matrix, std::uint64_t seed) {
  const auto n_in = static_cast<double>(matrix.value().shape()[0]);
  const SharedVar normal =
      normal_parameter(matrix.value().shape(), 1 / std::sqrt(n_in), seed, "", matrix.dtype());
  matrix.set_array(normal.value());
}

}  // namespace

void RnnRbm::pretrain_rbm(const std::vector<Array>& sequences, const RbmPretraining& how) {
  const Array frames = join_sequences(sequences, n_visible(), options.dtype);
  const auto n = static_cast<std::size_t>(frames.shape()[0]);
  const auto batch = std::min(n, static_cast<std::size_t>(how.batch));
  if (batch == 0) throw ShapeError("RnnRbm::pretrain_rbm: there is not a single frame");
  const std::size_t batches = n / batch;
  parameters.bv.set_array(evaluate(log_odds(constant(frames))));
  const std::vector<std::size_t> start = epoch_order(n, options.seed, -1);
  const SharedVar chain =
      shared(rows(frames, start, 0, static_cast<std::size_t>(how.chains)), "chain");
  const std::vector<SharedVar> trained{parameters.W, parameters.bv, parameters.bh};
  FrameTraining training =
      frame_training(trained, chain, how, how.epochs * static_cast<std::int64_t>(batches),
                     RandomStream(options.seed ^ rbm_streams));
  for (std::int64_t epoch = 0; epoch < how.epochs; ++epoch) {
    const std::vector<std::size_t> order = epoch_order(n, options.seed, epoch);
    double total = 0;
    for (std::size_t i = 0; i < batches; ++i)
      total += training.step(rows(frames, order, i * batch, batch)).scalar<double>(0);
    if (how.on_epoch && !how.on_epoch(epoch, total / static_cast<double>(batches))) break;
  }
  for (std::size_t i = 0; i < trained.size(); ++i)
    trained[i].set_array(training.averages[i].value());
}

void RnnRbm::pretrain_rnn(const std::vector<Array>& sequences, const RnnPretraining& how) {
  const std::vector<Array> chunks =
      cut_sequences(sequences, how.batch_size, n_visible(), options.dtype);
  if (chunks.empty()) throw ShapeError("RnnRbm::pretrain_rnn: there is not a single frame");
  spread(parameters.Wvu, options.seed ^ rnn_streams);
  spread(parameters.Wuu, (options.seed ^ rnn_streams) + 1);
  const Array frames = join_sequences(sequences, n_visible(), options.dtype);
  const SharedVar out =
      zero_parameter({options.n_hidden_recurrent, n_visible()}, "out", options.dtype);
  const SharedVar bias = shared(evaluate(log_odds(constant(frames))), "bias of out");

  const Var v = matrix("v", options.dtype);
  const Var u = state_before(v, build_recurrence(parameters, v, u0_).u_t);
  const Var p =
      sigmoid(dot(partly_hidden(u, RandomStream(options.seed ^ rnn_streams)), out) + bias);
  const Var cost = -sum(v * log(p) + (1 - v) * log(1 - p)) / v.shape(0);
  std::vector<SharedVar> trained{parameters.Wvu, parameters.Wuu, parameters.bu, out, bias};
  if (options.learn_initial_state) trained.push_back(params.back());
  Vars gradients = grad(cost, Vars(trained.begin(), trained.end()));
  if (how.clip > 0) gradients = clip_by_norm(gradients, how.clip);
  Function train = function(
      {v}, {cost}, {.updates = adam(trained, gradients, {.lr = how.lr}), .name = "pretrain_rnn"});

  for (std::int64_t epoch = 0; epoch < how.epochs; ++epoch) {
    double total = 0;
    for (const std::size_t i : epoch_order(chunks.size(), options.seed, epoch))
      total += train(chunks[i]).scalar<double>(0);
    if (how.on_epoch && !how.on_epoch(epoch, total / static_cast<double>(chunks.size()))) break;
  }
}

}  // namespace damo::models
