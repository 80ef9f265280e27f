#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/control/ifelse_op.hpp>
#include <damo/ops/elementwise/math.hpp>

namespace damo {

Var ifelse(const Arg& condition, const Arg& then, const Arg& otherwise) {
  static const auto op = std::make_shared<IfElse>();
  const Var c = condition.var();
  const Var a =
      then.is_literal() && !otherwise.is_literal() ? then.var(otherwise.dtype()) : then.var();
  const Var b = otherwise.is_literal() ? otherwise.var(a.dtype()) : otherwise.var();
  return make_var(op, {c.dtype() == DType::boolean ? c : neq(c, 0), a, b}, condition.site());
}

Vars ifelse(const Arg& condition, const Vars& then, const Vars& otherwise) {
  if (then.size() != otherwise.size()) {
    throw GraphError(fmt::format("ifelse: {} values in one branch and {} in the other, at {}",
                                 then.size(), otherwise.size(), to_string(condition.site())));
  }
  const Var c = condition.var();
  const Var holds = c.dtype() == DType::boolean ? c : neq(c, 0);
  Vars chosen;
  for (std::size_t i = 0; i < then.size(); ++i)
    chosen.push_back(
        ifelse({holds, condition.site().file, condition.site().line}, then[i], otherwise[i]));
  return chosen;
}

DAMO_OPS(ifelse) {
  ops.reader({"ifelse", read_plain<IfElse>, 3, 3});
  ops.sample(
      {.name = "ifelse",
       .inputs = {{.dims = "", .low = 0, .high = 1, .dtype = DType::boolean}, {"mn"}, {"mn"}},
       .apply = [](const Vars& in) { return ifelse(in[0], in[1], in[2]); }});
}

}  // namespace damo
