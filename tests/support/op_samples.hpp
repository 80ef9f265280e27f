#pragma once
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/ops/common/op_list.hpp>

namespace damo::test {

/// Values for an op's operands, of shapes drawn at random: sizes 0 to 4, or all `size` where the op
/// allows it.
std::vector<Array> draw_values(const OpSample& entry, std::mt19937& rng,
                               std::optional<std::int64_t> size = {});

/// What the inputs' types know of the sizes.
enum class Known { only_ones, all };
Vars inputs_for(const OpSample& entry, const std::vector<Array>& values, Known known);

/// Inputs with their values, for `evaluate`.
std::vector<std::pair<Var, Array>> bindings_of(const Vars& inputs,
                                               const std::vector<Array>& values);

}  // namespace damo::test
