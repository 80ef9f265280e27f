#include <damo/ops/indexing/subtensor.hpp>
#include <damo/ops/loop/loop_reads.hpp>

namespace damo {
namespace {

/// The entry at the first axis, when all other axes are whole.
const IndexEntry* first_axis_entry(const IndexSpec& index) {
  const auto& entries = index.entries();
  if (entries.empty()) return nullptr;
  for (std::size_t i = 1; i < entries.size(); ++i) {
    if (entries[i].kind != Index::Kind::all) return nullptr;
  }
  return entries.data();
}
const IndexEntry* first_axis_entry(const Apply& node) {
  const auto* sub = as<Subtensor>(node.op());
  return sub == nullptr ? nullptr : first_axis_entry(sub->index());
}

bool is_number(const Bound& bound, std::int64_t value) {
  return bound.kind == Bound::Kind::number && bound.value == value;
}

bool is_all_but_first(const IndexEntry* e) {
  return e != nullptr && e->kind == Index::Kind::range && is_number(e->start, 1) &&
         e->stop.kind == Bound::Kind::absent && e->step.kind == Bound::Kind::absent;
}

}  // namespace

bool takes_last(const Apply& node) {
  const IndexEntry* e = first_axis_entry(node);
  return e != nullptr && e->kind == Index::Kind::element && is_number(e->start, -1);
}

bool drops_first(const Apply& node) { return is_all_but_first(first_axis_entry(node)); }

bool adds_after_first(const Apply& node) {
  const auto* inc = as<IncSubtensor>(node.op());
  return inc != nullptr && !inc->set() && is_all_but_first(first_axis_entry(inc->index()));
}

bool selects_rows(const Apply& node) {
  const IndexEntry* e = first_axis_entry(node);
  return e != nullptr && e->kind == Index::Kind::range;
}

}  // namespace damo
