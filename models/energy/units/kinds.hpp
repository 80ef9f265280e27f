#pragma once
#include <memory>

#include <damo/models/energy/units/unit_kind.hpp>

namespace damo::energy {

// The kinds that Damo brings; each is made once.
std::shared_ptr<const UnitKind> bernoulli_kind();
std::shared_ptr<const UnitKind> spin_kind();
std::shared_ptr<const UnitKind> categorical_kind();
std::shared_ptr<const UnitKind> gaussian_kind();
std::shared_ptr<const UnitKind> relu_kind();
std::shared_ptr<const UnitKind> truncated_exponential_kind();
std::shared_ptr<const UnitKind> binomial_kind(std::int64_t trials);
std::shared_ptr<const UnitKind> counts_kind();

}  // namespace damo::energy
