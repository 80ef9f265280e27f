#pragma once
#include <cstdint>

#include <damo/damo.hpp>

namespace bench {

/// An LSTM of n units over sequences x (time, batch, n), and the mean square of its states.
struct Lstm {
  damo::SharedVar W, U, b;
  damo::Var cost;

  Lstm(const damo::Var& x, std::int64_t n)
      : W(damo::models::normal_parameter({n, 4 * n}, 0.05, 1, "W")),
        U(damo::models::normal_parameter({n, 4 * n}, 0.05, 2, "U")),
        b(damo::models::zero_parameter({4 * n}, "b")) {
    using namespace damo;
    const auto step = [&](const Var& x_t, const Var& h, const Var& c) {
      const Var z = dot(x_t, W) + dot(h, U) + b;
      const auto gate = [&](std::int64_t k) { return z(all(), range(k * n, (k + 1) * n)); };
      const Var next = sigmoid(gate(1)) * c + sigmoid(gate(0)) * tanh(gate(2));
      return Vars{sigmoid(gate(3)) * tanh(next), next};
    };
    const Var start = zeros({x.shape(1), n});
    const Var h = scan(step, {.sequences = {x}, .outputs_info = {start, start}}).outputs[0];
    cost = mean(sqr(h));
  }
};

}  // namespace bench
