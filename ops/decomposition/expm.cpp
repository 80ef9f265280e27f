#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/decomposition/matrices.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/decomposition/exponential.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// How the exponential of `a` moves when a moves along `e`: the upper right block of that of
/// [[a, e], [0, a]] (Higham 2008, "Functions of matrices", 3.2).
Var moved_exponential(const Var& a, const Var& e) {
  const int last = static_cast<int>(a.ndim()) - 1;
  const Var upper = concatenate({a, e}, last), lower = concatenate({zeros_like(a), a}, last);
  const Var whole = expm(concatenate({upper, lower}, last - 1));
  const Var n = size_at(a, a.ndim() - 1);
  std::vector<Index> index(a.ndim() - 2, all());
  index.emplace_back(range(n));
  index.emplace_back(from(n));
  return index_with(whole, index, a.site());
}

class Expm final : public OnSquare<Expm, 2> {
 public:
  std::string name() const override { return "expm"; }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    return {moved_exponential(mT(node.input(0)), g[0])};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}};
    return {moved_exponential(node.input(0), tangents[0])};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::expm(*in[0], *out[0]);
  }
  friend bool operator==(const Expm&, const Expm&) = default;
};

}  // namespace

Var expm(const Arg& a) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  return make_var(std::make_shared<Expm>(), {as_float(a)});
}

DAMO_OPS(expm) {
  ops.reader({"expm", read_plain<Expm>, 1, 1});
  ops.sample(
      {.name = "expm", .inputs = {{"bnn"}}, .apply = [](const Vars& in) { return expm(in[0]); }});
}

}  // namespace damo
