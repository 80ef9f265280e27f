#include <algorithm>

#include <damo/optim/engine/catalogue.hpp>

namespace damo::optim {

const std::vector<const Rule*>& all_rules() {
  static const std::vector<const Rule*> rules = [] {
    std::vector<const Rule*> all;
    for (const Rules* theme :
         {&cancel_rules(),        &scatter_rules(),   &stabilize_rules(),
          &softmax_rules(),       &quotient_rules(),  &log_of_parts_rules(),
          &log_of_sum_rules(),    &logarithm_rules(), &log_through_scan_rules(),
          &power_rules(),         &log1p_rules(),     &algebra_rules(),
          &where_rules(),         &ifelse_rules(),    &indexing_rules(),
          &layout_rules(),        &reduction_rules(), &specialize_rules(),
          &bernoulli_rules(),     &product_rules(),   &fold_rules(),
          &decomposition_rules(), &matrix_rules()}) {
      for (const Rule& r : *theme) all.push_back(&r);
    }
    return all;
  }();
  return rules;
}

std::vector<const Rule*> chosen_rules(const Mode& mode, const std::vector<std::string>& tags) {
  std::vector<const Rule*> chosen;
  const auto consider = [&](const Rule& rule) {
    const bool here = std::any_of(tags.begin(), tags.end(),
                                  [&](const std::string& tag) { return rule.has_tag(tag); });
    if (here && mode.has(rule.name(), rule.mode_tags())) chosen.push_back(&rule);
  };
  for (const auto& rule : mode.own_rules()) consider(*rule);
  for (const Rule* rule : all_rules()) consider(*rule);
  return chosen;
}

}  // namespace damo::optim
