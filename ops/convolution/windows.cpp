#include <damo/ops/convolution/windows.hpp>

#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/gradient_mask.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/convolution/windows.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

using SizePair = std::array<std::int64_t, 2>;

struct WindowSizes {
  SizePair window, stride;

  std::string text() const {
    return fmt::format("window={},{} stride={},{}", window[0], window[1], stride[0], stride[1]);
  }
  std::int64_t places(std::size_t axis, std::int64_t size) const {
    return std::max<std::int64_t>(size - window[axis] + stride[axis], 0) / stride[axis];
  }
  Var places(std::size_t axis, const Var& size) const {
    return floor_div(maximum(size - (window[axis] - stride[axis]), 0), stride[axis]);
  }
  friend bool operator==(const WindowSizes&, const WindowSizes&) = default;
};

WindowSizes read_sizes(TextReader& text) {
  WindowSizes sizes{};
  const auto pair = [&](SizePair& to) {
    to[0] = text.integer();
    text.expect(",");
    to[1] = text.integer();
    if (to[0] < 1 || to[1] < 1) text.fail("positive numbers");
  };
  text.expect("window=");
  pair(sizes.window);
  text.expect("stride=");
  pair(sizes.stride);
  return sizes;
}

Var look(const Var& x, const WindowSizes& sizes);

/// Inputs [windows, rows, columns]: the transposed map of `Windows`.
class WindowSums final : public OpOf<WindowSums>, public ReadsElements {
 public:
  explicit WindowSums(WindowSizes sizes) : sizes_(sizes) {}
  std::string name() const override { return "window_sums"; }
  std::string parameters() const override { return sizes_.text(); }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 3);
    if (!is_float(in[0].dtype) || in[0].rank() < 4)
      throw ShapeError("expected floats with four axes at least, got " + to_string(in[0]));
    for (const TensorType& size : in.subspan(1)) check_int_scalar(size);
    TensorType out{in[0].dtype, {}};
    for (std::size_t i = 0; i + 4 < in[0].rank(); ++i) out.dims.push_back(in[0].dims[i]);
    out.dims.push_back(unknown);
    out.dims.push_back(unknown);
    return {out};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override {
    Vars all(shapes[0].begin(), shapes[0].end() - 4);
    all.insert(all.end(), {node.input(1), node.input(2)});
    return {all};
  }
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override {
    std::vector<Demand> all;
    const std::size_t lead = shapes[0].size() - 4;
    for (std::size_t i = 0; i < 2; ++i) {
      all.push_back(
          {Demand::Kind::equal, sizes_.places(i, node.input(1 + i)), shapes[0][lead + i]});
      all.push_back({Demand::Kind::equal, shapes[0][lead + 2 + i], int_constant(sizes_.window[i])});
    }
    return all;
  }
  Gradients gradient(const Apply&, const Vars& g) const override {
    return {look(g[0], sizes_), Gradient{}, Gradient{}};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}};
    return {reapply(node, tangents[0])};
  }
  void run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const override {
    const Shape& from = in[0]->shape;
    const std::size_t lead = from.rank() - 4;
    out[0] = {};
    for (std::size_t i = 0; i < lead; ++i) out[0].push_back(from[i]);
    for (std::size_t i = 0; i < 2; ++i) {
      const std::int64_t size = run_time_size(*in[1 + i]);
      out[0].push_back(size);
      if (sizes_.places(i, size) == from[lead + i] && from[lead + 2 + i] == sizes_.window[i])
        continue;
      throw ShapeError(fmt::format("{} windows of {} do not lie {} apart in {}", from[lead + i],
                                   from[lead + 2 + i], sizes_.stride[i], size));
    }
  }
  bool shapes_need_values() const override { return true; }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    add_windows(*in[0], sizes_.stride, *out[0]);
  }
  friend bool operator==(const WindowSums&, const WindowSums&) = default;

 private:
  WindowSizes sizes_;
};

class Windows final : public OpOf<Windows>, public ReadsElements {
 public:
  explicit Windows(WindowSizes sizes) : sizes_(sizes) {}
  std::string name() const override { return "windows"; }
  std::string parameters() const override { return sizes_.text(); }
  Origin origin(const Apply&, std::size_t) const override { return {0, 1}; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 1);
    if (in[0].rank() < 2 || in[0].rank() + 2 > max_rank) {
      throw ShapeError(
          fmt::format("expected two to {} axes, got {}", max_rank - 2, to_string(in[0])));
    }
    TensorType out = in[0];
    for (std::size_t i = 0; i < 2; ++i) {
      std::int64_t& n = out.dims[in[0].rank() - 2 + i];
      if (n != unknown) n = sizes_.places(i, n);
      out.dims.push_back(sizes_.window[i]);
    }
    return {out};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    Vars all = shapes[0];
    for (std::size_t i = 0; i < 2; ++i) {
      Var& n = all[shapes[0].size() - 2 + i];
      n = sizes_.places(i, n);
    }
    for (const std::int64_t n : sizes_.window) all.push_back(int_constant(n));
    return {all};
  }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    const Var x = node.input(0);
    if (!is_float(x.dtype())) return {Gradient{}};
    const std::size_t rows = x.ndim() - 2;
    const Var sums = make_var(std::make_shared<WindowSums>(sizes_),
                              {g[0], size_at(x, rows), size_at(x, rows + 1)});
    std::vector<Arg> known;
    for (const std::int64_t n : x.type().dims)
      known.emplace_back(static_cast<long>(n == unknown ? -1 : n));
    return {specify_shape(sums, Sizes(known))};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    if (!tangents[0].defined()) return {Var{}};
    return {reapply(node, tangents[0])};
  }
  bool is_view() const override { return true; }
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override {
    shapes_of_view(*this, node, in, out);
  }
  void view(const Apply&, TensorsIn in, Tensor& out) const override {
    out = *in[0];
    const std::size_t rows = out.rank() - 2;
    for (std::size_t i = 0; i < 2; ++i) {
      out.shape.push_back(sizes_.window[i]);
      out.strides.push_back(out.strides[rows + i]);
      out.shape[rows + i] = sizes_.places(i, out.shape[rows + i]);
      out.strides[rows + i] *= sizes_.stride[i];
    }
  }
  friend bool operator==(const Windows&, const Windows&) = default;

 private:
  WindowSizes sizes_;
};

Var look(const Var& x, const WindowSizes& sizes) {
  return make_var(std::make_shared<Windows>(sizes), {x});
}

OpPtr read_windows(OpText& text) { return std::make_shared<Windows>(read_sizes(text.parameters)); }
OpPtr read_window_sums(OpText& text) {
  return std::make_shared<WindowSums>(read_sizes(text.parameters));
}

}  // namespace

Var windows_of(const Var& x, std::array<int, 2> window, std::array<int, 2> stride) {
  return look(x, {{window[0], window[1]}, {stride[0], stride[1]}});
}

DAMO_OPS(windows) {
  ops.reader({"windows", read_windows, 1, 1});
  ops.reader({"window_sums", read_window_sums, 3, 3});
  ops.sample({.name = "windows", .inputs = {{"bmn"}}, .apply = [](const Vars& in) {
                return windows_of(in[0], {2, 3}, {1, 2});
              }});
  ops.sample({.name = "window_sums", .inputs = {{"bmn"}}, .apply = [](const Vars& in) {
                const WindowSizes sizes{{2, 3}, {1, 2}};
                return make_var(std::make_shared<WindowSums>(sizes),
                                {look(in[0], sizes), size_at(in[0], 1), size_at(in[0], 2)});
              }});
}

}  // namespace damo
