#include <damo/ops/convolution/convolve.hpp>

#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/convolution/convolution.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

constexpr std::string_view border_names[] = {"valid", "full", "half", "same"};
static_assert(std::size(border_names) == static_cast<std::size_t>(Border::same) + 1);
constexpr std::string_view kind_names[] = {"convolve", "convolve_images", "convolve_filters"};
static_assert(std::size(kind_names) == static_cast<std::size_t>(Convolve::Kind::filters) + 1);

std::string pair_text(const std::array<int, 2>& pair) {
  return fmt::format("{},{}", pair[0], pair[1]);
}
std::array<int, 2> read_pair(TextReader& text) {
  const auto first = static_cast<int>(text.integer());
  text.expect(",");
  return {first, static_cast<int>(text.integer())};
}

Conv2dOptions read_options(TextReader& text) {
  Conv2dOptions options;
  if (text.accept("padding=")) {
    options.padding = read_pair(text);
  } else {
    text.expect("border=");
    std::size_t i = 0;
    while (i < std::size(border_names) && !text.accept_word(border_names[i])) ++i;
    if (i == std::size(border_names)) text.fail("valid, full, half or same");
    options.border = static_cast<Border>(i);
  }
  text.expect("stride=");
  options.stride = read_pair(text);
  text.expect("dilation=");
  options.dilation = read_pair(text);
  text.expect("groups=");
  options.groups = static_cast<int>(text.integer());
  options.filter_flip = text.accept_word("flip");
  const auto positive = [](const std::array<int, 2>& pair) { return pair[0] > 0 && pair[1] > 0; };
  const auto padding = options.padding.value_or(std::array{0, 0});
  if (!positive(options.stride) || !positive(options.dilation) || options.groups < 1 ||
      padding[0] < 0 || padding[1] < 0)
    text.fail("positive numbers");
  return options;
}

template <Convolve::Kind kind>
OpPtr read_convolve(OpText& text) {
  return std::make_shared<Convolve>(kind, read_options(text.parameters));
}

void check_equal(std::int64_t a, std::int64_t b, const char* what) {
  if (a != unknown && b != unknown && a != b)
    throw ShapeError(fmt::format("{} do not fit, {} and {}", what, a, b));
}

/// Bytes in which an operand can be laid out row by row; none where it lies so.
std::size_t room_for(const Tensor& t) {
  constexpr std::size_t line = 64;
  const std::size_t bytes = static_cast<std::size_t>(t.elements()) * item_size(t.dtype);
  return t.contiguous() ? 0 : (bytes + line - 1) / line * line;
}
Tensor row_major(const Tensor& t, std::byte* room) {
  if (t.contiguous()) return t;
  const Tensor rows{room, t.dtype, t.shape, contiguous_strides(t.shape)};
  copy(t, rows);
  return rows;
}

}  // namespace

bool operator==(const Convolve& a, const Convolve& b) {
  return a.kind_ == b.kind_ && a.parameters() == b.parameters();
}

std::string Convolve::name() const {
  return std::string(kind_names[static_cast<std::size_t>(kind_)]);
}

std::string Convolve::parameters() const {
  const std::string edge =
      options_.padding
          ? "padding=" + pair_text(*options_.padding)
          : fmt::format("border={}", border_names[static_cast<std::size_t>(options_.border)]);
  return fmt::format("{} stride={} dilation={} groups={}{}", edge, pair_text(options_.stride),
                     pair_text(options_.dilation), options_.groups,
                     options_.filter_flip ? " flip" : "");
}

std::vector<TensorType> Convolve::infer(std::span<const TensorType> in) const {
  return {type_of(in)};
}

TensorType Convolve::type_of(std::span<const TensorType> in) const {
  check_arity(in, kind_ == Kind::result ? 2 : 4);
  const TensorType &a = in[0], &b = in[1];
  if (!is_float(a.dtype) || a.dtype != b.dtype) {
    throw TypeError(fmt::format("expected one float dtype, got {} and {}", damo::name(a.dtype),
                                damo::name(b.dtype)));
  }
  if (a.rank() != 4 || b.rank() != 4) {
    throw ShapeError(
        fmt::format("expected four axes each, got {} and {}", to_string(a), to_string(b)));
  }
  for (const TensorType& size : in.subspan(2)) check_int_scalar(size);
  const auto times_groups = [&](std::int64_t n) { return n == unknown ? n : n * options_.groups; };
  const auto in_group = [&](std::int64_t n, const char* what) {
    if (n == unknown) return n;
    if (n % options_.groups != 0)
      throw ShapeError(fmt::format("{} {} are not {} equal groups", n, what, options_.groups));
    return n / options_.groups;
  };
  switch (kind_) {
    case Kind::result: {
      check_equal(in_group(a.dims[1], "channels"), b.dims[1],
                  "channels of a group and of its filters");
      in_group(b.dims[0], "filters");
      TensorType out{a.dtype, {a.dims[0], b.dims[0], unknown, unknown}};
      for (std::size_t i = 0; i < 2; ++i) {
        const std::int64_t image = a.dims[2 + i], filter = b.dims[2 + i];
        if (image != unknown && filter != unknown) out.dims[2 + i] = places(i, image, filter);
      }
      return out;
    }
    case Kind::images:
      check_equal(a.dims[1], b.dims[0], "filters of the results and of the filters");
      in_group(b.dims[0], "filters");
      return {a.dtype, {a.dims[0], times_groups(b.dims[1]), unknown, unknown}};
    default:
      check_equal(a.dims[0], b.dims[0], "numbers of images and of results");
      in_group(b.dims[1], "filters");
      return {a.dtype, {b.dims[1], in_group(a.dims[1], "channels"), unknown, unknown}};
  }
}

std::vector<std::optional<Vars>> Convolve::shape_rule(const Apply& node,
                                                      const std::vector<Vars>& shapes) const {
  const Vars &a = shapes[0], &b = shapes[1];
  switch (kind_) {
    case Kind::result:
      return {Vars{a[0], b[0], places(0, a[2], b[2]), places(1, a[3], b[3])}};
    case Kind::images:
      return {Vars{a[0], b[1] * options_.groups, node.input(2), node.input(3)}};
    default:
      return {Vars{b[1], floor_div(a[1], options_.groups), node.input(2), node.input(3)}};
  }
}

std::vector<Demand> Convolve::demands(const Apply& node, const std::vector<Vars>& shapes) const {
  const Vars &a = shapes[0], &b = shapes[1];
  const Var rows = kind_ == Kind::result ? a[2] : node.input(2);
  const Var cols = kind_ == Kind::result ? a[3] : node.input(3);
  switch (kind_) {
    case Kind::result:
      return {{Demand::Kind::equal, a[1], b[1] * options_.groups},
              {Demand::Kind::equal, b[0] % options_.groups, int_constant(0)},
              {Demand::Kind::at_least, places(0, a[2], b[2]), int_constant(1)},
              {Demand::Kind::at_least, places(1, a[3], b[3]), int_constant(1)}};
    case Kind::images:
      return {{Demand::Kind::equal, a[1], b[0]},
              {Demand::Kind::equal, places(0, rows, b[2]), a[2]},
              {Demand::Kind::equal, places(1, cols, b[3]), a[3]}};
    default:
      return {{Demand::Kind::equal, a[0], b[0]},
              {Demand::Kind::equal, places(0, a[2], rows), b[2]},
              {Demand::Kind::equal, places(1, a[3], cols), b[3]}};
  }
}

Var Convolve::product(Kind kind, const Var& a, const Var& b, const Vars& sizes,
                      const Var& like) const {
  Vars inputs{a, b};
  inputs.insert(inputs.end(), sizes.begin(), sizes.end());
  const Var v = make_var(std::make_shared<Convolve>(kind, options_), std::move(inputs));
  // What the type of the operand knows of its sizes; the node takes them as numbers.
  std::vector<Arg> known;
  bool more = false;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::int64_t n = like.type().dims[i];
    known.emplace_back(static_cast<long>(n == unknown ? -1 : n));
    more = more || n != v.type().dims[i];
  }
  return more ? specify_shape(v, Sizes(known)) : v;
}

/// What flows to an input of which `other` is the other operand.
Var Convolve::flow_to(std::size_t input, const Apply& node, const Var& g, const Var& other) const {
  const Var& v = node.input(input);
  const Vars sizes{size_at(v, 2), size_at(v, 3)};
  const bool first = input == 0;
  switch (kind_) {
    case Kind::result:
      return first ? product(Kind::images, g, other, sizes, v)
                   : product(Kind::filters, other, g, sizes, v);
    case Kind::images:
      return first ? product(Kind::result, g, other, {}, v)
                   : product(Kind::filters, g, other, sizes, v);
    default:
      return first ? product(Kind::images, other, g, sizes, v)
                   : product(Kind::result, other, g, {}, v);
  }
}

Gradients Convolve::gradient(const Apply& node, const Vars& g) const {
  Gradients flowing(node.inputs().size());
  for (const std::size_t i : {0, 1}) flowing[i] = flow_to(i, node, g[0], node.input(1 - i));
  return flowing;
}

// Of images those elements count that some marked element meets, whatever the channel.
Var Convolve::read_for(const Apply& node, std::size_t input, std::size_t, const Var& marked) const {
  if (marked.ndim() == 0) return marked;
  if (kind_ == Kind::filters || options_.groups > 1) return any(marked);
  const Var& filters = node.input(1);
  if (input == 1) {
    std::vector<AxisEntry> place(4, newaxis);
    place[kind_ == Kind::result ? 0 : 1] = 0;  // each filter's results, each channel's images
    return dimshuffle(any(marked, {0, 2, 3}), place);
  }
  const Var some = any(marked, 1, {.keepdims = true});
  if (constant_along(some, 2) && constant_along(some, 3)) return some;
  const DType dtype = node.output().dtype();
  const Vars out = sizes(node.output());
  const Var met = broadcast_to(cast(some, dtype), {out[0], int_constant(1), out[2], out[3]});
  const Var one =
      ones(Vars{int_constant(1), int_constant(1), size_at(filters, 2), size_at(filters, 3)}, dtype);
  Vars inputs{met, one};
  const Kind back = kind_ == Kind::result ? Kind::images : Kind::result;
  if (back == Kind::images)
    inputs.insert(inputs.end(), {size_at(node.input(0), 2), size_at(node.input(0), 3)});
  return make_var(std::make_shared<Convolve>(back, options_), std::move(inputs)) > 0.5;
}

// Where something infinite meets what is not marked, which is rare, it is left out.
Gradients Convolve::gradient_of_marked(const Apply& node, const Vars& g, const Vars& marked) const {
  Gradients flowing = gradient(node, g);
  if (!marked[0].defined() || marked[0].ndim() == 0) return flowing;
  const Var counts = broadcast_like(cast(marked[0], g[0].dtype()), node.output());
  for (const std::size_t i : {0, 1}) {
    const Var& operand = node.input(1 - i);
    const Var whole = flowing[i].value;
    const Var wild = or_(isnan(operand), isinf(operand));
    const Var read = flow_to(i, node, counts, cast(wild, g[0].dtype())) > 0.5;
    const Var apart = where(read, whole, flow_to(i, node, g[0], where(wild, 0, operand)));
    flowing[i].value = ifelse(any(isnan(whole)), apart, whole);
  }
  return flowing;
}

Vars Convolve::push_forward(const Apply& node, const Vars& tangents) const {
  const Vars sizes(node.inputs().begin() + 2, node.inputs().end());
  Var moved;
  if (tangents[0].defined())
    moved = product(kind_, tangents[0], node.input(1), sizes, node.output());
  if (tangents[1].defined())
    moved = add_or_either(moved, product(kind_, node.input(0), tangents[1], sizes, node.output()));
  return {moved};
}

void Convolve::run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const {
  std::array<TensorType, 4> types;
  for (std::size_t i = 0; i < in.size(); ++i) types[i] = {in[i]->dtype, in[i]->shape};
  out[0] = type_of(std::span(types).first(in.size())).dims;
  if (kind_ == Kind::result) return;
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t n = run_time_size(*in[2 + i]);
    out[0][2 + i] = n;
    const std::int64_t image = kind_ == Kind::images ? n : in[0]->shape[2 + i];
    const std::int64_t filter = kind_ == Kind::images ? in[1]->shape[2 + i] : n;
    const Shape& results = in[kind_ == Kind::images ? 0 : 1]->shape;
    check_equal(places(i, image, filter), results[2 + i], i == 0 ? "rows" : "columns");
  }
}

void Convolve::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace& scratch) const {
  const std::size_t first = room_for(*in[0]);
  std::byte* room = scratch.bytes(first + room_for(*in[1]));
  const Tensor a = row_major(*in[0], room), b = row_major(*in[1], room + first);
  const Shape filters = kind_ == Kind::filters ? out[0]->shape : b.shape;
  const auto steps = [&](std::size_t i) {
    return FilterSteps{padding(i, filters[2 + i]).first, options_.stride[i], options_.dilation[i]};
  };
  const ConvolutionPlan plan{options_.groups, options_.filter_flip, steps(0), steps(1)};
  switch (kind_) {
    case Kind::result:
      return convolve(plan, a, b, *out[0]);
    case Kind::images:
      return convolve_back(plan, a, b, *out[0]);
    default:
      return correlate_places(plan, a, b, *out[0]);
  }
}

DAMO_OPS(convolve) {
  using Kind = Convolve::Kind;
  ops.reader({"convolve", read_convolve<Kind::result>, 2, 2});
  ops.reader({"convolve_images", read_convolve<Kind::images>, 4, 4});
  ops.reader({"convolve_filters", read_convolve<Kind::filters>, 4, 4});
  const Conv2dOptions full{.border = Border::full};
  const Conv2dOptions steps{
      .padding = std::array{3, 4}, .stride = {2, 1}, .dilation = {1, 2}, .filter_flip = false};
  ops.sample({.name = "convolve",
              .inputs = {{"bcmn"}, {"dckl"}},
              .apply = [full](const Vars& in) { return conv2d(in[0], in[1], full); },
              .nonempty = "mnkl"});
  ops.sample({.name = "convolve, strided",
              .inputs = {{"bcmn"}, {"dckl"}},
              .apply = [steps](const Vars& in) { return conv2d(in[0], in[1], steps); },
              .nonempty = "mnkl"});
  ops.sample({.name = "convolve_images",
              .inputs = {{"bdmn"}, {"dckl"}},
              .apply = [](const Vars& in) { return conv2d_transpose(in[0], in[1]); },
              .nonempty = "mnkl"});
  ops.sample({.name = "convolve_filters",
              .inputs = {{"bcmn"}, {"bdmn"}},
              .apply =
                  [](const Vars& in) {
                    const auto op = std::make_shared<Convolve>(Kind::filters, Conv2dOptions{});
                    return make_var(op, {in[0], in[1], int_constant(1), int_constant(1)});
                  },
              .nonempty = "mn"});
}

}  // namespace damo
