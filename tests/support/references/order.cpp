#include <algorithm>
#include <numeric>

#include "tests/support/references/nd.hpp"
#include "tests/support/references/references.hpp"

namespace damo::test {
namespace {

/// The numbers of a column's elements, by size; equal ones in their order.
std::vector<std::int64_t> order_of(const std::vector<double>& column) {
  std::vector<std::int64_t> order(column.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t k) {
    return column[static_cast<std::size_t>(i)] < column[static_cast<std::size_t>(k)];
  });
  return order;
}

Reference search(bool after) {
  return [after](const std::vector<Array>& in) {
    Nd row(in[0]);
    std::partial_sum(row.values.begin(), row.values.end(), row.values.begin());
    Nd wanted(in[1]);
    return build(wanted.shape, [&](const Position& at) {
      return static_cast<double>(std::count_if(row.values.begin(), row.values.end(), [&](double x) {
        return after ? x <= wanted(at) : x < wanted(at);
      }));
    });
  };
}

}  // namespace

void add_order(References& all) {
  all["sort"] = [](const auto& in) {
    Nd x(in[0]);
    return build(x.shape, [&](const Position& at) {
      std::vector<double> column;
      for (std::int64_t j = 0; j < x.n(1); ++j) column.push_back(x({at[0], j, at[2]}));
      std::sort(column.begin(), column.end());
      return column[static_cast<std::size_t>(at[1])];
    });
  };
  all["argsort"] = [](const auto& in) {
    Nd x(in[0]);
    return build(x.shape, [&](const Position& at) {
      std::vector<double> column;
      for (std::int64_t i = 0; i < x.n(0); ++i) column.push_back(x({i, at[1]}));
      return static_cast<double>(order_of(column)[static_cast<std::size_t>(at[0])]);
    });
  };
  all["searchsorted"] = search(false);
  all["searchsorted on the right"] = search(true);
  all["cumprod"] = [](const auto& in) {
    Nd x(in[0]);
    return build(x.shape, [&](const Position& at) {
      double product = 1;
      for (std::int64_t j = 0; j <= at[1]; ++j) product *= x({at[0], j, at[2]});
      return product;
    });
  };
  all["linear_recurrence"] = [](const auto& in) {
    Nd a(in[0]), b(in[1]);
    return build(a.shape, [&](const Position& at) {
      double value = 0;
      for (std::int64_t j = 0; j <= at[1]; ++j) value = a({at[0], j}) * value + b({at[0], j});
      return value;
    });
  };
}

}  // namespace damo::test
