#include <cmath>

#include <damo/ops/kernels/random/philox.hpp>
#include "tests/support/reference.hpp"
#include "tests/support/references/nd.hpp"
#include "tests/support/references/references.hpp"

namespace damo::test {
namespace {

void add_others(References& all) {
  all["Assert"] = [](const auto& in) { return in[0]; };
  all["disconnected_grad"] = [](const auto& in) { return in[0]; };
  all["opaque"] = [](const auto& in) { return in[0]; };
  all["ifelse"] = [](const auto& in) { return in[0].template item<bool>() ? in[1] : in[2]; };
  all["op_from_graph"] = elementwise([](const auto& x) { return std::tanh(x[0] * x[1]) + x[0]; });
  all["scan"] = [](const auto& in) {
    Nd x(in[0]);
    Nd h(in[1]);
    Nd out(x.shape);
    for (std::int64_t t = 0; t < x.n(0); ++t) {
      for (std::int64_t j = 0; j < x.n(1); ++j) {
        h({j}) = std::tanh(h({j}) + x({t, j}) * h({j}));
        out({t, j}) = h({j});
      }
    }
    return out.array();
  };
  all["draw"] = [](const auto& in) {
    std::uint32_t element = 0;
    return build({in[0].shape()[0], in[1].shape()[0]}, [&](const Position&) {
      const auto words = philox4x32({element / 2, 0, 0, 0}, {7, 0});
      const std::size_t first = 2 * (element++ % 2);
      const std::uint64_t high = (std::uint64_t{words[first]} << 32U | words[first + 1]) >> 11U;
      return std::ldexp(static_cast<double>(high), -53);
    });
  };
}

}  // namespace

namespace {

References& table() {
  static References all = [] {
    References known;
    add_elementwise(known);
    add_special(known);
    add_order(known);
    add_shape(known);
    add_reductions(known);
    add_products(known);
    add_decompositions(known);
    add_convolutions(known);
    add_indexing(known);
    add_others(known);
    return known;
  }();
  return all;
}

}  // namespace

const std::map<std::string, Reference>& references() { return table(); }

MoreReferences::MoreReferences(const std::map<std::string, Reference>& more) {
  table().insert(more.begin(), more.end());
}

}  // namespace damo::test
