#include <damo/graph/variables.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/gradient/opaque.hpp>

namespace damo {

Var opaque(const Var& x) { return make_var(std::make_shared<Opaque>(), {x}, x.site()); }

DAMO_OPS(opaque) {
  ops.reader({"opaque", read_plain<Opaque>, 1});
  ops.sample({.name = "opaque", .inputs = {{"mn"}}, .apply = [](const Vars& in) {
                return opaque(in[0]);
              }});
}

}  // namespace damo
