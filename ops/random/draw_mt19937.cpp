#include <algorithm>

#include <damo/ops/kernels/random/numpy_samplers.hpp>
#include <damo/ops/random/draw_parameters.hpp>

// Draws from MT19937: one element after the other, as NumPy's legacy RandomState makes them.
namespace damo {
namespace {

using detail::Numbers;
using detail::numbers;
using detail::Room;
using Distribution = Draw::Distribution;

/// NumPy asks that probabilities add up to 1 within the square root of their dtype's precision.
void check_sum(std::span<const double> p, DType dtype, std::int64_t row) {
  const double total = detail::checked_total(p, row);
  const double tolerance = dtype == DType::float32 ? 3.5e-4 : 1.5e-8;
  if (std::abs(total - 1) > tolerance) {
    throw NumericError(fmt::format("the probabilities of row {} add up to {}, not 1", row, total));
  }
}

/// The samplers of one draw, writing to `out` in order.
class NumpyDraw {
 public:
  NumpyDraw(Mt19937& g, TensorsIn parameters, const Tensor& out, Room& room)
      : g_(g), parameters_(parameters), out_(out), room_(room) {}

  void run(Distribution distribution) {
    switch (distribution) {
      case Distribution::uniform:
        return each([&](std::int64_t) { return g_.uniform(); });
      case Distribution::normal:
        return each([&](std::int64_t) { return g_.normal(); });
      case Distribution::gumbel:
        return each([&](std::int64_t) { return numpy_gumbel(g_); });
      case Distribution::exponential:
        return each([&](std::int64_t) { return numpy_exponential(g_); });
      case Distribution::laplace:
        return each([&](std::int64_t) { return numpy_laplace(g_); });
      case Distribution::logistic:
        return each([&](std::int64_t) { return numpy_logistic(g_); });
      case Distribution::bernoulli:
        return bernoulli();
      case Distribution::binomial:
        return binomial();
      case Distribution::poisson:
        return poisson();
      case Distribution::gamma:
        return gamma();
      case Distribution::beta:
        return beta();
      case Distribution::randint:
        return randint();
      case Distribution::multinomial:
        return multinomial();
      case Distribution::categorical:
        return categorical();
      case Distribution::permutation:
        return permutation();
      case Distribution::truncated_normal:
        return;  // no NumPy stream has it
      case Distribution::choice:
      case Distribution::choice_without_replacement:
        return choice(distribution == Distribution::choice);
    }
  }

 private:
  template <class F>
  void each(F&& next) {
    dispatch(out_.dtype, [&](auto zero) {
      using T = decltype(zero);
      T* to = out_.as<T>();
      const std::int64_t n = out_.elements();
      for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<T>(next(i));
    });
  }

  void bernoulli() {
    const Numbers<double> p = parameter<double>(0);
    each([&](std::int64_t i) {
      if (!(p[i] >= 0) || !(p[i] <= 1)) refuse(Distribution::bernoulli, i, {p[i]});
      return numpy_bernoulli(g_, p[i]);
    });
  }

  void binomial() {
    const Numbers<std::int64_t> n = parameter<std::int64_t>(0);
    const Numbers<double> p = parameter<double>(1);
    each([&](std::int64_t i) {
      if (n[i] < 0 || !(p[i] >= 0) || !(p[i] <= 1))
        refuse(Distribution::binomial, i, {static_cast<double>(n[i]), p[i]});
      return numpy_binomial(g_, n[i], p[i]);
    });
  }

  void poisson() {
    const Numbers<double> rate = parameter<double>(0);
    each([&](std::int64_t i) {
      if (!(rate[i] >= 0) || rate[i] > 9.2e18) refuse(Distribution::poisson, i, {rate[i]});
      return numpy_poisson(g_, rate[i]);
    });
  }

  void gamma() {
    const Numbers<double> shape = parameter<double>(0);
    each([&](std::int64_t i) {
      if (!(shape[i] >= 0) || std::isinf(shape[i])) refuse(Distribution::gamma, i, {shape[i]});
      return numpy_gamma(g_, shape[i]);
    });
  }

  void beta() {
    const Numbers<double> a = parameter<double>(0);
    const Numbers<double> b = parameter<double>(1);
    each([&](std::int64_t i) {
      if (!(a[i] > 0) || !(b[i] > 0)) refuse(Distribution::beta, i, {a[i], b[i]});
      return numpy_beta(g_, a[i], b[i]);
    });
  }

  void randint() {
    const Numbers<std::int64_t> low = parameter<std::int64_t>(0);
    const Numbers<std::int64_t> high = parameter<std::int64_t>(1);
    each([&](std::int64_t i) {
      if (high[i] <= low[i])
        refuse(Distribution::randint, i,
               {static_cast<double>(low[i]), static_cast<double>(high[i])});
      const auto first = static_cast<std::uint64_t>(low[i]);
      return static_cast<std::int64_t>(first +
                                       g_.integer(static_cast<std::uint64_t>(high[i]) - first - 1));
    });
  }

  void multinomial() {
    const Numbers<std::int64_t> n = parameter<std::int64_t>(0);
    const Numbers<double> p = parameter<double>(1);
    const std::int64_t classes = out_.shape.back();
    const std::span<double> counts = room_.take<double>(classes);
    dispatch(out_.dtype, [&](auto zero) {
      using T = decltype(zero);
      for (std::int64_t first = 0; first < out_.elements(); first += classes) {
        if (n[first] < 0) refuse(Distribution::multinomial, first, {static_cast<double>(n[first])});
        check_sum(p.row(first, classes), parameters_[1]->dtype, first / classes);
        numpy_multinomial(g_, n[first], p.row(first, classes), counts.data());
        std::transform(counts.begin(), counts.end(), out_.as<T>() + first,
                       [](double c) { return static_cast<T>(c); });
      }
    });
  }

  /// What is chosen when one thing is: the class of a multinomial draw of one trial.
  void categorical() {
    const std::span<double> p = detail::packed<double>(*parameters_[0], room_);
    const auto classes = static_cast<std::size_t>(parameters_[0]->shape.back());
    const std::span<double> counts = room_.take<double>(parameters_[0]->shape.back());
    each([&](std::int64_t i) {
      const auto mine = p.subspan(static_cast<std::size_t>(i) * classes, classes);
      check_sum(mine, parameters_[0]->dtype, i);
      numpy_multinomial(g_, 1, mine, counts.data());
      return std::find(counts.begin(), counts.end(), 1) - counts.begin();
    });
  }

  void choice(bool replace) {
    const Tensor& from = *parameters_[0];
    if (from.rank() == 0) return distinct_rows(from.first<std::int64_t>());
    const std::span<double> p = detail::packed<double>(from, room_);
    check_sum(p, from.dtype, 0);
    const std::span<double> sums = room_.take<double>(from.elements());
    if (replace) return numpy_choice(g_, p, sums, chosen());
    const auto positive = from.elements() - std::count(p.begin(), p.end(), 0.0);
    detail::check_enough(out_.elements(), positive, " with a positive probability");
    numpy_choice_without_replacement(g_, p, sums, chosen());
  }

  void permutation() { numpy_permutation(g_, chosen()); }

  template <class T>
  Numbers<T> parameter(std::size_t i) {
    return numbers<T>(*parameters_[i], out_.shape, room_);
  }
  std::span<std::int64_t> chosen() const {
    return {out_.as<std::int64_t>(), static_cast<std::size_t>(out_.elements())};
  }
  void distinct_rows(std::int64_t rows) {
    detail::check_enough(out_.elements(), rows, "");
    const std::span<std::int64_t> order = room_.take<std::int64_t>(rows);
    numpy_permutation(g_, order);
    std::copy_n(order.begin(), out_.elements(), chosen().begin());
  }
  [[noreturn]] static void refuse(Distribution distribution, std::int64_t element,
                                  std::initializer_list<double> parameters) {
    detail::refuse(distribution, element, {parameters.begin(), parameters.size()});
  }

  Mt19937& g_;
  TensorsIn parameters_;
  const Tensor& out_;
  Room& room_;
};

}  // namespace

void Draw::perform_mt19937(TensorsIn in, TensorsOut out, Workspace& scratch) const {
  const Tensor& state = *in[0];
  const auto* packed = state.as<std::int64_t>();
  const std::int64_t step = state.strides[0];
  Mt19937 g(packed, step);
  const TensorsIn parameters = in.subspan(1 + rank());
  Room room = detail::room_for(*this, parameters, out[0]->shape, scratch);
  if (out[0]->elements() > 0) NumpyDraw(g, parameters, *out[0], room).run(distribution_);
  auto* next = out[1]->as<std::int64_t>();
  const std::int64_t made = packed[Mt19937::packed_size * step];
  g.pack(next);
  next[Mt19937::packed_size] = made + 1;
}

}  // namespace damo
