#include <damo/optim/catalogue.hpp>

namespace damo::optim {

const std::vector<const Rule*>& all_rules() {
  static const std::vector<const Rule*> rules = [] {
    std::vector<const Rule*> all;
    for (const Rules* theme :
         {&cancel_rules(), &stabilize_rules(), &softmax_rules(), &barrier_rules(), &log1p_rules(),
          &canonicalize_rules(), &branch_rules(), &indexing_rules(), &layout_rules(),
          &reduction_rules(), &specialize_rules(), &blas_rules(), &fold_rules()}) {
      for (const Rule& r : *theme) all.push_back(&r);
    }
    return all;
  }();
  return rules;
}

}  // namespace damo::optim
