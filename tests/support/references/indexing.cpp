#include <algorithm>

#include "tests/support/references/nd.hpp"
#include "tests/support/references/references.hpp"

namespace damo::test {
namespace {

/// Python's range(*slice(start, stop, step).indices(n)) by its documented steps.
std::vector<std::int64_t> rows(std::int64_t n, std::int64_t start, std::int64_t stop,
                               std::int64_t step) {
  const auto moved = [&](std::int64_t bound) {
    if (bound < 0) bound += n;
    if (step > 0) return std::min(std::max<std::int64_t>(bound, 0), n);
    return std::min(std::max<std::int64_t>(bound, -1), n - 1);
  };
  std::vector<std::int64_t> all;
  for (std::int64_t i = moved(start), end = moved(stop); step > 0 ? i < end : i > end; i += step) {
    all.push_back(i);
  }
  return all;
}

std::int64_t wrapped(double index, std::int64_t n) {
  return static_cast<std::int64_t>(index) + (index < 0 ? n : 0);
}

void add_views(References& all) {
  all["subtensor"] = [](const auto& in) {
    Nd x(in[0]);
    const std::int64_t i0 = wrapped(Nd(in[1])({}), x.n(0));
    const auto chosen = rows(x.n(1), Nd(in[2]).integer({}), 9, 2);
    return build({static_cast<std::int64_t>(chosen.size()), 1, x.n(2)}, [&](const auto& i) {
      return x({i0, chosen[static_cast<std::size_t>(i[0])], i[2]});
    });
  };
  all["subtensor backwards"] = [](const auto& in) {
    Nd x(in[0]);
    const auto chosen = rows(x.n(1), Nd(in[1]).integer({}), Nd(in[2]).integer({}), -1);
    return build({x.n(0), static_cast<std::int64_t>(chosen.size())}, [&](const auto& i) {
      return x({i[0], chosen[static_cast<std::size_t>(i[1])]});
    });
  };
  all["set_subtensor"] = [](const auto& in) {
    Nd x(in[0]);
    Nd y(in[1]);
    for (const std::int64_t j : rows(x.n(1), Nd(in[2]).integer({}), x.n(1), 1)) {
      for (std::int64_t i = 0; i < x.n(0); ++i) x({i, j}) = y({i, 0});
    }
    return x.array();
  };
  all["inc_subtensor"] = [](const auto& in) {
    Nd x(in[0]);
    Nd y(in[1]);
    const std::int64_t row = wrapped(Nd(in[2])({}), x.n(0));
    for (std::int64_t j = 0; j < x.n(1); ++j) x({row, j}) += y({j});
    return x.array();
  };
  all["size_check"] = [](const auto&) { return Array::scalar(true); };
  all["slice_length"] = [](const auto& in) {
    const auto chosen =
        rows(Nd(in[0]).integer({}), Nd(in[1]).integer({}), Nd(in[2]).integer({}), 1);
    return Array::scalar(double(chosen.size()));
  };
}

void add_gathers(References& all) {
  all["advanced_subtensor"] = [](const auto& in) {
    Nd x(in[0]);
    Nd at(in[1]);
    return build({x.n(0), at.n(0), at.n(1), x.n(2)}, [&](const auto& i) {
      return x({i[0], wrapped(at({i[1], i[2]}), x.n(1)), i[3]});
    });
  };
  all["advanced_subtensor with two index tensors"] = [](const auto& in) {
    Nd x(in[0]);
    Nd a(in[1]);
    Nd b(in[2]);
    return build({a.n(0), b.n(0), std::min<std::int64_t>(2, x.n(1))}, [&](const auto& i) {
      return x({wrapped(a({i[0], 0}), x.n(0)), i[2], wrapped(b({i[1]}), x.n(2))});
    });
  };
  const auto change = [](const std::vector<Array>& in, bool set) {
    Nd x(in[0]);
    Nd y(in[1]);
    Nd at(in[2]);
    for (std::int64_t k = 0; k < at.n(0); ++k) {
      for (std::int64_t j = 0; j < x.n(1); ++j) {
        double& slot = x({wrapped(at({k}), x.n(0)), j});
        slot = y({k, j}) + (set ? 0 : slot);
      }
    }
    return x.array();
  };
  all["advanced_set_subtensor"] = [=](const auto& in) { return change(in, true); };
  all["advanced_inc_subtensor"] = [=](const auto& in) { return change(in, false); };
  all["nonzero"] = [](const auto& in) {
    Nd x(in[0]);
    std::vector<double> columns;
    each(x.shape, [&](const Position& i) {
      if (x(i) != 0) columns.push_back(double(i[1]));
    });
    return Array::from(columns);
  };
}

}  // namespace

void add_indexing(References& all) {
  add_views(all);
  add_gathers(all);
}

}  // namespace damo::test
