#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include <damo/graph/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/guards.hpp>
#include <damo/graph/leaves.hpp>
#include <damo/graph/print.hpp>
#include <damo/graph/walk.hpp>

namespace damo {
namespace {

/// The values of a graph under evaluation. Views point into arrays that live as long as this does.
class Values {
 public:
  void bind(const Var& v, const Array& value) {
    if (value.dtype() != v.dtype() || value.rank() != v.ndim()) {
      throw TypeError(fmt::format("evaluate: {} was given {} {}", describe(v), name(value.dtype()),
                                  to_string(value.shape())));
    }
    tensors_[v] = value.view();
  }
  const Tensor& at(const Var& v) const { return tensors_.at(v); }
  bool has(const Var& v) const { return tensors_.contains(v); }
  bool hold(const std::vector<Guard>& guards) const {
    return std::all_of(guards.begin(), guards.end(),
                       [this](const Guard& g) { return *at(g.condition).as<bool>() == g.holds; });
  }

  void compute(const Apply& node) {
    if (node.inputs().empty() && leaf(node)) return;
    std::vector<const Tensor*> in;
    for (const Var& v : node.inputs()) in.push_back(has(v) ? &tensors_.at(v) : nullptr);
    try {
      run(node, in);
    } catch (const Error&) {
      rethrow_at(node, in, "");
    }
  }

 private:
  bool leaf(const Apply& node) {
    const Var v = node.output();
    if (const Array* value = constant_value(v)) {
      tensors_[v] = value->view();
    } else if (is_shared(v)) {
      tensors_[v] = SharedVar(v).value().view();
    } else if (is_input(v)) {
      throw GraphError(fmt::format("evaluate: no value for {}", describe(v)));
    } else {
      return false;
    }
    return true;
  }

  void run(const Apply& node, TensorsIn in) {
    if (node.op().is_view()) {
      Tensor out{nullptr, node.types()[0].dtype, {}, {}};
      node.op().view(node, in, out);
      tensors_[node.output()] = out;
      return;
    }
    std::vector<Shape> shapes(node.n_outputs());
    node.op().run_shapes(node, in, shapes);
    std::vector<Tensor*> out;
    for (std::size_t i = 0; i < node.n_outputs(); ++i) {
      arrays_.push_back(std::make_unique<Array>(node.types()[i].dtype, shapes[i]));
      Tensor& slot = tensors_[node.output(i)];
      slot = arrays_.back()->view();
    }
    for (std::size_t i = 0; i < node.n_outputs(); ++i) out.push_back(&tensors_.at(node.output(i)));
    node.op().perform(node, in, out, scratch_);
  }

  std::unordered_map<Var, Tensor, VarHash, VarSame> tensors_;
  std::vector<std::unique_ptr<Array>> arrays_;
  Workspace scratch_;
};

Array copy_out(const Tensor& t) {
  Array out(t.dtype, t.shape);
  const std::size_t size = item_size(t.dtype);
  const std::int64_t n = t.elements();
  for (std::int64_t i = 0; i < n; ++i) {
    std::int64_t rest = i;
    std::int64_t offset = 0;
    for (std::size_t d = t.rank(); d-- > 0;) {
      offset += rest % t.shape[d] * t.strides[d];
      rest /= t.shape[d];
    }
    std::copy_n(t.data + offset * static_cast<std::int64_t>(size), size,
                out.raw() + static_cast<std::size_t>(i) * size);
  }
  return out;
}

}  // namespace

void rethrow_at(const Apply& node, TensorsIn in, const std::string& context) {
  const auto explain = [&](const Error& e) {
    std::string text = fmt::format("{}: {}", node.op().name(), e.what());
    for (std::size_t i = 0; i < in.size(); ++i) {
      if (in[i] == nullptr) continue;  // of a branch not taken
      text += fmt::format("\n  operand  {} {}: {}", name(in[i]->dtype), to_string(in[i]->shape),
                          describe(node.input(i)));
    }
    return text + fmt::format("\n  node     {}{}", describe(node), context);
  };
  try {
    throw;
  } catch (const ShapeError& e) {
    throw ShapeError(explain(e));
  } catch (const TypeError& e) {
    throw TypeError(explain(e));
  } catch (const NumericError& e) {
    throw NumericError(explain(e));
  } catch (const InternalError& e) {
    throw InternalError(explain(e));
  } catch (const GraphError& e) {
    throw GraphError(explain(e));
  }
}

std::vector<Array> evaluate(std::span<const Var> outputs,
                            std::span<const std::pair<Var, Array>> bindings) {
  Values values;
  VarSet given;
  for (const auto& [v, value] : bindings) {
    values.bind(v, value);
    given.insert(v);
  }
  const Guards guards(outputs, given);
  for (const Apply* node : toposort(outputs, given)) {
    if (node->n_outputs() == 1 && values.has(node->output())) continue;
    if (values.hold(guards.of(*node))) values.compute(*node);
  }
  std::vector<Array> result;
  for (const Var& v : outputs) result.push_back(copy_out(values.at(v)));
  return result;
}

Array evaluate(const Var& output, std::span<const std::pair<Var, Array>> bindings) {
  return std::move(evaluate(std::span(&output, 1), bindings).front());
}

}  // namespace damo
