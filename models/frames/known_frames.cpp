#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <string>

#include <damo/graph/evaluate.hpp>
#include <damo/graph/variables.hpp>
#include <damo/models/annealed_importance.hpp>
#include <damo/models/binary_rbm.hpp>
#include <damo/models/frames/known_frames.hpp>
#include <damo/models/rnn_rbm.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/order/sort.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>

namespace damo::models {
namespace {

constexpr double minus_infinity = -std::numeric_limits<double>::infinity();

/// Which frames are known, by a number for each: the sum of random whole weights of its units.
class Names {
 public:
  explicit Names(const Array& known) {
    const std::int64_t width = known.shape()[1];
    int bits = 52;  // sums are exact in float64
    for (std::int64_t n = 1; n < width; n *= 2) --bits;
    Array weights(DType::float64, {width});
    std::mt19937_64 random(1);
    for (std::int64_t i = 0; i < width; ++i)
      weights.data<double>()[i] = static_cast<double>(random() >> (64 - bits));
    weights_ = constant(weights, "names_of_units");
    sorted_ = constant(evaluate(sort(of(constant(known)))), "names_of_known");
  }
  Var of(const Var& frames) const { return dot(cast(frames, float64), weights_); }
  Var have(const Var& names) const {
    const Var at = minimum(searchsorted(sorted_, names), sorted_.shape(0) - 1);
    return eq(sorted_[at], names);
  }

 private:
  Var weights_, sorted_;
};

Var column(const Var& x) { return dimshuffle(x, {0, newaxis}); }

/// -F of each known frame under each RBM, (m, n).
Var known_mass(const Var& known, const Var& known_hidden, const Var& bv, const Var& bh) {
  const Var hidden = dimshuffle(known_hidden, {0, newaxis, 1}) + dimshuffle(bh, {newaxis, 0, 1});
  return cast(dot(known, bv.T()), float64) + cast(sum(softplus(hidden), 2), float64);
}

/// The known frames of each RBM, its own one being the last, and without mass where it is among the
/// others.
class Known {
 public:
  explicit Known(const KnownFrames& f)
      : frames_(f), known_(constant(f.known.cast(f.W.dtype()), "known")), names_(f.known) {
    const Var own = cast(sum(f.own * f.bv, 1), float64) +
                    cast(sum(softplus(dot(f.own, f.W) + f.bh), 1), float64);
    const Var others = known_mass(known_, dot(known_, f.W), f.bv, f.bh);
    const Var twice = names_.have(names_.of(f.own));
    const Var own_once = where(twice, minus_infinity, own);
    mass_ = concatenate({others, dimshuffle(own_once, {newaxis, 0})});
  }
  Var log_sum() const { return logsumexp(mass_, 0); }
  /// So many frames for each RBM, drawn by mass: (count * n, n_visible).
  Var draw(const Var& count, RandomStream& rng) const {
    const Var p = tile(softmax(mass_, 0).T(), {count, 1});
    const Var number = rng.categorical(p), m = known_.shape(0);
    const Var others = known_[minimum(number, m - 1)];
    return where(column(eq(number, m)), tile(frames_.own, {count, 1}), others);
  }
  /// Whether frames (copies * n, n_visible) are of their RBMs' known ones.
  Var have(const Var& v, const Var& copies) const {
    const Var names = names_.of(v);
    return or_(names_.have(names), eq(names, tile(names_.of(frames_.own), {copies})));
  }

 private:
  KnownFrames frames_;
  Var known_;
  Names names_;
  Var mass_;
};

/// 1 and the features of each row, (rows, 1 + any).
Var counts_of(const Var& v, const Var& own, const KnownLogZOptions& how) {
  const Var one = column(ones_like(v(all(), 0), float64));
  return how.features ? concatenate({one, cast(how.features(v, own), float64)}, 1) : one;
}

struct Ways {
  Var sums;   ///< of 1 and the features, from the start on, until a known frame; (rows, 1 + any)
  Var still;  ///< whether it has not come to one; (rows,)
};

/// Gibbs chains of those that are `away`, until they come to a known frame.
Ways go_on(const KnownFrames& f, const Known& known, const Var& copies, const Var& start,
           const Var& away, const KnownLogZOptions& how, RandomStream& rng) {
  const BinaryRbm rbm(f.W, tile(f.bv, {copies, 1}), tile(f.bh, {copies, 1}));
  const Var own = tile(f.own, {copies, 1});
  const ScanResult ways = scan(
      [&](const Var& v, const Var& out, const Var& sums) {
        const Var next = cast(rbm.visible(rbm.hidden(v).sample(rng)).sample(rng), f.W.dtype());
        const Var still = and_(out, not_(known.have(next, copies)));
        const Var more = where(column(still), counts_of(next, own, how), 0.0);
        return until(Vars{next, still, sums + more}, not_(any(still)));
      },
      {.outputs_info = {start, away, counts_of(start, own, how)},
       .max_steps = how.steps - 1,
       .name = "until_known"});
  return {ways.outputs[2][-1], ways.outputs[1][-1]};
}

}  // namespace

Array distinct_frames(const std::vector<Array>& sequences, std::int64_t width, std::int64_t most) {
  struct Seen {
    std::int64_t count = 0, first = 0;
  };
  std::map<std::string, Seen> seen;
  std::int64_t number = 0;
  for (const Array& sequence :
       cut_sequences(sequences, std::int64_t{1} << 40, width, DType::uint8)) {
    const auto* at = reinterpret_cast<const char*>(sequence.raw());
    for (std::int64_t t = 0; t < sequence.shape()[0]; ++t, at += width) {
      Seen& frame = seen[std::string(at, static_cast<std::size_t>(width))];
      if (frame.count++ == 0) frame.first = number;
      ++number;
    }
  }
  std::vector<std::pair<const std::string*, Seen>> order;
  for (const auto& [frame, how] : seen) order.emplace_back(&frame, how);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.second.count != b.second.count ? a.second.count > b.second.count
                                            : a.second.first < b.second.first;
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(std::max<std::int64_t>(most, 0))));
  Array frames(DType::uint8, {static_cast<std::int64_t>(order.size()), width});
  auto* to = reinterpret_cast<char*>(frames.raw());
  for (const auto& [frame, how] : order) to = std::copy(frame->begin(), frame->end(), to);
  return frames;
}

KnownLogZ build_known_log_z(const KnownFrames& f, const KnownLogZOptions& how, RandomStream rng) {
  const Var runs = how.runs.var(int64), runs64 = cast(runs, float64);
  const Var n = f.bv.shape(0), width = f.bv.shape(1);
  const AisGraph ais = build_ais(f.W, f.bv, f.bh, how.base_bias, how.betas, runs, rng);
  const Known known(f);
  const Var log_known = known.log_sum();

  // Chains that start at known frames, and after them those from where annealing ended.
  const Var ends = reshape(ais.v_sample, {runs * n, width});
  const Var starts = known.draw(runs, rng);
  const Var away = concatenate({ones({runs * n}, boolean), not_(known.have(ends, runs))});
  const Ways ways = go_on(f, known, 2 * runs, concatenate({starts, ends}), away, how, rng);

  const Var sums = reshape(ways.sums[range(0, runs * n)], {runs, n, ways.sums.shape(1)});
  const Var times = sums(all(), all(), 0), mean_time = mean(times, 0);
  const Var log_near = log_known + log(mean_time);
  const Var is_far = reshape(ways.still[from(runs * n)], {runs, n});
  const Var far_weights =
      where(is_far, ais.log_weights + ais.log_base_z - log(runs64), minus_infinity);
  const Var any_far = any(is_far, 0);
  const Var log_far = where(any_far, logsumexp(far_weights, 0), minus_infinity);

  KnownLogZ z;
  z.log_z = logaddexp(log_near, log_far);
  z.effective_runs = ais.effective_runs;
  z.far = exp(log_far - z.log_z);
  const Var near = 1 - z.far;
  const Var of_times =
      sum(sqr(times - mean_time), 0) / (runs64 * maximum(runs64 - 1, 1)) / sqr(mean_time);
  const Var far_runs = exp(2 * log_far - logsumexp(2 * far_weights, 0));
  const Var of_far = where(any_far, maximum(1 / far_runs - 1 / runs64, 0), 0.0);
  z.standard_error = sqrt(sqr(near) * of_times + sqr(z.far) * of_far);
  // (runs, n, any), of which each far end has its weight.
  const auto features = [&](const Var& x) { return x(all(), all(), from(1)); };
  const Var at_ends = features(
      reshape(counts_of(ends, tile(f.own, {runs, 1}), how), {runs, n, ways.sums.shape(1)}));
  const Var weight = exp(far_weights - dimshuffle(z.log_z, {newaxis, 0}));
  z.expected = column(exp(log_known - z.log_z)) * mean(features(sums), 0) +
               sum(dimshuffle(weight, {0, 1, newaxis}) * at_ends, 0);
  return z;
}

Var draw_known(const Var& known, const Var& known_hidden, const Var& bv, const Var& bh,
               RandomStream rng) {
  const auto row = [](const Var& x) { return dimshuffle(x, {newaxis, 0}); };
  const Var mass = known_mass(known, known_hidden, row(bv), row(bh));
  return known[rng.categorical(softmax(mass(all(), 0), 0))];
}

}  // namespace damo::models
