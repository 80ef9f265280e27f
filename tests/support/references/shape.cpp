#include "tests/support/references/nd.hpp"
#include "tests/support/references/references.hpp"

namespace damo::test {

void add_shape(References& all) {
  all["shape"] = [](const auto& in) { return Array::scalar(double(in[0].shape()[1])); };
  all["make_vector"] = [](const auto& in) {
    std::vector<double> v;
    for (const Array& a : in) v.push_back(a.template item<double>());
    return Array::from(v);
  };
  all["transpose"] = [](const auto& in) {
    Nd x(in[0]);
    return build({x.n(2), x.n(0), x.n(1)}, [&](const auto& i) { return x({i[1], i[2], i[0]}); });
  };
  all["dimshuffle"] = [](const auto& in) {
    Nd x(in[0]);
    return build({x.n(2), 1, x.n(0)}, [&](const auto& i) { return x({i[2], 0, i[0]}); });
  };
  all["broadcast_to"] = [](const auto& in) {
    Nd x(in[0]);
    return build({3, x.n(0), in[1].shape()[0]}, [&](const auto& i) { return x({i[1], 0}); });
  };
  all["specify_shape"] = [](const auto& in) { return in[0]; };
  all["reshape"] = [](const auto& in) {
    const Shape& s = in[0].shape();
    return in[0].reshaped({s[0] * s[2], s[1]});
  };
  all["reshape with one size open"] = [](const auto& in) {
    const Shape& s = in[0].shape();
    return in[0].reshaped({s[0], s[1] * s[2]});
  };
  all["reshape with a size that is -1 when it runs"] = all["reshape with one size open"];
  all["concatenate"] = [](const auto& in) {
    Nd out({in[0].shape()[0] + in[1].shape()[0] + 1, in[0].shape()[1]});
    out.values.clear();
    for (const Array& a : in) {
      const Nd x(a);
      out.values.insert(out.values.end(), x.values.begin(), x.values.end());
    }
    return out.array();
  };
  all["concatenate along axis 1"] = [](const auto& in) {
    Nd a(in[0]);
    Nd b(in[1]);
    return build({a.n(0), a.n(1) + b.n(1)}, [&](const auto& i) {
      return i[1] < a.n(1) ? a(i) : b({i[0], i[1] - a.n(1)});
    });
  };
  all["arange"] = [](const auto& in) {
    std::vector<double> v;
    for (double x = in[0].template item<double>(), i = 0;;) {
      const double next = x + i++ * in[2].template item<double>();
      if (next >= in[1].template item<double>()) return Array::from(v);
      v.push_back(next);
    }
  };
  all["arange of int64"] = [](const auto& in) {
    std::vector<double> v;
    for (double x = in[0].template item<double>(); x > in[1].template item<double>(); x -= 2)
      v.push_back(x);
    return Array::from(v);
  };
}

}  // namespace damo::test
