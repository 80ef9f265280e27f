#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/elementwise/bitwise.hpp>
#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/samples.hpp>

namespace damo {
namespace {

using Bits = std::int64_t;

struct BitAnd {
  DAMO_INLINE Bits operator()(Bits a, Bits b) const { return a & b; }
};
struct BitOr {
  DAMO_INLINE Bits operator()(Bits a, Bits b) const { return a | b; }
};
struct BitXor {
  DAMO_INLINE Bits operator()(Bits a, Bits b) const { return a ^ b; }
};
struct Invert {
  DAMO_INLINE Bits operator()(Bits a) const { return ~a; }
};
struct LeftShift {
  DAMO_INLINE Bits operator()(Bits a, Bits n) const {
    const auto count = static_cast<std::uint64_t>(n);
    return count < 64 ? static_cast<Bits>(static_cast<std::uint64_t>(a) << count) : 0;
  }
};
struct RightShift {
  DAMO_INLINE Bits operator()(Bits a, Bits n) const {
    return static_cast<std::uint64_t>(n) < 64 ? a >> n : (a < 0 ? -1 : 0);
  }
};

template <class F, std::size_t Arity>
std::shared_ptr<const Op> of_bits(const char* name, bool commutative = false) {
  return define({.name = name,
                 .arity = Arity,
                 .types = ScalarOp::Types::numeric,
                 .loops = {{LoopSet{}, same_loop<F, Bits, Arity>(), LoopSet{}, LoopSet{}}},
                 .gradient = [](const Vars& x, const Var&, const Var&) -> Vars {
                   return Vars(x.size(), Arg(0.0).var());
                 },
                 .slope = Slope::constant,
                 .fact = always({.integer = true, .finite = true}),
                 .commutative = commutative});
}

void check_integers(const char* who, std::initializer_list<const Arg*> operands) {
  for (const Arg* a : operands) {
    if (!is_float(a->dtype())) continue;
    throw TypeError(fmt::format("{}: expected integers or bools, got {}, at {}", who,
                                describe(a->var()),
                                to_string(SiteScope::or_else((*operands.begin())->site()))));
  }
}
bool are_bools(const Arg& a, const Arg& b) {
  return a.dtype() == DType::boolean && b.dtype() == DType::boolean;
}

}  // namespace

Var bitwise_and(const Arg& a, const Arg& b) {
  static const auto op = of_bits<BitAnd, 2>("bitwise_and", true);
  check_integers("bitwise_and", {&a, &b});
  return are_bools(a, b) ? and_(a, b) : elementwise(op, {a, b});
}
Var bitwise_or(const Arg& a, const Arg& b) {
  static const auto op = of_bits<BitOr, 2>("bitwise_or", true);
  check_integers("bitwise_or", {&a, &b});
  return are_bools(a, b) ? or_(a, b) : elementwise(op, {a, b});
}
Var bitwise_xor(const Arg& a, const Arg& b) {
  static const auto op = of_bits<BitXor, 2>("bitwise_xor", true);
  check_integers("bitwise_xor", {&a, &b});
  return are_bools(a, b) ? xor_(a, b) : elementwise(op, {a, b});
}
Var invert(const Arg& a) {
  static const auto op = of_bits<Invert, 1>("invert");
  check_integers("invert", {&a});
  return a.dtype() == DType::boolean ? not_(a) : elementwise(op, {a});
}
Var left_shift(const Arg& a, const Arg& n) {
  static const auto op = of_bits<LeftShift, 2>("left_shift");
  check_integers("left_shift", {&a, &n});
  return elementwise(op, {a, n});
}
Var right_shift(const Arg& a, const Arg& n) {
  static const auto op = of_bits<RightShift, 2>("right_shift");
  check_integers("right_shift", {&a, &n});
  return elementwise(op, {a, n});
}

DAMO_OPS(bitwise) {
  using namespace samples;
  const OpInput bits{.low = -9, .high = 9, .dtype = DType::int64};
  const auto add = [&](const char* name, Binary f, OpInput second) {
    OpSample sample = binary(name, f, bits, second);
    sample.differentiable = false;
    ops.sample(std::move(sample));
  };
  add("bitwise_and", bitwise_and, bits);
  add("bitwise_or", bitwise_or, bits);
  add("bitwise_xor", bitwise_xor, bits);
  add("left_shift", left_shift, {.low = 0, .high = 9, .dtype = DType::int64});
  add("right_shift", right_shift, {.low = 0, .high = 9, .dtype = DType::int64});
  ops.sample(step("invert", invert, bits));
}

}  // namespace damo
