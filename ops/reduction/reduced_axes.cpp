#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/error_text.hpp>
#include <damo/graph/text/tensor_text.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/common/text_reader.hpp>
#include <damo/ops/reduction/reduced_axes.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/sizes.hpp>

namespace damo {

std::uint32_t axes_of(const char* who, const Var& x, const Axes& axes, Site site) {
  try {
    return axes.mask(x.ndim());
  } catch (const ShapeError& e) {
    ErrorText text(who, e.what());
    text.add("input", fmt::format("{} {}", to_string(x.type()), reference(x)));
    text.add("node", fmt::format("{}, made at {}", who, to_string(SiteScope::or_else(site))));
    throw ShapeError(text.text());
  }
}

Shape reduced_dims(const Shape& dims, std::uint32_t axes, bool keepdims) {
  Shape kept;
  for (std::size_t i = 0; i < dims.rank(); ++i) {
    if (!is_reduced(axes, i)) {
      kept.push_back(dims[i]);
    } else if (keepdims) {
      kept.push_back(1);
    }
  }
  return kept;
}

Vars reduced_sizes(const Vars& sizes, std::uint32_t axes, bool keepdims) {
  Vars kept;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (!is_reduced(axes, i)) {
      kept.push_back(sizes[i]);
    } else if (keepdims) {
      kept.push_back(int_constant(1));
    }
  }
  return kept;
}

std::vector<Demand> something_to_choose_from(const Vars& sizes, std::uint32_t axes) {
  std::vector<Demand> all;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (is_reduced(axes, i)) all.push_back({Demand::Kind::at_least, sizes[i], int_constant(1)});
  }
  return all;
}

std::vector<std::vector<std::size_t>> reduced_groups(const Shape& shape, std::uint32_t axes) {
  const Shape kept = reduced_dims(shape, axes, true);
  std::vector<std::vector<std::size_t>> groups(static_cast<std::size_t>(kept.elements()));
  for (std::int64_t i = 0; i < shape.elements(); ++i) {
    const Shape index = index_of(i, shape);
    std::size_t group = 0;
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      const auto at = static_cast<std::size_t>(is_reduced(axes, axis) ? 0 : index[axis]);
      group = group * static_cast<std::size_t>(kept[axis]) + at;
    }
    groups[group].push_back(static_cast<std::size_t>(i));
  }
  return groups;
}

std::vector<int> axis_list(std::uint32_t axes) {
  std::vector<int> list;
  for (int i = 0; i < static_cast<int>(max_rank); ++i) {
    if (is_reduced(axes, static_cast<std::size_t>(i))) list.push_back(i);
  }
  return list;
}

std::string axes_text(std::uint32_t axes, bool keepdims) {
  const auto list = axis_list(axes);
  const auto number = [](int axis) { return std::to_string(axis); };
  std::string text =
      "axis=" + (list.size() == 1 ? number(list[0]) : "{" + joined(list, number) + "}");
  return text + (keepdims ? ", keepdims" : "");
}

std::pair<std::uint32_t, bool> read_axes(TextReader& text) {
  text.expect("axis=");
  std::vector<std::int64_t> axes;
  if (text.next_is('{')) {
    axes = text.list("{", "}", {});
  } else {
    axes.push_back(text.integer());
  }
  std::uint32_t mask = 0;
  for (const std::int64_t axis : axes) {
    if (axis < 0 || axis >= static_cast<std::int64_t>(max_rank)) text.fail("axes before this");
    mask |= 1U << static_cast<unsigned>(axis);
  }
  return {mask, text.accept(", keepdims")};
}

void check_axes(const TensorType& x, std::uint32_t axes) {
  if (axes >> x.rank() != 0) {
    throw ShapeError(fmt::format("{} of {}", axes_text(axes, false), to_string(x)));
  }
}

Var restore_axes(const Var& reduced_var, std::uint32_t axes, std::size_t rank) {
  std::vector<int> pattern;
  int next = 0;
  for (std::size_t i = 0; i < rank; ++i) {
    pattern.push_back(is_reduced(axes, i) ? DimShuffle::new_axis : next++);
  }
  return shuffle_axes(reduced_var, std::move(pattern));
}

}  // namespace damo
