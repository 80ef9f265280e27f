#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/common/text_reader.hpp>
#include <damo/ops/indexing/index_spec.hpp>

namespace damo {
namespace {

using Kind = Index::Kind;

std::string bound_text(const Bound& b) {
  if (b.kind == Bound::Kind::absent) return "";
  return b.kind == Bound::Kind::input ? "_" : std::to_string(b.value);
}

std::string entry_text(const IndexEntry& e) {
  switch (e.kind) {
    case Kind::element:
      return bound_text(e.start);
    case Kind::range: {
      const std::string bounds = bound_text(e.start) + ":" + bound_text(e.stop);
      const std::string step = bound_text(e.step);
      return step.empty() && bounds != ":" ? bounds : bounds + ":" + step;
    }
    case Kind::newaxis:
      return "newaxis";
    case Kind::advanced:
      return "@";
    default:
      return ":";
  }
}

Bound read_bound(TextReader& text) {
  if (text.accept("_")) return {Bound::Kind::input, 0};
  if (text.next_is(':') || text.next_is(',') || text.next_is(']')) return {};
  return {Bound::Kind::number, text.integer()};
}

IndexEntry read_entry(TextReader& text) {
  if (text.accept("newaxis")) return {.kind = Kind::newaxis};
  if (text.accept("@")) return {.kind = Kind::advanced};
  IndexEntry e{.kind = Kind::range, .start = read_bound(text)};
  if (!text.accept(":")) {
    if (e.start.kind == Bound::Kind::absent) text.fail("an entry of an index");
    e.kind = Kind::element;
    return e;
  }
  e.stop = read_bound(text);
  const bool stepped = text.accept(":");
  if (stepped) e.step = read_bound(text);
  const Bound none;
  if (!stepped && e.start == none && e.stop == none) e.kind = Kind::all;
  return e;
}

}  // namespace

std::string IndexSpec::parameters() const { return "[" + joined(entries_, entry_text) + "]"; }

IndexSpec read_index(TextReader& text, std::size_t rank) {
  text.expect("[");
  std::vector<IndexEntry> entries;
  std::size_t axes = 0;
  while (!text.accept("]")) {
    entries.push_back(read_entry(text));
    axes += entries.back().kind == Kind::newaxis ? 0 : 1;
    if (!text.accept(",") && !text.next_is(']')) text.fail("',' or ']'");
  }
  if (axes != rank) text.fail("before this an entry for each axis");
  return IndexSpec(std::move(entries));
}

}  // namespace damo
