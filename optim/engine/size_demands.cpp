#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include <damo/graph/branch_guards.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/ops/shape/size_check.hpp>
#include <damo/optim/analysis/size_numbers.hpp>
#include <damo/optim/engine/size_demands.hpp>

namespace damo::optim {
namespace {

/// A condition under which a demand is made, by the number of its variable.
struct Under {
  enum class Kind : std::uint8_t { holds, fails, loop_runs };
  Kind kind;
  std::uint32_t number;
  friend bool operator<(const Under& a, const Under& b) {
    return std::pair(a.kind, a.number) < std::pair(b.kind, b.number);
  }
};

/// A demand in variables of the outermost graph, and when it is made.
struct Found {
  Demand demand;
  std::uint32_t a, b;  ///< numbers of its two sides
  Var node;            ///< whose it is
  Way when{};
  Vars steps{};  ///< of the loops it is made in: none is made in a loop that does not run
  std::set<Under> under{};  ///< the same by number
  bool always() const { return when.empty() && steps.empty(); }
};

/// On which ways each node is needed.
auto conditions(const FunctionGraph& graph, const std::vector<const Apply*>& order) {
  const bool any = std::any_of(order.begin(), order.end(),
                               [](const Apply* node) { return node->op().chooses(); });
  const auto guards = any ? std::make_shared<Guards>(graph.roots()) : nullptr;
  return [guards](const Apply& node) {
    return guards != nullptr ? guards->ways(node) : std::vector<Way>{{}};
  };
}

/// Collects what the nodes of a graph demand, those of loops' bodies in terms of what enters them.
class Demands {
 public:
  explicit Demands(SizeNumbers& numbers) : numbers_(numbers) {}

  void collect(const FunctionGraph& graph) {
    const auto order = graph.order();
    const auto when = conditions(graph, order);
    for (const Apply* node : order) {
      numbers_.visit(*node);
      const auto* scan = as<Scan>(node->op());
      if (scan != nullptr) numbers_.never_negative(node->input(0));
      for (const Way& way : when(*node)) {
        add(*node, way, {});
        if (scan != nullptr) enter(*node, *scan, way, {});
      }
    }
  }
  const std::vector<Found>& found() const { return found_; }

 private:
  void add(const Apply& node, const Way& when, const Vars& steps) {
    if (node.inputs().empty() || numbers_.is_alike(node)) return;
    for (Demand& d : node.op().demands(node, numbers_.input_shapes(node))) {
      d.a = numbers_.outside(d.a);
      d.b = numbers_.outside(d.b);
      if (!d.a.defined() || !d.b.defined()) continue;  // another one in each step
      const std::uint32_t a = numbers_.number(d.a), b = numbers_.number(d.b);
      if (a == b && d.kind != Demand::Kind::inside) continue;
      const bool always = when.empty() && steps.empty();
      if (always && !seen_.emplace(d.kind, a, b).second) continue;
      found_.push_back({d, a, b, node.output(), when, steps, under(when, steps)});
    }
  }

  std::set<Under> under(const Way& when, const Vars& steps) {
    std::set<Under> all;
    for (const Guard& g : when)
      all.insert({g.holds ? Under::Kind::holds : Under::Kind::fails, numbers_.number(g.condition)});
    for (const Var& n : steps) all.insert({Under::Kind::loop_runs, numbers_.number(n)});
    return all;
  }

  /// What one step demands of sizes that are the same in all.
  void enter(const Apply& node, const Scan& scan, const Way& when, Vars steps) {
    if (scan.spec().body.inputs.empty()) return;
    const auto n = scalar_constant(node.input(0));
    if (!n || *n < 1) steps.push_back(numbers_.outside(node.input(0)));
    if (!steps.empty() && !steps.back().defined()) return;
    numbers_.enter(node, scan);
    const auto order = scan.spec().body.order();
    const auto inside = conditions(scan.spec().body, order);
    for (const Apply* inner : order) {
      numbers_.visit(*inner);
      // A condition inside is another one in each step.
      if (!inside(*inner).front().empty()) continue;
      const auto* loop = as<Scan>(inner->op());
      const Var n = loop != nullptr ? numbers_.outside(inner->input(0)) : Var{};
      if (n.defined()) numbers_.never_negative(n);
      add(*inner, when, steps);
      if (loop != nullptr) enter(*inner, *loop, when, steps);
    }
    numbers_.leave();
  }

  SizeNumbers& numbers_;
  std::vector<Found> found_;
  std::set<std::tuple<Demand::Kind, std::uint32_t, std::uint32_t>> seen_;  ///< made always
};

/// What follows from demands. Those of equal sizes are to be added before the others.
class Implied {
 public:
  explicit Implied(const SizeNumbers& numbers) : numbers_(numbers) {}

  void add(const Found& f) {
    const auto at = numbers_.value(f.a), least = numbers_.value(f.b);
    if (f.demand.kind == Demand::Kind::equal) {
      const std::uint32_t from = root(f.a), to = root(f.b);
      parents_[from] = to;
    } else if (f.demand.kind == Demand::Kind::inside && at) {
      raise(f.b, needed(*at));
    } else if (f.demand.kind == Demand::Kind::at_least && least) {
      raise(f.a, *least);
    } else {
      pairs_.emplace(f.demand.kind, root(f.a), root(f.b));
    }
  }

  bool holds(const Found& f) const {
    const auto at = numbers_.value(f.a), least = numbers_.value(f.b);
    if (f.demand.kind == Demand::Kind::equal) return root(f.a) == root(f.b);
    if (f.demand.kind == Demand::Kind::inside && at) return is_at_least(f.b, needed(*at));
    if (f.demand.kind == Demand::Kind::at_least && least) return is_at_least(f.a, *least);
    if (f.demand.kind == Demand::Kind::at_least && root(f.a) == root(f.b)) return true;
    return pairs_.contains({f.demand.kind, root(f.a), root(f.b)});
  }

 private:
  /// Of how many a position must be one.
  static std::int64_t needed(std::int64_t at) { return at < 0 ? -at : at + 1; }
  /// The one of equal numbers that stands for all (union-find with path halving).
  std::uint32_t root(std::uint32_t n) const {
    while (parents_.size() <= n) parents_.push_back(static_cast<std::uint32_t>(parents_.size()));
    while (parents_[n] != n) n = parents_[n] = parents_[parents_[n]];
    return n;
  }
  void raise(std::uint32_t n, std::int64_t least) {
    std::int64_t& known = least_[root(n)];
    known = std::max(known, least);
  }
  bool is_at_least(std::uint32_t n, std::int64_t least) const {
    if (const auto value = numbers_.value(n)) return *value >= least;
    if (least <= 0 && numbers_.is_size(n)) return true;
    const auto it = least_.find(root(n));
    return it != least_.end() && it->second >= least;
  }

  const SizeNumbers& numbers_;
  mutable std::vector<std::uint32_t> parents_;
  std::map<std::uint32_t, std::int64_t> least_;
  std::set<std::tuple<Demand::Kind, std::uint32_t, std::uint32_t>> pairs_;
};

/// Checks `f` where the nodes that asked for it would have run.
Var check_of(const Found& f, SizeNumbers& numbers) {
  const SiteScope scope(f.node.site());
  Var check =
      size_check(f.demand.kind, numbers.known(f.a, f.demand.a), numbers.known(f.b, f.demand.b),
                 f.node.op().name(), f.node.inputs(), f.node.site());
  const Var fine = Arg(true).var();
  for (const Var& n : f.steps) check = ifelse(n > 0, check, fine);
  for (std::size_t i = f.when.size(); i-- > 0;) {
    const Guard& g = f.when[i];
    const Var condition = numbers.known(numbers.number(g.condition), g.condition);
    check = g.holds ? ifelse(condition, check, fine) : ifelse(condition, fine, check);
  }
  return check;
}

std::set<std::uint32_t> conditions_of(const std::vector<Found>& found) {
  std::set<std::uint32_t> all;
  for (const Found& f : found) {
    for (const Under& u : f.under) all.insert(u.number);
  }
  return all;
}

/// Whether a demand is made whenever these conditions hold. One that the graph as written has not
/// is taken for one of them, rewritten.
bool made_whenever(const Found& f, const std::set<Under>& conditions,
                   const std::set<std::uint32_t>& written) {
  return std::all_of(f.under.begin(), f.under.end(), [&](const Under& u) {
    return conditions.contains(u) || !written.contains(u.number);
  });
}

}  // namespace

FunctionGraph with_lost_demands(const FunctionGraph& asked, FunctionGraph result) {
  SizeNumbers numbers;
  Demands before(numbers);
  before.collect(asked);
  if (before.found().empty()) return result;
  numbers.begin_graph();
  Demands after(numbers);
  after.collect(result);
  Implied always(numbers);
  const auto each = [](const std::vector<Found>& found, auto&& visit) {
    for (const bool sizes : {true, false}) {
      for (const Found& f : found) {
        if ((f.demand.kind == Demand::Kind::equal) == sizes) visit(f);
      }
    }
  };
  each(after.found(), [&](const Found& f) {
    if (f.always()) always.add(f);
  });
  each(before.found(), [&](const Found& f) {
    if (!f.always() || always.holds(f)) return;
    result.checks.push_back(check_of(f, numbers));
    always.add(f);
  });
  const std::set<std::uint32_t> known = conditions_of(before.found());
  std::map<std::set<Under>, Implied> sometimes;  // by when
  each(before.found(), [&](const Found& f) {
    if (f.always() || always.holds(f)) return;
    const auto [at, fresh] = sometimes.try_emplace(f.under, always);
    if (fresh) {
      each(after.found(), [&, &implied = at->second](const Found& made) {
        if (!made.always() && made_whenever(made, f.under, known)) implied.add(made);
      });
    }
    if (at->second.holds(f)) return;
    result.checks.push_back(check_of(f, numbers));
    at->second.add(f);
  });
  return result;
}

}  // namespace damo::optim
