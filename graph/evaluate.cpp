#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>

namespace damo {

/// Views point into arrays that live as long as this does.
class Evaluation::Values {
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
  std::size_t bytes() const { return bytes_; }

  /// Computes `v` and what it needs, as far as that is not known; of a choice only what is taken.
  void need(const Var& v) {
    Vars stack{v};
    while (!stack.empty()) {
      const Var top = stack.back();
      const std::optional<Var> missing = has(top) ? std::nullopt : first_missing(top.owner());
      if (missing) {
        stack.push_back(*missing);
        continue;
      }
      stack.pop_back();
      if (!has(top)) compute(top.owner());
    }
  }

  void compute(const Apply& node) {
    if (node.inputs().empty() && leaf(node)) return;
    std::vector<const Tensor*> in;
    for (const Var& v : node.inputs()) in.push_back(has(v) ? &tensors_.at(v) : nullptr);
    try {
      run(node, in);
    } catch (const Error&) {
      for (std::size_t i = 0; i < node.n_outputs(); ++i) tensors_.erase(node.output(i));
      throw LocatedError::current(node, in);
    }
  }

 private:
  std::optional<Var> first_missing(const Apply& node) const {
    if (node.op().chooses()) {
      if (!has(node.input(0))) return node.input(0);
      const Var& taken = node.input(*at(node.input(0)).as<bool>() ? 1 : 2);
      return has(taken) ? std::nullopt : std::optional(taken);
    }
    for (const Var& in : node.inputs()) {
      if (!has(in)) return in;
    }
    return std::nullopt;
  }

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
    const auto* op = dynamic_cast<const ComputesAtOnce*>(&node.op());
    std::vector<Array> results = op != nullptr ? op->compute(node, in) : performed(node, in);
    for (std::size_t i = 0; i < results.size(); ++i) hold(node.output(i), std::move(results[i]));
  }

  /// Nothing is held of a node that fails: it fails again when it is asked for again.
  std::vector<Array> performed(const Apply& node, TensorsIn in) {
    std::vector<Shape> shapes(node.n_outputs());
    node.op().run_shapes(node, in, shapes);
    std::vector<Array> results;
    std::vector<Tensor> views;
    std::vector<Tensor*> out;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      results.emplace_back(node.types()[i].dtype, shapes[i]);
      views.push_back(results.back().view());
    }
    for (Tensor& view : views) out.push_back(&view);
    node.op().perform(node, in, out, scratch_);
    return results;
  }

  void hold(const Var& v, Array array) {
    arrays_.push_back(std::make_unique<Array>(std::move(array)));
    bytes_ += arrays_.back()->bytes();
    tensors_[v] = arrays_.back()->view();
  }

  std::unordered_map<Var, Tensor, VarHash, VarSame> tensors_;
  std::size_t bytes_ = 0;
  std::vector<std::unique_ptr<Array>> arrays_;
  Workspace scratch_;
};

namespace {

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

std::vector<Array> evaluate(std::span<const Var> outputs,
                            std::span<const std::pair<Var, Array>> bindings) {
  try {
    return evaluate_inside(outputs, bindings);
  } catch (const LocatedError& e) {
    e.raise();
  }
}

std::vector<Array> evaluate_inside(std::span<const Var> outputs,
                                   std::span<const std::pair<Var, Array>> bindings) {
  Evaluation values(bindings);
  std::vector<Array> result;
  for (const Var& v : outputs) result.push_back(copy_out(values.value(v)));
  return result;
}

Evaluation::Evaluation(std::span<const std::pair<Var, Array>> bindings) : bindings_(bindings) {
  forget();
}
Evaluation::~Evaluation() = default;
std::size_t Evaluation::bytes() const { return values_->bytes(); }

Tensor Evaluation::value(const Var& v) {
  values_->need(v);
  return values_->at(v);
}

void Evaluation::forget() {
  values_ = std::make_unique<Values>();
  for (const auto& [v, value] : bindings_) values_->bind(v, value);
}

Array evaluate(const Var& output, std::span<const std::pair<Var, Array>> bindings) {
  return std::move(evaluate(std::span(&output, 1), bindings).front());
}

}  // namespace damo
