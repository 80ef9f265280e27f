#include <damo/graph/variables.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/indexing/index_spec.hpp>
#include <damo/ops/shape/sizes.hpp>

namespace damo {
namespace {

/// How many rows a range takes of an axis.
///   inputs  [n, the range's bounds...], int64 scalars
class SliceLength final : public OpOf<SliceLength> {
 public:
  explicit SliceLength(IndexEntry entry) : entry_(entry) {}

  std::string name() const override { return "slice_length"; }
  std::string parameters() const override { return IndexSpec({entry_}).parameters(); }
  void facts(const Apply&, std::span<const Fact>, std::span<Fact> out) const override {
    out[0] = {.nonnegative = true, .integer = true, .count = true};
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    check_arity(in, 1 + IndexSpec({entry_}).n_bounds());
    for (const TensorType& t : in) check_int_scalar(t);
    return {{DType::int64, {}}};
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>&) const override {
    return {Vars{}};
  }
  Vars push_forward(const Apply&, const Vars&) const override { return {Var{}}; }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    std::size_t next = 1;
    const auto read = [&](const Bound& b) -> std::optional<std::int64_t> {
      if (b.kind == Bound::Kind::absent) return std::nullopt;
      return b.kind == Bound::Kind::number ? b.value : in[next++]->first<std::int64_t>();
    };
    const auto start = read(entry_.start);
    const auto stop = read(entry_.stop);
    const auto n = in[0]->first<std::int64_t>();
    *out[0]->as<std::int64_t>() = slice_range(n, start, stop, read(entry_.step)).length;
  }
  const IndexEntry& entry() const { return entry_; }
  friend bool operator==(const SliceLength&, const SliceLength&) = default;

 private:
  IndexEntry entry_;
};

OpPtr read_slice_length(OpText& text) {
  const IndexSpec index = read_index(text.parameters, 1);
  if (index.entries().size() != 1 || index.entries()[0].kind != Index::Kind::range)
    text.parameters.fail("before this a range");
  return std::make_shared<SliceLength>(index.entries()[0]);
}

}  // namespace

const IndexEntry* range_measured(const Op& op) {
  const auto* length = as<SliceLength>(op);
  return length != nullptr ? &length->entry() : nullptr;
}

Var slice_length(const IndexEntry& entry, const Var& n, std::span<const Var> bounds) {
  if (const Array* known = constant_value(n)) {
    const auto length = IndexSpec({entry}).view_dims({known->item<std::int64_t>()})[0];
    if (length != unknown) return int_constant(length);
  }
  const bool whole = entry.start.kind == Bound::Kind::absent &&
                     entry.stop.kind == Bound::Kind::absent &&
                     (entry.step.kind == Bound::Kind::absent ||
                      (entry.step.kind == Bound::Kind::number &&
                       (entry.step.value == 1 || entry.step.value == -1)));
  if (whole) return n;
  Vars inputs{n};
  inputs.insert(inputs.end(), bounds.begin(), bounds.end());
  return make_var(std::make_shared<SliceLength>(entry), std::move(inputs), n.site());
}

DAMO_OPS(slice_length) {
  ops.reader({"slice_length", read_slice_length, 1, OpReader::any});
  const auto length = [](const Vars& in) {
    const Bound bound{Bound::Kind::input, 0};
    const IndexEntry range{Index::Kind::range, bound, bound, {}};
    return slice_length(range, in[0], std::span(in).subspan(1));
  };
  const OpInput integer{.dims = "", .low = -3, .high = 3, .dtype = DType::int64};
  ops.sample({.name = "slice_length",
              .inputs = {{"", 0, 9, DType::int64}, integer, integer},
              .apply = length,
              .differentiable = false});
}

}  // namespace damo
