#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/models/initialize.hpp>
#include <damo/models/rnn_rbm.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>

namespace damo::models {
namespace {

const RnnRbmOptions& checked(const RnnRbmOptions& o) {
  const auto [low, high] = o.pitch_range;
  if (low < 0 || low >= high) {
    throw ShapeError(fmt::format("RnnRbm: pitches from {} to {}; the range is empty, at {}", low,
                                 high, to_string(o.site)));
  }
  if (o.n_hidden < 1 || o.n_hidden_recurrent < 1 || !(o.dt > 0)) {
    throw ShapeError(fmt::format(
        "RnnRbm: {} hidden units, {} recurrent ones, frames of {} s; all must be positive, "
        "at {}",
        o.n_hidden, o.n_hidden_recurrent, o.dt, to_string(o.site)));
  }
  if (!(o.dropout >= 0 && o.dropout < 1)) {
    throw ShapeError(
        fmt::format("RnnRbm: dropout {}; it is in [0, 1), at {}", o.dropout, to_string(o.site)));
  }
  const std::int64_t width = high - low;
  if (o.known_frames && (o.known_frames->rank() != 2 || o.known_frames->shape()[0] < 1 ||
                         o.known_frames->shape()[1] != width)) {
    throw ShapeError(fmt::format("RnnRbm: known frames of shape {}; (any, {}) expected, at {}",
                                 to_string(o.known_frames->shape()), width, to_string(o.site)));
  }
  return o;
}

RnnRbmParameters create_parameters(const RnnRbmOptions& o, std::int64_t n_visible) {
  const SiteScope scope(SiteScope::or_else(o.site));
  if (o.numpy_rng != nullptr) {
    return RnnRbmParameters::create(n_visible, o.n_hidden, o.n_hidden_recurrent, *o.numpy_rng,
                                    o.dtype);
  }
  return RnnRbmParameters::create(n_visible, o.n_hidden, o.n_hidden_recurrent, o.seed, o.dtype);
}

}  // namespace

RnnRbm::RnnRbm(const RnnRbmOptions& o)
    : options(checked(o)),
      rng(stream_or({}, o.numpy_rng, o.seed, o.site)),
      parameters(create_parameters(o, n_visible())),
      params(parameters.list()) {
  u0_ = zeros({o.n_hidden_recurrent}, o.dtype);
  if (o.learn_initial_state) {
    params.push_back(zero_parameter(o.n_hidden_recurrent, "u0", o.dtype, o.site));
    u0_ = params.back();
  }
  const Var v = matrix("v", o.dtype);
  const RecurrenceGraph recurrence = build_recurrence(parameters, v, u0_);
  RecurrenceGraph trained = recurrence;
  if (o.dropout > 0) {
    const Var kept = partly_hidden(state_before(v, recurrence.u_t), rng);
    trained.bv_t = parameters.bv_at(kept);
    trained.bh_t = parameters.bh_at(kept);
  }
  const RbmGraph rbm = build_rbm(v, parameters.W, trained.bv_t, trained.bh_t, o.k, rng);
  add_updates(rbm);
  train_ = function({v}, {rbm.monitor, rbm.cost}, {.updates = updates, .name = "train_rnn_rbm"});
  listen_ = function({v}, {recurrence.u_t, recurrence.bv_t, recurrence.bh_t}, {.name = "listen"});

  const Var u = vector("u", o.dtype);
  const Var n_steps = lscalar("n_steps");
  const Var temperature = scalar("temperature", o.dtype);
  GenerationOptions how{.k = o.k_generate, .n_steps = n_steps, .temperature = temperature};
  std::vector<In> inputs{u, n_steps, temperature};
  if (o.known_frames) {
    how.known = constant(o.known_frames->cast(o.dtype), "known_frames");
  } else if (o.chain_from_frame_before) {
    how.v0 = vector("v0", o.dtype);
    inputs.emplace_back(how.v0);
  }
  const GenerationGraph generation = build_generation(parameters, u, rng, how);
  generate_ =
      function(inputs, {generation.v_t}, {.updates = generation.updates, .name = "generate"});
}

// The state before each frame, (time, n_hidden_recurrent).
Var RnnRbm::state_before(const Var& v, const Var& u_t) const {
  const Var all = concatenate({dimshuffle(u0_, {newaxis, 0}), u_t});
  return all[range(0, v.shape(0))];
}

// With dropout, if there is any.
Var RnnRbm::partly_hidden(const Var& u, RandomStream draws) const {
  const double kept = 1 - options.dropout;
  if (kept == 1) return u;
  return u * draws.bernoulli(kept, Sizes(u.shape()), options.dtype) / kept;
}

// The gradient takes the end of the chain as given; the matrices come first in each part.
void RnnRbm::add_updates(const RbmGraph& rbm) {
  const RnnRbmOptions& o = options;
  const Vars wrt(params.begin(), params.end());
  Vars gradients = grad(rbm.cost, wrt, {.consider_constant = {rbm.v_sample}});
  if (o.weight_decay > 0) {
    for (std::size_t i = 0; i < params.size(); ++i) {
      if (params[i].ndim() == 2) gradients[i] = gradients[i] + o.weight_decay * params[i];
    }
  }
  if (o.clip > 0) gradients = clip_by_norm(gradients, o.clip);
  constexpr std::ptrdiff_t rbm_part = 3;  // W, bv, bh
  const auto rate = [&](double lr) { return o.lr_factor ? Arg(*o.lr_factor * lr) : Arg(lr); };
  updates = rbm.updates;
  updates += update(o.rule, {params.begin(), params.begin() + rbm_part},
                    Vars(gradients.begin(), gradients.begin() + rbm_part), rate(o.lr));
  updates += update(o.rule, {params.begin() + rbm_part, params.end()},
                    Vars(gradients.begin() + rbm_part, gradients.end()),
                    rate(o.rnn_lr > 0 ? o.rnn_lr : o.lr));
  if (o.average > 0) averages = average_parameters(params, updates, o.average);
}

EpochReport RnnRbm::train_chunk(const Array& frames) {
  const Outputs out = train_(frames);
  return {.monitor = out.scalar<double>(0), .cost = out.scalar<double>(1)};
}

EpochReport RnnRbm::train(const std::vector<Array>& sequences, const RnnRbmTraining& how) {
  const std::vector<Array> chunks =
      cut_sequences(sequences, how.batch_size, n_visible(), options.dtype);
  if (chunks.empty()) throw ShapeError("RnnRbm::train: there is not a single frame");
  const auto n = static_cast<double>(chunks.size());
  EpochReport last;
  for (std::int64_t epoch = how.first_epoch; epoch < how.num_epochs; ++epoch) {
    EpochReport report{.epoch = epoch};
    for (const std::size_t i : epoch_order(chunks.size(), options.seed, epoch)) {
      if (how.stop_requested && how.stop_requested()) return last;
      const EpochReport chunk = train_chunk(chunks[i]);
      report.monitor += chunk.monitor / n;
      report.cost += chunk.cost / n;
    }
    last = report;
    if (how.on_epoch && !how.on_epoch(report)) break;
  }
  return last;
}

Array RnnRbm::generate(std::int64_t n_steps, const GenerateOptions& how) {
  if (!(how.temperature > 0)) {
    throw ShapeError(
        fmt::format("RnnRbm::generate: temperature {}; it is above 0", how.temperature));
  }
  const std::int64_t width = options.n_hidden_recurrent;
  Array u = evaluate(u0_), v0(options.dtype, {n_visible()});
  if (how.prime && how.prime->elements() > 0) {
    const auto heard =
        cut_sequences({*how.prime}, how.prime->shape()[0], n_visible(), options.dtype);
    const Array states = listen_(heard[0])[0];
    u = evaluate(constant(states)[-1]);
    v0 = evaluate(constant(heard[0])[-1]);
  }
  if (options.chain_from_frame_before && !options.known_frames)
    return generate_(u.reshaped({width}), n_steps, how.temperature, v0)[0];
  return generate_(u.reshaped({width}), n_steps, how.temperature)[0];
}

std::int64_t RnnRbm::steps_of(double seconds) const { return std::lround(seconds / options.dt); }

void RnnRbm::use_averages() {
  if (averages.empty()) throw GraphError("RnnRbm::use_averages: made without options.average");
  for (std::size_t i = 0; i < params.size(); ++i) params[i].set_array(averages[i].value());
}

RnnRbm::Biases RnnRbm::biases(const Array& frames) {
  const Outputs out = listen_(frames.cast(options.dtype));
  return {.bv = out[1], .bh = out[2]};
}

std::vector<Array> cut_sequences(const std::vector<Array>& sequences, std::int64_t frames,
                                 std::int64_t width, DType dtype) {
  if (frames < 1) throw ShapeError(fmt::format("chunks of {} frames; at least 1", frames));
  std::vector<Array> chunks;
  for (const Array& sequence : sequences) {
    if (sequence.rank() != 2 || sequence.shape()[1] != width) {
      throw ShapeError(fmt::format("a sequence of shape {}; (time, {}) expected",
                                   to_string(sequence.shape()), width));
    }
    const Array whole = sequence.cast(dtype);
    for (std::int64_t from = 0; from < whole.shape()[0]; from += frames) {
      const std::int64_t n = std::min(frames, whole.shape()[0] - from);
      Array chunk(dtype, {n, width});
      std::copy_n(whole.raw() + from * width * static_cast<std::int64_t>(item_size(dtype)),
                  chunk.bytes(), chunk.raw());
      chunks.push_back(std::move(chunk));
    }
  }
  return chunks;
}

Array join_sequences(const std::vector<Array>& sequences, std::int64_t width, DType dtype) {
  std::int64_t frames = 0;
  for (const Array& s : sequences) frames += s.rank() == 2 ? s.shape()[0] : 0;
  Array all(dtype, {frames, width});
  std::byte* at = all.raw();
  for (const Array& s : cut_sequences(sequences, std::max<std::int64_t>(frames, 1), width, dtype))
    at = std::copy_n(s.raw(), s.bytes(), at);
  return all;
}

std::vector<std::size_t> epoch_order(std::size_t n, std::uint64_t seed, std::int64_t epoch) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937_64 random(seed * 1000003 + static_cast<std::uint64_t>(epoch));
  for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

}  // namespace damo::models
