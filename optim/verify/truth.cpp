#include <damo/optim/verify/truth.hpp>

#include <algorithm>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/elementwise.hpp>

namespace damo::optim {
namespace {

bool can_be_computed(WideEvaluation& values, const Var& before, const Var& after) {
  try {
    values.value(before);
    values.value(after);
    return true;
  } catch (const Error&) {
  } catch (const LocatedError&) {
  }
  return false;
}

}  // namespace

bool Truth::is_known() { return can_be_computed(exactly_, before_, after_); }

bool Truth::has_limit() { return limit_ != nullptr && can_be_computed(*limit_, before_, after_); }

bool Truth::meets_limit() {
  if (meets_limit_) return *meets_limit_;
  bool infinite = false;
  bool undefined = false;
  for (const Apply* node : toposort(std::span(&before_, 1))) {
    try {
      const WideArray& value = exactly_.value(node->output());
      for (std::size_t i = 0; i < value.size(); ++i) {
        infinite = infinite || std::isinf(value[i].value);
        undefined = undefined || std::isnan(value[i].value);
      }
    } catch (const Error&) {  // of a branch that is not taken
    } catch (const LocatedError&) {
    }
    // What a loop meets inside is not seen from here.
    infinite = infinite || node->op().body() != nullptr;
  }
  meets_limit_ = infinite && undefined;
  return *meets_limit_;
}

namespace {

/// `a` with the other sign for its zeros, or nothing where it has none.
std::optional<WideArray> with_other_zeros(const WideArray& a) {
  std::optional<WideArray> other;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].value != 0) continue;
    if (!other) other = a;
    (*other)[i].value = -a[i].value;
  }
  return other;
}

bool same_numbers(const WideArray& a, const WideArray& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool both_nan = std::isnan(a[i].value) && std::isnan(b[i].value);
    if (a[i].value != b[i].value && !both_nan) return false;
  }
  return true;
}

}  // namespace

bool Truth::sign_of_zero_counts() {
  if (sign_of_zero_counts_) return *sign_of_zero_counts_;
  const auto counts_at = [&](const Apply& node) {
    std::vector<const WideArray*> in;
    for (const Var& v : node.inputs()) in.push_back(&exactly_.value(v));
    const WideArray& value = exactly_.value(node.output());
    for (std::size_t i = 0; i < in.size(); ++i) {
      if (!is_float(in[i]->dtype())) continue;
      const auto other = with_other_zeros(*in[i]);
      if (!other) continue;
      const WideArray* whole = std::exchange(in[i], &*other);
      std::vector<WideArray> out(1);
      compute_wide(node, in, out);
      in[i] = whole;
      if (!same_numbers(out[0], value)) return true;
    }
    return false;
  };
  const auto nodes = toposort(std::span(&before_, 1));
  sign_of_zero_counts_ = std::any_of(nodes.begin(), nodes.end(), [&](const Apply* node) {
    return as<Elementwise>(node->op()) != nullptr &&
           can_be_computed(exactly_, node->output(), node->output()) && counts_at(*node);
  });
  return *sign_of_zero_counts_;
}

bool Truth::stays_near_one() {
  Vars on_the_way;
  for (const Apply* node : toposort(std::span(&before_, 1))) {
    const Vars outputs = node->outputs();
    on_the_way.insert(on_the_way.end(), outputs.begin(), outputs.end());
    on_the_way.insert(on_the_way.end(), node->inputs().begin(), node->inputs().end());
  }
  return std::all_of(on_the_way.begin(), on_the_way.end(), [&](const Var& v) {
    if (!is_float(v.dtype())) return true;
    if (!can_be_computed(exactly_, v, v)) return false;
    const long double far = v.dtype() == DType::float32 ? 1e4L : 1e8L;
    const WideArray& value = exactly_.value(v);
    for (std::size_t i = 0; i < value.size(); ++i) {
      const long double size = std::abs(value[i].value);
      if (!(size == 0 || (size >= 1 / far && size <= far))) return false;
    }
    return true;
  });
}

}  // namespace damo::optim
