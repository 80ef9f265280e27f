#include <algorithm>

#include <damo/optim/engine/merge_table.hpp>

namespace damo::optim {
namespace {

constexpr std::size_t prime = 1099511628211ULL;

/// Such that sums tell pairs apart whose numbers have one sum, as those of a step and of its
/// gradient have all along a chain.
std::size_t scattered(std::size_t k) {
  k *= 0x9e3779b97f4a7c15ULL;
  k = (k ^ k >> 30U) * 0xbf58476d1ce4e5b9ULL;
  return k ^ k >> 27U;
}

std::size_t hash_of(const Apply& node) {
  std::size_t h = node.op().hash() * prime;
  const bool any_order = node.op().commutative();
  for (const Var& in : node.inputs()) {
    const std::size_t k = scattered(in.owner().id() * 31 + in.index());
    h = any_order ? h + k : (h ^ k) * prime;
  }
  return h ^ h >> 32U;
}

bool equal(const Apply& a, const Apply& b) {
  if (&a == &b) return true;
  const Vars& x = a.inputs();
  const Vars& y = b.inputs();
  if (x.size() != y.size() || !a.op().equals(b.op())) return false;
  if (std::equal(x.begin(), x.end(), y.begin(), VarSame{})) return true;
  return a.op().commutative() && x.size() == 2 && same(x[0], y[1]) && same(x[1], y[0]);
}

}  // namespace

std::size_t MergeTable::place(const Apply& node, std::size_t hash) const {
  const std::size_t last = slots_.size() - 1;
  std::size_t at = hash & last;
  while (slots_[at].node != nullptr && (slots_[at].hash != hash || !equal(*slots_[at].node, node)))
    at = (at + 1) & last;
  return at;
}

const Apply& MergeTable::insert(const Apply& node) {
  reserve(kept_.size() + 1);
  const std::size_t hash = hash_of(node);
  Slot& slot = slots_[place(node, hash)];
  if (slot.node != nullptr) return *slot.node;
  slot = {hash, &node};
  kept_.push_back(node.output());
  return node;
}

const Apply* MergeTable::find(const Apply& node) const {
  return slots_.empty() ? nullptr : slots_[place(node, hash_of(node))].node;
}

void MergeTable::clear() {
  slots_.clear();
  kept_.clear();
}

void MergeTable::reserve(std::size_t n) {
  if (2 * n <= slots_.size()) return;
  std::size_t size = 16;
  while (size < 2 * n) size *= 2;
  std::vector<Slot> old(size);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.node == nullptr) continue;
    std::size_t at = slot.hash & (size - 1);
    while (slots_[at].node != nullptr) at = (at + 1) & (size - 1);
    slots_[at] = slot;
  }
}

}  // namespace damo::optim
