#include <algorithm>
#include <cmath>
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/wide/wide.hpp>

// How a node is computed in long double when its op does not say.
namespace damo {
namespace {

constexpr long double nothing_known = std::numeric_limits<long double>::infinity();
constexpr long double Wide::*bounds[] = {&Wide::doubt, &Wide::rounding};

bool certain(const WideArray& a, long double Wide::*bound) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].*bound != 0) return false;
  }
  return true;
}

/// Whether there is a NaN that stands for a number that is not known: no kernel tells how far it
/// may be off.
bool may_be_any(const WideArray& a, long double Wide::*bound) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i].value) && std::isinf(a[i].*bound)) return true;
  }
  return false;
}

/// What the op's kernel makes of these tensors.
std::vector<Array> performed(const Apply& node, const std::vector<Array>& in,
                             DType* only = nullptr) {
  std::vector<Tensor> tensors;
  for (const Array& a : in) tensors.push_back(a.view());
  std::vector<const Tensor*> pointers;
  for (const Tensor& t : tensors) pointers.push_back(&t);
  const auto dtype = [&](std::size_t i) { return only == nullptr ? node.types()[i].dtype : *only; };
  std::vector<Array> results;
  if (node.op().is_view()) {
    Tensor out{nullptr, dtype(0), {}, {}};
    node.op().view(node, pointers, out);
    const WideArray dense(out);
    results.push_back(dense.rounded());
    return results;
  }
  std::vector<Shape> shapes(node.n_outputs());
  node.op().run_shapes(node, pointers, shapes);
  std::vector<Tensor> outs;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    results.emplace_back(dtype(i), shapes[i]);
    outs.push_back(results.back().view());
  }
  std::vector<Tensor*> out_pointers;
  for (Tensor& t : outs) out_pointers.push_back(&t);
  Workspace scratch;
  node.op().perform(node, pointers, out_pointers, scratch);
  return results;
}

void mark_all(WidesOut out, long double Wide::*bound) {
  for (WideArray& result : out) {
    for (std::size_t i = 0; i < result.size(); ++i) result[i].*bound = nothing_known;
  }
}

/// How far apart the results are, element by element, where the inputs are off.
void add_spread(const Apply& node, WidesIn in, long double Wide::*bound, WidesOut out) {
  bool exact = true;
  for (const WideArray* a : in) exact = exact && certain(*a, bound);
  if (exact) return;
  if (std::any_of(in.begin(), in.end(), [&](const WideArray* a) { return may_be_any(*a, bound); }))
    return mark_all(out, bound);
  for (const int sign : {-1, 1}) {
    std::vector<Array> inputs;
    for (const WideArray* a : in) inputs.push_back(a->rounded(sign, bound));
    std::vector<Array> results;
    try {
      results = performed(node, inputs);
    } catch (const Error&) {  // a size or place that is none
      return mark_all(out, bound);
    }
    for (std::size_t k = 0; k < out.size(); ++k) {
      const bool comparable = results[k].shape() == out[k].shape();
      const WideArray other = comparable ? WideArray(results[k].view()) : WideArray();
      for (std::size_t i = 0; i < out[k].size(); ++i) {
        Wide& to = out[k][i];
        const long double gap = comparable ? std::abs(other[i].value - to.value) : nothing_known;
        const bool both_nan = comparable && std::isnan(other[i].value) && std::isnan(to.value);
        const bool same = comparable && other[i].value == to.value;
        if (!both_nan && !same)
          to.*bound = std::max(to.*bound, std::isnan(gap) ? nothing_known : gap);
      }
    }
  }
}

}  // namespace

void compute_wide(const Apply& node, WidesIn in, WidesOut out) {
  if (const auto* op = dynamic_cast<const ComputesWide*>(&node.op()))
    return op->perform_wide(node, in, out);
  node.op().is_view() ? move_wide(node, in, 1, out) : wide_by_kernel(node, in, out);
}

void wide_by_kernel(const Apply& node, WidesIn in, WidesOut out) {
  std::vector<Array> inputs;
  for (const WideArray* a : in) inputs.push_back(a->rounded());
  const std::vector<Array> results = performed(node, inputs);
  const bool finite = std::all_of(in.begin(), in.end(), [](const WideArray* a) {
    for (std::size_t i = 0; i < a->size(); ++i) {
      if (std::isinf((*a)[i].value)) return false;
    }
    return true;
  });
  for (std::size_t k = 0; k < out.size(); ++k) {
    out[k] = WideArray(results[k].view());
    if (!is_float(out[k].dtype())) continue;
    // The kernel itself rounds.
    const bool single = out[k].dtype() == DType::float32;
    const long double unit = 4 * (single ? std::numeric_limits<float>::epsilon()
                                         : std::numeric_limits<double>::epsilon());
    for (std::size_t i = 0; i < out[k].size(); ++i) {
      Wide& x = out[k][i];
      if (std::isfinite(x.value)) x.doubt = x.rounding = unit * std::abs(x.value);
      if (std::isinf(x.value) && finite) x.doubt = x.rounding = nothing_known;  // out of its range
    }
  }
  for (const auto bound : bounds) add_spread(node, in, bound, out);
}

Array places_in(const Apply& node, WidesIn in, std::size_t n_moved) {
  std::vector<Array> inputs;
  std::int64_t first = 0;
  for (std::size_t k = 0; k < in.size(); ++k) {
    if (k >= n_moved) {
      inputs.push_back(in[k]->rounded());
      continue;
    }
    inputs.emplace_back(DType::int64, in[k]->shape());
    for (std::size_t i = 0; i < in[k]->size(); ++i) inputs.back().data<std::int64_t>()[i] = first++;
  }
  DType places = DType::int64;
  return std::move(performed(node, inputs, &places)[0]);
}

void move_wide(const Apply& node, WidesIn in, std::size_t n_moved, WidesOut out) {
  const Array from = places_in(node, in, n_moved);
  std::vector<Wide> all;
  for (std::size_t k = 0; k < n_moved; ++k) {
    for (std::size_t i = 0; i < in[k]->size(); ++i) all.push_back((*in[k])[i]);
  }
  out[0] = WideArray(node.types()[0].dtype, from.shape());
  for (std::size_t i = 0; i < out[0].size(); ++i)
    out[0][i] = all[static_cast<std::size_t>(from.data<std::int64_t>()[i])];
  for (const auto bound : bounds) {
    for (std::size_t k = n_moved; k < in.size(); ++k) {
      if (certain(*in[k], bound)) continue;
      for (std::size_t i = 0; i < out[0].size(); ++i) out[0][i].*bound = nothing_known;
    }
  }
}

void scatter_wide(const Array& places, WidesIn in, WidesOut out) {
  out[0] = *in[0];
  const WideMath math(in[0]->dtype());
  for (std::size_t i = 0; i < in[1]->size(); ++i) {
    Wide& to = out[0][static_cast<std::size_t>(places.data<std::int64_t>()[i])];
    to = math.add(to, (*in[1])[i]);
  }
}

}  // namespace damo
