#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/random/numpy_random_state.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/random/stream_draws.hpp>
#include <damo/ops/shape/dimshuffle.hpp>

namespace damo {

struct RandomStream::Streams {
  std::uint64_t seed;
  std::vector<SharedVar> states;
  Site site;
  std::optional<Mt19937> seeds{};  ///< of the streams, where they are NumPy-compatible

  /// The state of stream `id` at its start.
  Array start(std::size_t id, std::optional<Mt19937>& generator) const {
    if (!generator)
      return Array::from<std::int64_t>(
          {static_cast<std::int64_t>(seed), static_cast<std::int64_t>(id), 0});
    Array state(DType::int64, Shape{numpy_state_size});
    const auto own = static_cast<std::uint32_t>(generator->integer((std::uint64_t{1} << 30U) - 1));
    Mt19937(own).pack(state.data<std::int64_t>());
    return state;
  }
};

RandomStream::RandomStream(std::uint64_t seed, Site site)
    : streams_(std::make_shared<Streams>(Streams{seed, {}, site})) {}

RandomStream RandomStream::numpy_compatible(std::uint64_t seed, Site site) {
  RandomStream rng(seed, site);
  rng.streams_->seeds = detail::numpy_generator(seed);
  return rng;
}

bool RandomStream::numpy() const { return streams_->seeds.has_value(); }

void RandomStream::refuse_numpy(const char* what) const {
  if (!numpy()) return;
  throw GraphError(fmt::format(
      "RandomStream: a NumPy-compatible stream does not draw {}, nor do Theano's RandomStreams\n"
      "  hint: RandomStream(seed) does",
      what));
}

const std::vector<SharedVar>& RandomStream::streams() const { return streams_->states; }

SharedVar RandomStream::new_stream() {
  auto& states = streams_->states;
  const std::size_t id = states.size();
  states.push_back(shared(streams_->start(id, streams_->seeds),
                          fmt::format("stream {} of seed {}", id, streams_->seed), streams_->site));
  return states.back();
}

Var draw(const Distribution& distribution, DType dtype, const SharedVar& state, const Vars& sizes,
         Vars parameters, Site site) {
  Shape dims;
  for (const Var& size : sizes) {
    const auto known = scalar_constant(size);
    dims.push_back(known ? static_cast<std::int64_t>(*known) : unknown);
    if (known && *known < 0)
      throw ShapeError(fmt::format("a sample of the negative size {}, at {}", *known,
                                   to_string(SiteScope::or_else(site))));
  }
  Vars inputs{state};
  inputs.insert(inputs.end(), sizes.begin(), sizes.end());
  for (Var& p : parameters) {
    if (p.ndim() != 0 && p.ndim() < sizes.size()) p = with_leading_axes(p, sizes.size(), site);
    inputs.push_back(std::move(p));
  }
  using Generator = Draw::Generator;
  const bool numpy = state.value().elements() == numpy_state_size;
  return make_var(std::make_shared<Draw>(distribution, dtype, dims,
                                         numpy ? Generator::mt19937 : Generator::philox),
                  std::move(inputs), site);
}

// The draw number stands last in every state.
Var farthest_state(const Vars& states) {
  Var farthest = states.front();
  for (std::size_t i = 1; i < states.size(); ++i)
    farthest = where(states[i][-1] > farthest[-1], states[i], farthest);
  return farthest;
}

void RandomStream::seed(std::uint64_t seed) {
  streams_->seed = seed;
  std::optional<Mt19937> seeds;
  if (numpy()) seeds = detail::numpy_generator(seed);
  for (std::size_t i = 0; i < streams_->states.size(); ++i)
    streams_->states[i].set_array(streams_->start(i, seeds));
}

Array RandomStream::state() const {
  const auto& states = streams_->states;
  const std::int64_t width = numpy() ? numpy_state_size : 3;
  Array all(DType::int64, Shape{static_cast<std::int64_t>(states.size()), width});
  std::int64_t* row = all.data<std::int64_t>();
  for (const SharedVar& s : states) row = std::copy_n(s.value().data<std::int64_t>(), width, row);
  return all;
}

void RandomStream::set_state(const Array& state) {
  const Array now = this->state();
  if (state.dtype() != DType::int64 || !(state.shape() == now.shape())) {
    throw ShapeError(fmt::format("RandomStream: a state of {} streams is int64 {}, got {} {}",
                                 streams_->states.size(), to_string(now.shape()),
                                 name(state.dtype()), to_string(state.shape())));
  }
  const auto width = static_cast<std::size_t>(now.shape()[1]);
  std::span<const std::int64_t> rest = state.values<std::int64_t>();
  for (const SharedVar& s : streams_->states) {
    s.set_array(Array::from(rest.first(width), Shape{now.shape()[1]}));
    rest = rest.subspan(width);
  }
}

std::vector<std::int64_t> RandomStream::draws() const {
  std::vector<std::int64_t> made;
  for (const SharedVar& s : streams_->states)
    made.push_back(s.value().values<std::int64_t>().back());
  return made;
}

void RandomStream::replay(std::int64_t call, const std::vector<std::int64_t>& per_call) {
  const auto& states = streams_->states;
  if (numpy()) {
    throw GraphError(
        "RandomStream: a NumPy-compatible stream cannot be put at a call\n"
        "  hint: keep its state() and put it back with set_state()");
  }
  if (call < 0) throw NumericError(fmt::format("RandomStream: calls count from 0, got {}", call));
  if (!per_call.empty() && per_call.size() != states.size()) {
    throw ShapeError(fmt::format("RandomStream: {} numbers of draws for {} streams",
                                 per_call.size(), states.size()));
  }
  for (std::size_t i = 0; i < states.size(); ++i) {
    Array state = states[i].value();
    state.data<std::int64_t>()[2] = call * (per_call.empty() ? 1 : per_call[i]);
    states[i].set_array(std::move(state));
  }
}

}  // namespace damo
