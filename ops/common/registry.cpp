#include <damo/ops/common/registry_parts.hpp>
#include <damo/ops/control/debug.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/control/op_from_graph.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/index_spec.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/binary_dot.hpp>
#include <damo/ops/linalg/gemm.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/linalg/sum_of_products.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo::detail {
namespace {

using Builder = std::function<Var(const Vars&)>;

OpEntry entry(std::string name, std::vector<OpInput> inputs, Builder apply) {
  return {.name = std::move(name), .inputs = std::move(inputs), .apply = std::move(apply)};
}
OpEntry discrete(std::string name, std::vector<OpInput> inputs, Builder apply) {
  OpEntry e = entry(std::move(name), std::move(inputs), std::move(apply));
  e.differentiable = false;
  return e;
}
OpEntry of_some(std::string nonempty, OpEntry e) {
  e.nonempty = std::move(nonempty);
  return e;
}

const OpInput int_scalar{.dims = "", .low = -3, .high = 3, .dtype = int64};
OpInput index_input(std::string dims, char of) {
  return {.dims = std::move(dims), .dtype = int64, .index_of = of};
}

}  // namespace

std::vector<OpEntry> shape_entries() {
  std::vector<OpEntry> list;
  list.push_back(discrete("shape", {{"mn"}}, [](const Vars& in) { return in[0].shape(1); }));
  list.push_back(
      entry("make_vector", {{""}, {""}, {""}}, [](const Vars& in) { return make_vector(in); }));
  list.push_back(entry("transpose", {{"mnk"}}, [](const Vars& in) {
    return transpose(in[0], {2, 0, 1});
  }));
  list.push_back(entry("dimshuffle", {{"m1n"}}, [](const Vars& in) {
    return dimshuffle(in[0], {2, newaxis, 0});
  }));
  list.push_back(entry("broadcast_to", {{"m1"}, {"n"}}, [](const Vars& in) {
    return broadcast_to(in[0], {3, in[0].shape(0), in[1].shape(0)});
  }));
  list.push_back(entry("specify_shape", {{"mn"}, {"n"}}, [](const Vars& in) {
    return specify_shape(in[0], {-1, in[1].shape(0)});
  }));
  list.push_back(entry("reshape", {{"mnk"}}, [](const Vars& in) {
    return reshape(in[0], {in[0].shape(0) * in[0].shape(2), in[0].shape(1)});
  }));
  list.push_back(of_some("m", entry("reshape with one size open", {{"mnk"}}, [](const Vars& in) {
                           return reshape(in[0], {in[0].shape(0), -1});
                         })));
  list.push_back(entry("concatenate", {{"mn"}, {"kn"}, {"1n"}},
                       [](const Vars& in) { return concatenate(in); }));
  list.push_back(entry("concatenate along axis 1", {{"mn"}, {"mk"}},
                       [](const Vars& in) { return concatenate(in, -1); }));
  list.push_back(entry("arange", {{"", 0, 1}, {"", 3.1, 3.9}, {"", 0.45, 0.5}},
                       [](const Vars& in) { return arange(in[0], in[1], in[2]); }));
  list.back().differentiable = false;  // its length jumps
  list.push_back(discrete("arange of int64", {{"", -9, 9, int64}, {"", -9, 9, int64}},
                          [](const Vars& in) { return arange(in[0], in[1], -2); }));
  return list;
}

std::vector<OpEntry> reduction_entries() {
  std::vector<OpEntry> list;
  list.push_back(entry("sum", {{"mnk"}}, [](const Vars& in) { return sum(in[0], {0, -1}); }));
  list.push_back(entry("sum with keepdims", {{"mnk"}},
                       [](const Vars& in) { return sum(in[0], 1, {.keepdims = true}); }));
  list.push_back(entry("prod", {{"mnk"}}, [](const Vars& in) { return prod(in[0], {0, 2}); }));
  list.push_back(
      of_some("n", entry("max", {{"mn"}}, [](const Vars& in) { return max(in[0], 1); })));
  list.push_back(of_some("mn", entry("min", {{"mn"}}, [](const Vars& in) { return min(in[0]); })));
  list.push_back(
      discrete("any", {{"mn", 0, 1, boolean}}, [](const Vars& in) { return any(in[0], 0); }));
  list.push_back(
      discrete("all", {{"mn", 0, 1, boolean}}, [](const Vars& in) { return all(in[0], 1); }));
  list.push_back(
      of_some("n", discrete("argmax", {{"mn"}}, [](const Vars& in) { return argmax(in[0], 1); })));
  list.push_back(of_some("mn", discrete("argmin", {{"mn"}}, [](const Vars& in) {
                           return argmin(in[0], {.keepdims = true});
                         })));
  list.push_back(entry("product_of_others", {{"mn"}},
                       [](const Vars& in) { return product_of_others(in[0], 2U); }));
  list.push_back(entry("cumsum", {{"mnk"}}, [](const Vars& in) { return cumsum(in[0], 1); }));
  list.push_back(entry("softmax", {{"mnk"}}, [](const Vars& in) {
    return softmax(in[0], {0, 2});
  }));
  list.push_back(entry("log_softmax", {{"mn"}}, [](const Vars& in) { return log_softmax(in[0]); }));
  list.push_back(of_some(
      "m", entry("logsumexp", {{"mn"}}, [](const Vars& in) { return logsumexp(in[0], 0); })));
  return list;
}

std::vector<OpEntry> product_entries() {
  std::vector<OpEntry> list;
  const auto product = [](const Vars& in) { return dot(in[0], in[1]); };
  const auto gemm = [](const Vars& in) { return make_var(std::make_shared<Gemm>(), in); };
  list.push_back(entry("dot of matrices", {{"mk"}, {"kn"}}, product));
  list.push_back(entry("dot of vector and matrix", {{"k"}, {"kn"}}, product));
  list.push_back(entry("dot of matrix and vector", {{"mk"}, {"k"}}, product));
  list.push_back(entry("dot of vectors", {{"k"}, {"k"}}, product));
  list.push_back(entry("batched_dot", {{"bmk"}, {"bkn"}},
                       [](const Vars& in) { return batched_dot(in[0], in[1]); }));
  list.push_back(entry("binary_dot", {{"mk"}, {"kn"}}, [](const Vars& in) {
    return make_var(std::make_shared<BinaryDot>(true), in);
  }));
  list.push_back(entry("sum_of_products", {{"bkm"}, {"bkn"}},
                       [](const Vars& in) { return sum_of_products(in[0], in[1]); }));
  list.push_back(entry("gemm", {{"mn"}, {""}, {"mk"}, {"kn"}, {""}}, gemm));
  list.push_back(entry("gemm of a vector", {{"n"}, {""}, {"k"}, {"kn"}, {""}}, gemm));
  return list;
}

std::vector<OpEntry> indexing_entries() {
  std::vector<OpEntry> list;
  list.push_back(of_some(
      "m", entry("subtensor", {{"mnk"}, index_input("", 'm'), int_scalar},
                 [](const Vars& in) { return in[0](in[1], range(in[2], 9, 2), newaxis); })));
  list.push_back(entry("subtensor backwards", {{"mn"}, int_scalar, int_scalar},
                       [](const Vars& in) { return in[0](all(), range(in[1], in[2], -1)); }));
  list.push_back(entry("set_subtensor", {{"mn"}, {"m1"}, int_scalar}, [](const Vars& in) {
    return set_subtensor(in[0](all(), from(in[2])), in[1]);
  }));
  list.push_back(
      of_some("m", entry("inc_subtensor", {{"mn"}, {"n"}, index_input("", 'm')},
                         [](const Vars& in) { return inc_subtensor(in[0][in[2]], in[1]); })));
  list.push_back(of_some("n", entry("advanced_subtensor", {{"mnk"}, index_input("ab", 'n')},
                                    [](const Vars& in) { return in[0](all(), in[1]); })));
  list.push_back(
      of_some("mk", entry("advanced_subtensor with two index tensors",
                          {{"mnk"}, index_input("a1", 'm'), index_input("b", 'k')},
                          [](const Vars& in) { return in[0](in[1], range(0, 2), in[2]); })));
  list.push_back(
      of_some("m", entry("advanced_set_subtensor", {{"mn"}, {"an"}, index_input("a", 'm')},
                         [](const Vars& in) { return set_subtensor(in[0][in[2]], in[1]); })));
  list.push_back(
      of_some("m", entry("advanced_inc_subtensor", {{"mn"}, {"an"}, index_input("a", 'm')},
                         [](const Vars& in) { return inc_subtensor(in[0][in[2]], in[1]); })));
  list.push_back(discrete("nonzero", {{"mn", 0, 1, boolean}},
                          [](const Vars& in) { return nonzero(in[0])[1]; }));
  list.back().shape_known = false;
  list.push_back(
      discrete("slice_length", {{"", 0, 9, int64}, int_scalar, int_scalar}, [](const Vars& in) {
        const Bound bound{Bound::Kind::input, 0};
        const IndexEntry range{Index::Kind::range, bound, bound, {}};
        return slice_length(range, in[0], std::span(in).subspan(1));
      }));
  return list;
}

std::vector<OpEntry> other_entries() {
  std::vector<OpEntry> list;
  list.push_back(entry("Assert", {{"mn"}}, [](const Vars& in) {
    return Assert("is a number")(in[0], not_(isnan(in[0])));
  }));
  list.push_back(discrete("disconnected_grad", {{"mn"}},
                          [](const Vars& in) { return disconnected_grad(in[0]); }));
  list.push_back(of_some("m", entry("scan", {{"mn"}, {"n"}}, [](const Vars& in) {
                           return damo::scan([](Var x, Var h) { return tanh(h + x * h); },
                                             {.sequences = {in[0]}, .outputs_info = {in[1]}})
                               .outputs[0];
                         })));
  list.push_back(entry("ifelse", {{"", 0, 1, boolean}, {"mn"}, {"mn"}},
                       [](const Vars& in) { return ifelse(in[0], in[1], in[2]); }));
  list.push_back(entry("op_from_graph", {{"mn"}, {"mn"}}, [](const Vars& in) {
    const Var x = input(in[0].type());
    const Var y = input(in[1].type());
    return OpFromGraph({x, y}, {tanh(x * y) + x})(in)[0];
  }));
  list.push_back(discrete("draw", {{"m"}, {"n"}}, [](const Vars& in) {
    return RandomStream(7).uniform({in[0].shape(0), in[1].shape(0)}, 0.0, 1.0, float64);
  }));
  return list;
}

}  // namespace damo::detail

namespace damo {

const std::vector<OpEntry>& op_registry() {
  static const std::vector<OpEntry> all = [] {
    std::vector<OpEntry> list = detail::elementwise_entries();
    for (auto part : {detail::shape_entries, detail::reduction_entries, detail::product_entries,
                      detail::indexing_entries, detail::other_entries}) {
      for (OpEntry& entry : part()) list.push_back(std::move(entry));
    }
    return list;
  }();
  return all;
}

}  // namespace damo
