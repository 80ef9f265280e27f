#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/ops/kernels/machine/for_float.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/reductions/sums_again.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/runtime/program/fusion/fused_reduction.hpp>

namespace damo {
namespace {

constexpr std::int64_t shortest_line = 64;

std::int64_t pieces_of(std::int64_t n, std::int64_t leaf) { return (n + leaf - 1) / leaf; }

/// So many parts of `n` elements that a thread is worth its while.
std::int64_t grain(const FusedPlan& plan, std::int64_t n) {
  return std::max<std::int64_t>(1, plan.tiles_a_chunk * plan.rows * plan.inner / n);
}

}  // namespace

bool FusedReduction::fits(const Unit& unit, const Apply& reduce) {
  const auto* op = as<Reduce>(reduce.op());
  if (op == nullptr || op->kind() > Reduction::min) return false;
  if (!is_float(reduce.input(0).dtype()) || unit.back() != reduce.input(0).owner_ptr())
    return false;
  return std::all_of(unit.begin(), unit.end(), [](const Apply* node) {
    const auto* elementwise = as<Elementwise>(node->op());
    return elementwise != nullptr && node->inputs().size() <= FusedPlan::max_arity &&
           elementwise->loops(Elementwise::compute_dtype(*node));
  });
}

FusedReduction::FusedReduction(const Unit& unit, const Apply& reduce, std::vector<std::uint32_t> in,
                               std::uint32_t out)
    : FusedInstruction(unit, std::move(in), {unit.size() - 1}, {out}),
      reduce_(reduce),
      keep_alive_(reduce.output()) {}

std::string FusedReduction::title() const { return FusedInstruction::title() + " " + op().name(); }

std::vector<const Apply*> FusedReduction::members() const {
  std::vector<const Apply*> nodes = FusedInstruction::members();
  nodes.push_back(&reduce_);
  return nodes;
}

void FusedReduction::resolve(Program& program) {
  FusedPlan& plan = this->plan();
  plan.resolve_shape();
  const Tensor* whole = &plan.member_shapes.back();
  Shape reduced;
  try {
    op().run_shapes(reduce_, std::span(&whole, 1), std::span(&reduced, 1));
  } catch (const Error&) {
    throw LocatedError::current(reduce_, std::span(&whole, 1));
  }
  kept_ = n_ = 1;
  std::size_t border = 0;
  int turns = 0;  // how often the axes change from kept to reduced and back
  bool before = false;
  for (std::size_t axis = 0; axis < plan.shape.rank(); ++axis) {
    const bool inside = (op().axes() >> axis & 1U) != 0;
    (inside ? n_ : kept_) *= plan.shape[axis];
    if (plan.shape[axis] == 1) continue;
    if (turns == 0 || inside != before) border = turns++ == 0 ? 0 : axis;
    before = inside;
  }
  plan.resolve(in(), border);
  program.set_shape(program.slots[out_slots()[0]], reduced);
  factors_ = count_factors();
  in_tiles_ = turns <= 2 && plan.shape.elements() > 0 && choose_way(before);
}

/// 2 for a product of two tensors whose elements lie in order, 1 for the square of one, else 0.
std::size_t FusedReduction::count_factors() const {
  const FusedPlan& plan = this->plan();
  if (plan.steps.size() > 1) return 0;
  const ScalarOp* op = &static_cast<const Elementwise&>(plan.steps[0].node->op()).scalar();
  const bool product = op == optim::vocabulary().mul || op == optim::vocabulary().sqr;
  const bool in_order = std::all_of(in().begin(), in().end(), [&](const Tensor* t) {
    return t->shape == plan.shape && t->contiguous() && t->dtype == out()[0]->dtype;
  });
  return product && in_order ? plan.steps[0].arity : 0;
}

/// Whether tiles end where parts do; `last`: whether the last axis is reduced.
bool FusedReduction::choose_way(bool last) {
  const FusedPlan& plan = this->plan();
  // The axes before the border, and whether the cut one is of them.
  const std::int64_t outside = last ? kept_ : n_;
  std::size_t axes = 0;
  for (std::int64_t size = 1; axes < plan.merged.rank() && size < outside;)
    size *= plan.merged[axes++];
  const bool cut_outside = plan.split < axes;
  const bool lines = plan.inner == 1 && plan.merged[plan.split] >= shortest_line;
  if (last) {
    way_ = cut_outside ? Way::rows : Way::pieces;
    return cut_outside || lines;
  }
  way_ = Way::columns;
  if (axes != 1) return false;
  return cut_outside ? plan.inner == kept_ : lines && plan.merged.rank() == 2;
}

/// Elements from `first` on, in lines of the cut axis.
template <class T>
void FusedReduction::compute(Worker& worker, std::int64_t first, std::int64_t n, T* to) const {
  const FusedPlan& plan = this->plan();
  const std::int64_t line = plan.merged[plan.split];
  const std::int64_t end = first + n;
  while (first < end) {
    const std::int64_t start = first % line;
    const Cursor cursor = cursor_at(first / line, start, std::min(plan.rows, end - first));
    std::byte* target = reinterpret_cast<std::byte*>(to);
    worker.run(cursor, &target);
    first += cursor.count;
    to += cursor.count;
  }
}

template <Reduction R, class T>
void FusedReduction::reduce_rows() {
  const FusedPlan& plan = this->plan();
  const auto run = float_kernels<R, T>().run;
  T* result = out()[0]->as<T>();
  const std::int64_t cuts = pieces_of(plan.merged[plan.split], plan.rows);
  parallel_for(plan.tiles, plan.tiles_a_chunk, [&](std::int64_t begin, std::int64_t end) {
    Worker worker(*this);
    alignas(64) T tile[FusedPlan::longest_tile];
    for (std::int64_t t = begin; t < end; ++t) {
      const Cursor cursor = cursor_at(t / cuts, t % cuts * plan.rows, plan.rows);
      T* to = result + cursor.first / n_;
      if (factors_ > 0) {
        for (std::int64_t i = 0; i < cursor.count; i += n_)
          *to++ = reduce_products<R, T>(cursor.first + i, n_);
        continue;
      }
      std::byte* target = reinterpret_cast<std::byte*>(tile);
      worker.run(cursor, &target);
      for (std::int64_t i = 0; i < cursor.count; i += n_) *to++ = run(tile + i, n_);
    }
  });
}

/// Elements from `first` on of a factor.
template <class T>
const T* FusedReduction::factor(std::size_t which, std::int64_t first) const {
  return in()[plan().steps[0].operands[which]]->as<const T>() + first;
}

/// A run of n products, which need no tile.
template <Reduction R, class T>
T FusedReduction::reduce_products(std::int64_t first, std::int64_t n) const {
  const T* x = factor<T>(0, first);
  return float_kernels<R, T>().run_products(x, factor<T>(factors_ - 1, first), n);
}

/// A run of n elements, tile by tile.
template <Reduction R, class T>
T FusedReduction::reduce_run(Worker& worker, std::int64_t first, std::int64_t n) const {
  if (factors_ > 0) return reduce_products<R, T>(first, n);
  const FusedPlan& plan = this->plan();
  const FloatKernels<T> kernels = float_kernels<R, T>();
  constexpr std::int64_t slots = reduce_slots<T>;
  const std::int64_t high = plan.rows / slots * slots;
  if (n < shortest_in_slots || high == 0 || plan.merged[plan.split] != n_) {
    alignas(64) T run[reduce_run_leaf];
    compute(worker, first, n, run);
    return kernels.run(run, n);
  }
  alignas(64) T tile[FusedPlan::longest_tile];
  alignas(64) T slot[slots];
  std::fill_n(slot, slots, identity<R, T>());
  for (std::int64_t i = 0; i < n; i += high) {
    const std::int64_t some = std::min(high, n - i);
    compute(worker, first + i, some, tile);
    kernels.add(slot, tile, some);
  }
  return kernels.finish(slot);
}

template <Reduction R, class T>
void FusedReduction::reduce_pieces() {
  const std::int64_t pieces = pieces_of(n_, reduce_run_leaf);
  T* result = out()[0]->as<T>();
  T* parts = pieces == 1 ? result : memory_.reserve<T>(kept_ * pieces);
  const std::int64_t size = std::min(n_, reduce_run_leaf);
  parallel_for(kept_ * pieces, grain(plan(), size), [&](std::int64_t begin, std::int64_t end) {
    Worker worker(*this);
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t start = i % pieces * reduce_run_leaf;
      const std::int64_t n = std::min(reduce_run_leaf, n_ - start);
      parts[i] = reduce_run<R, T>(worker, i / pieces * n_ + start, n);
    }
  });
  if (pieces == 1) return;
  for (std::int64_t k = 0; k < kept_; ++k) {
    Cascade<R, T> cascade;
    for (std::int64_t p = 0; p < pieces; ++p) cascade.push(parts[k * pieces + p]);
    result[k] = cascade.result();
  }
}

/// Leaves of rows are folded one row after the other and then pairwise, as `Cascade` does numbers.
template <Reduction R, class T>
void FusedReduction::reduce_columns() {
  const FusedPlan& plan = this->plan();
  const FloatKernels<T> kernels = float_kernels<R, T>();
  const auto fold_rows = kernels.fold;
  const bool whole = plan.split == 0;  // tiles of whole rows
  const std::int64_t width = whole ? kept_ : plan.rows;
  const std::int64_t high = whole ? plan.rows : 1;
  const std::int64_t blocks = pieces_of(kept_, width);
  const std::int64_t leaves = pieces_of(n_, reduce_leaf);
  T* parts = memory_.reserve<T>(leaves * kept_);
  parallel_for(
      leaves * blocks, grain(plan, reduce_leaf * width), [&](std::int64_t begin, std::int64_t end) {
        Worker worker(*this);
        alignas(64) T tile[FusedPlan::longest_tile];
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t first = i / blocks * reduce_leaf;
          const std::int64_t last = std::min(first + reduce_leaf, n_);
          const std::int64_t column = i % blocks * width;
          const std::int64_t cols = std::min(width, kept_ - column);
          T* part = parts + i / blocks * kept_ + column;
          std::fill_n(part, cols, identity<R, T>());
          for (std::int64_t row = first; row < last; row += high) {
            const std::int64_t rows = std::min(high, last - row);
            if (factors_ > 0) {
              for (std::int64_t at = row * kept_ + column; at < (row + rows) * kept_; at += kept_)
                kernels.fold_products(factor<T>(0, at), factor<T>(factors_ - 1, at), cols, part);
              continue;
            }
            std::byte* target = reinterpret_cast<std::byte*>(tile);
            worker.run(whole ? cursor_at(0, row, rows) : cursor_at(row, column, cols), &target);
            for (std::int64_t r = 0; r < rows; ++r) fold_rows(part, tile + r * cols, cols, part);
          }
        }
      });
  T* pending[reduce_levels];
  int levels = 0;
  for (std::int64_t leaf = 0; leaf < leaves; ++leaf) {
    T* part = parts + leaf * kept_;
    for (std::int64_t bits = leaf; (bits & 1) != 0; bits >>= 1)
      fold_rows(pending[--levels], part, kept_, part);
    pending[levels++] = part;
  }
  for (; levels > 1; --levels)
    fold_rows(pending[levels - 2], pending[levels - 1], kept_, pending[levels - 2]);
  T* result = out()[0]->as<T>();
  std::fill_n(result, kept_, identity<R, T>());
  fold_rows(result, pending[0], kept_, result);
}

/// The sums that are infinite or NaN, once more from all tiles.
template <class T>
void FusedReduction::sum_again() {
  const FusedPlan& plan = this->plan();
  SumsAgain<T> again(out()[0]->as<T>(), kept_);
  Worker worker(*this);
  alignas(64) T tile[FusedPlan::longest_tile];
  const std::int64_t cuts = pieces_of(plan.merged[plan.split], plan.rows);
  for (std::int64_t t = 0; t < plan.tiles && !again.settled(); ++t) {
    const Cursor cursor = cursor_at(t / cuts, t % cuts * plan.rows, plan.rows);
    std::byte* target = reinterpret_cast<std::byte*>(tile);
    worker.run(cursor, &target);
    for (std::int64_t i = 0; i < cursor.count; ++i) {
      const std::int64_t at = cursor.first + i;
      const std::int64_t sum = way_ == Way::columns ? at % kept_ : at / n_;
      if (again.wanted(sum)) again.add(sum, tile[i]);
    }
  }
  again.finish();
}

template <Reduction R, class T>
void FusedReduction::reduce_tiles() {
  switch (way_) {
    case Way::rows:
      reduce_rows<R, T>();
      break;
    case Way::pieces:
      reduce_pieces<R, T>();
      break;
    case Way::columns:
      reduce_columns<R, T>();
  }
  if (R == Reduction::sum && !all_finite(out()[0]->as<T>(), kept_)) sum_again<T>();
}

void FusedReduction::run(Program& program) {
  if (changed(program)) {
    resolve(program);
    settle();
  } else if (plan().isa != isa()) {
    plan().choose_loops();
  }
  out()[0]->data = program.memory(program.slots[out_slots()[0]]);
  if (in_tiles_) {
    for_float(*out()[0], [&](auto zero) {
      for_reduction(op().kind(),
                    [&](auto kind) { reduce_tiles<decltype(kind)::value, decltype(zero)>(); });
    });
    return;
  }
  Tensor whole = plan().member_shapes.back();
  whole.data = reinterpret_cast<std::byte*>(memory_.reserve<std::byte>(
      whole.elements() * static_cast<std::int64_t>(item_size(whole.dtype))));
  run_all(&whole.data);
  try {
    reduce(op().kind(), whole, op().axes(), *out()[0]);
  } catch (const Error&) {
    const Tensor* operand = &whole;
    throw LocatedError::current(reduce_, std::span(&operand, 1));
  }
}

}  // namespace damo
