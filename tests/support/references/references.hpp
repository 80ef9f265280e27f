#pragma once
#include "tests/support/reference.hpp"

namespace damo::test {

using References = std::map<std::string, Reference>;

void add_elementwise(References& all);
void add_special(References& all);
void add_order(References& all);
void add_shape(References& all);
void add_reductions(References& all);
void add_products(References& all);
void add_decompositions(References& all);
void add_convolutions(References& all);
void add_indexing(References& all);

}  // namespace damo::test
