#pragma once
#include <damo/optim/engine/mode.hpp>
#include <damo/optim/language/rule.hpp>

namespace damo::optim {

// The rules, by theme. Each list is made once.
const Rules& algebra_rules();       ///< Algebra with constants, signs; nothing is lost or gained.
const Rules& layout_rules();        ///< Reshaping, transposing, stretching, sizes.
const Rules& stabilize_rules();     ///< Exponentials and logarithms without overflow.
const Rules& softmax_rules();       ///< Softmax and its logarithm.
const Rules& quotient_rules();      ///< Quotients of what leaves the range on both sides.
const Rules& log_of_parts_rules();  ///< Logarithms of what has parts.
const Rules& log_of_sum_rules();    ///< Logarithms of what is added up.
const Rules& logarithm_rules();     ///< Stable forms through joins, clips, factors and powers.
const Rules& log_through_scan_rules();  ///< Stable forms across the border of a loop.
const Rules& cancel_rules();            ///< Factors that cancel, as in derivatives of logarithms.
const Rules& power_rules();             ///< Roots and powers of exponentials.
const Rules& scatter_rules();           ///< The same across indexing.
const Rules& log1p_rules();             ///< The least special logarithm.
const Rules& where_rules();             ///< What conditions say of their branches.
const Rules& ifelse_rules();            ///< Whole values chosen by a condition.
const Rules& indexing_rules();          ///< Indexing.
const Rules& reduction_rules();         ///< Reductions of repeated, scaled and reduced tensors.
const Rules& specialize_rules();        ///< Cheaper ways to compute the same.
const Rules& bernoulli_rules();         ///< Draws with what computes their probability.
const Rules& product_rules();  ///< Products that accumulate, and products with zeros and ones.
const Rules& decomposition_rules();  ///< Solutions in place of inverses, determinants.
const Rules& matrix_rules();         ///< Diagonal, triangular and symmetric matrices.
const Rules& fold_rules();           ///< Computing what depends on constants only.

/// Whether rules that are kept for last before a derivative is taken may apply.
bool has_roots_or_quotients_of_exponentials(const FunctionGraph& graph);

/// All rules, in the order in which they are tried at a node.
const std::vector<const Rule*>& all_rules();
/// Those that have one of `tags` and that `mode` includes, its own before all others.
std::vector<const Rule*> chosen_rules(const Mode& mode, const std::vector<std::string>& tags);

}  // namespace damo::optim
