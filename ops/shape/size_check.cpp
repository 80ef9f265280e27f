#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/movement/strided.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>
#include <damo/ops/shape/sizes.hpp>

namespace damo {
namespace {

constexpr std::string_view kind_names[] = {"equal", "inside", "at_least"};
static_assert(std::size(kind_names) == static_cast<std::size_t>(Demand::Kind::at_least) + 1);

bool holds(Demand::Kind kind, std::int64_t a, std::int64_t b) {
  switch (kind) {
    case Demand::Kind::equal:
      return a == b;
    case Demand::Kind::inside:
      return a >= -b && a < b;
    default:
      return a >= b;
  }
}

}  // namespace

SizeCheck::SizeCheck(Demand::Kind kind, std::string op, const Vars& operands, Site site)
    : kind_(kind), op_(std::move(op)), line_(to_string(site)) {
  for (const Var& in : operands) operands_.emplace_back(to_string(in.type()), reference(in));
}

std::string SizeCheck::parameters() const {
  return fmt::format("{}, of={}", kind_names[static_cast<std::size_t>(kind_)], op_);
}

namespace {

OpPtr read_size_check(OpText& text) {
  std::size_t kind = 0;
  while (kind < std::size(kind_names) && !text.parameters.accept_word(kind_names[kind])) ++kind;
  if (kind == std::size(kind_names)) text.parameters.fail("equal, inside or at_least");
  text.parameters.expect(", of=");
  std::string op(text.parameters.word("the name of an op"));
  return std::make_shared<SizeCheck>(static_cast<Demand::Kind>(kind), std::move(op), Vars{},
                                     Site{});
}

}  // namespace

std::vector<TensorType> SizeCheck::infer(std::span<const TensorType> in) const {
  check_arity(in, 2);
  for (const TensorType& t : in) {
    if (t.dtype != DType::int64) throw TypeError("expected int64 operands");
  }
  return {{DType::boolean, {}}};
}

void SizeCheck::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  const auto b = in[1]->first<std::int64_t>();
  const Walk<1> walk{in[0]->shape, {in[0]->strides}};
  for_each_index(walk, walk.rank(), [&](const auto& offsets) {
    const std::int64_t a = in[0]->as<const std::int64_t>()[offsets[0]];
    if (!holds(kind_, a, b)) fail(a, b);
  });
  *out[0]->as<bool>() = true;
}

void SizeCheck::fail(std::int64_t a, std::int64_t b) const {
  const std::string what =
      kind_ == Demand::Kind::equal    ? fmt::format("sizes differ: {} and {}", a, b)
      : kind_ == Demand::Kind::inside ? fmt::format("index {} is out of bounds for size {}", a, b)
                                      : fmt::format("{}, where at least {} is needed", a, b);
  ErrorText text(op_, what);
  std::size_t widest = 0;
  for (const auto& [type, reference] : operands_) widest = std::max(widest, type.size());
  for (std::size_t i = 0; i < std::min<std::size_t>(operands_.size(), 8); ++i) {
    std::string label = fmt::format("input {}", i);
    if (operands_.size() == 2) label = i == 0 ? "left" : "right";
    if (operands_.size() == 1) label = "input";
    text.add(std::move(label),
             fmt::format("{:<{}} {}", operands_[i].first, widest, operands_[i].second));
  }
  text.add("node", fmt::format("{}, made at {}", op_, line_));
  throw LocatedError::of<ShapeError>(std::move(text));
}

Var size_check(Demand::Kind kind, const Var& a, const Var& b, std::string op, const Vars& operands,
               Site site) {
  return make_var(std::make_shared<SizeCheck>(kind, std::move(op), operands, site), {a, b}, site);
}

Var after_checks(const Var& v, const Vars& checks) {
  if (checks.empty()) return v;
  Vars inputs{v};
  inputs.insert(inputs.end(), checks.begin(), checks.end());
  return make_var(std::make_shared<After>(), std::move(inputs), v.site());
}

DAMO_OPS(size_check) {
  ops.reader({"size_check", read_size_check, 2, 2});
  ops.sample({.name = "size_check",
              .inputs = {{"m"}, {"n"}},
              .apply =
                  [](const Vars& in) {
                    return size_check(Demand::Kind::at_least, in[0].shape(0) + in[1].shape(0),
                                      int_constant(0), "add", in, Site{});
                  },
              .differentiable = false});
}

}  // namespace damo
