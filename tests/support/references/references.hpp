#pragma once
#include "tests/support/reference.hpp"

namespace damo::test {

using References = std::map<std::string, Reference>;

void add_elementwise(References& all);
void add_shape(References& all);
void add_reductions(References& all);
void add_products(References& all);
void add_indexing(References& all);

/// An elementwise function under broadcasting.
Reference elementwise(std::function<double(const std::vector<double>&)> f);

}  // namespace damo::test
