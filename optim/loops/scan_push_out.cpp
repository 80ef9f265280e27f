#include <algorithm>

#include <damo/graph/branch_guards.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/linalg/sum_of_products.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/loops/edit_loops.hpp>
#include <damo/optim/loops/if_loop_runs.hpp>

// Many small products in a loop as one large product outside it: of what enters the loop, and of
// what the loop only sums up, as the gradient of a recurrent network does for its weights. Both
// have the bits of the small ones, so that a loop goes on being its unrolled graph.
namespace damo::optim {
namespace {

class PushOut {
 public:
  explicit PushOut(const Apply& node) : node_(node), edit_(OpenLoop::of(node)) {}

  std::optional<Vars> run() {
    if (edit_.condition.defined()) return std::nullopt;  // nobody knows how many rows there will be
    const bool hoisted = hoist_products();
    find_sums();
    if (!hoisted && sums_.empty()) return std::nullopt;
    return rebuild();
  }

 private:
  /// A product that a step adds to a sum: of vectors, or of matrices with the summed axis first.
  struct Term {
    bool negative;
    Var a;
    Var b;
  };
  struct Sum {
    std::size_t state;
    std::vector<Term> terms{};
  };

  Vars body_roots() const {
    Vars roots;
    for (const auto& s : edit_.states) roots.push_back(s.next);
    roots.insert(roots.end(), edit_.extras.begin(), edit_.extras.end());
    return roots;
  }

  static const OpenLoop::Entry* standing_for(const std::vector<OpenLoop::Entry>& list,
                                             const Var& inner) {
    const auto at =
        std::find_if(list.begin(), list.end(), [&](const auto& c) { return same(c.inner, inner); });
    return at == list.end() ? nullptr : &*at;
  }

  /// dot(x[t], W) = dot(x, W)[t].
  bool hoist_products() {
    VarMap replaced;
    std::vector<OpenLoop::Entry> added;
    const Vars roots = body_roots();
    const Guards guards(roots);
    for (const Apply* n : toposort(roots)) {
      const Var v = n->output();
      if (!guards.always(*n)) continue;  // not every step needs it
      if (as<Dot>(v) == nullptr || v.ndim() != 1 || n->input(0).ndim() != 1) continue;
      const auto* x = standing_for(edit_.sequences, n->input(0));
      const auto* w = standing_for(edit_.non_sequences, n->input(1));
      if (x == nullptr || w == nullptr) continue;
      const Var all = if_loop_runs(edit_.n_steps, dot(x->outer, w->outer));
      const Var inner = input(v.type(), "", v.site());
      added.push_back({fit_rows(all, v), inner});
      replaced[v] = inner;
    }
    edit_.sequences.insert(edit_.sequences.end(), added.begin(), added.end());
    edit_.replace_in_body(replaced);
    return !replaced.empty();
  }

  /// Rows known as closely as the item is.
  static Var fit_rows(const Var& rows, const Var& item) {
    std::vector<Arg> sizes{-1};
    bool promised = false;
    for (std::size_t i = 0; i < item.ndim(); ++i) {
      const bool closer = item.type().dims[i] != unknown && rows.type().dims[i + 1] == unknown;
      promised = promised || closer;
      sizes.emplace_back(closer ? item.type().dims[i] : -1);
    }
    return promised ? specify_shape(rows, Sizes(sizes)) : rows;
  }

  void find_sums() {
    std::unordered_map<Var, std::size_t, VarHash, VarSame> uses;
    const Vars roots = body_roots();
    for (const Apply* n : toposort(roots)) {
      for (const Var& in : n->inputs()) ++uses[in];
    }
    for (const Var& root : roots) ++uses[root];
    for (std::size_t i = 0; i < edit_.states.size(); ++i) {
      if (uses[edit_.states[i].inner] != 1 || !only_last_is_read(i)) continue;
      if (uniform_value(edit_.states[i].initial) != 0.0) continue;
      Sum sum{i};
      if (find_terms(edit_.states[i].next, sum, 0) && !sum.terms.empty())
        sums_.push_back(std::move(sum));
    }
  }

  bool only_last_is_read(std::size_t state) const {
    bool read = false;
    for (const auto& o : edit_.outputs) {
      if (!o.of_state || o.index != state) continue;
      if (o.keep != Scan::Keep::last) return false;
      read = true;
    }
    return read;
  }

  /// Collects the products that `v` = state + product - product ... adds up, in this order; false
  /// when it is something else.
  bool find_terms(const Var& v, Sum& sum, int depth) const {
    const Var& state = edit_.states[sum.state].inner;
    if (same(v, state)) return true;
    const ScalarOp* f = scalar_op(v);
    const bool minus = f == vocabulary().sub;
    if (depth == 16 || (f != vocabulary().add && !minus)) return false;
    for (const std::size_t i : {1, 0}) {
      if (minus && i == 0) break;
      const auto term = as_term(v.inputs()[i], minus);
      if (!term || !stretched_axes(v.inputs()[i].type(), state.type()).empty()) continue;
      if (!find_terms(v.inputs()[1 - i], sum, depth + 1)) return false;
      if (!sum.terms.empty() && !same_sizes(term->a, sum.terms[0].a)) return false;
      sum.terms.push_back(*term);
      return true;
    }
    return false;
  }

  /// Whether as many rows enter both products.
  static bool same_sizes(const Var& a, const Var& b) {
    if (a.ndim() != b.ndim()) return false;
    return a.ndim() == 1 || same_graph(sizes(a)[0], sizes(b)[0]);
  }

  std::optional<Term> as_term(const Var& v, bool negative) const {
    if (as<Dot>(v) == nullptr || v.ndim() != 2 || !is_float(v.dtype())) return std::nullopt;
    const Var& a = v.inputs()[0];
    const Var& b = v.inputs()[1];
    const auto* left = as<DimShuffle>(a);
    const auto* right = as<DimShuffle>(b);
    if (left == nullptr) return std::nullopt;
    const std::vector<int> column{0, -1}, row{-1, 0}, transposed{1, 0};
    if (left->pattern() == column && right != nullptr && right->pattern() == row)
      return traceable({negative, a.inputs()[0], b.inputs()[0]});
    if (left->pattern() == transposed) return traceable({negative, a.inputs()[0], b});
    return std::nullopt;
  }

  /// A term is no use when a part of it has no value of its own at each step.
  std::optional<Term> traceable(Term term) const {
    for (const Var& v : {term.a, term.b}) {
      if (constant_value(v) != nullptr || standing_for(edit_.non_sequences, v) != nullptr)
        return std::nullopt;
    }
    return term;
  }

  /// What has to be kept so that `v` of every step can be read: the place of the output, or nothing
  /// for a sequence.
  std::optional<std::size_t> keep_trace(const Var& v) {
    if (standing_for(edit_.sequences, v) != nullptr) return std::nullopt;
    for (std::size_t i = 0; i < edit_.states.size(); ++i) {
      if (same(edit_.states[i].inner, v)) return edit_.add_output({true, i, Scan::Keep::history});
    }
    return edit_.add_output({false, edit_.add_extra(v), Scan::Keep::trace});
  }

  /// `v` of all steps.
  Var rows_of(const Var& v, const std::optional<std::size_t>& place, const Vars& loop) const {
    if (place && edit_.outputs[*place].keep == Scan::Keep::trace) return loop[*place];
    const Var all = place ? loop[*place] : outer_of_.at(v);
    return all[range(0, edit_.n_steps)];
  }

  /// What the product over all steps reads on one side: the matrices of its terms, step by step.
  static Var in_one(Vars rows) {
    for (Var& v : rows) {
      if (v.ndim() == 2) v = shuffle_axes(v, {0, -1, 1});
    }
    if (rows.size() == 1) return rows[0];
    const Var all = stack(rows, 1);
    return reshape(all, Vars{size_at(all, 0) * size_at(all, 1), size_at(all, 2), size_at(all, 3)});
  }

  /// Where a loop keeps the two sides of a term.
  using Places = std::pair<std::optional<std::size_t>, std::optional<std::size_t>>;

  Var product(const Sum& sum, const Places* places, const Vars& loop) const {
    Vars a, b;
    for (const Term& t : sum.terms) {
      const Var rows = rows_of(t.a, places->first, loop);
      a.push_back(t.negative ? -rows : rows);
      b.push_back(rows_of(t.b, places++->second, loop));
    }
    return sum_of_products(in_one(a), in_one(b));
  }

  std::optional<Vars> rebuild() {
    const std::vector<OpenLoop::Output> had = edit_.outputs;
    for (const auto& s : edit_.sequences) outer_of_.emplace(s.inner, s.outer);
    const auto sum_of = [&](const OpenLoop::Output& o) {
      return std::find_if(sums_.begin(), sums_.end(),
                          [&](const Sum& s) { return o.of_state && s.state == o.index; });
    };
    edit_.outputs.clear();
    std::vector<std::optional<std::size_t>> place(had.size());
    for (std::size_t k = 0; k < had.size(); ++k) {
      if (sum_of(had[k]) == sums_.end()) place[k] = edit_.add_output(had[k]);
    }
    std::vector<Places> traces;
    for (const Sum& s : sums_) {
      for (const Term& t : s.terms) {
        const auto a = keep_trace(t.a);
        traces.emplace_back(a, keep_trace(t.b));
      }
    }
    if (edit_.outputs.empty()) return std::nullopt;  // a loop of sums over sequences alone
    edit_.drop_unused();
    const Vars loop = edit_.build();
    Vars totals;
    const Places* next = traces.data();
    for (std::size_t i = 0; i < sums_.size(); next += sums_[i++].terms.size()) {
      totals.push_back(product(sums_[i], next, loop));
    }
    Vars result;
    for (std::size_t k = 0; k < had.size(); ++k) {
      const auto s = sum_of(had[k]);
      result.push_back(s == sums_.end() ? loop[*place[k]]
                                        : fit(totals[static_cast<std::size_t>(s - sums_.begin())],
                                              node_.output(k)));
    }
    return result;
  }

  const Apply& node_;
  OpenLoop edit_;
  std::vector<Sum> sums_;
  VarMap outer_of_;
};

}  // namespace

/// Makes products of what enters a loop, and products that a loop only sums up, one product
/// outside the loop.
FunctionGraph scan_push_out(const FunctionGraph& graph, const Pass::Setting& setting) {
  return edit_each_loop(
      graph, [](const Apply& node) { return PushOut(node).run(); }, setting.trace, "scan_push_out",
      "products that need no loop are one product outside it");
}

}  // namespace damo::optim
