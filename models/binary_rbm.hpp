#pragma once
#include <damo/models/energy/energy_model.hpp>

namespace damo::models {

/// The RBM of units that are 0 or 1 (Smolensky 1986) as all models here have it, read with any
/// parameters: what is asked of it has been derived once from `energy`. Biases are vectors, or
/// matrices with one row a state.
class BinaryRbm {
 public:
  /// E(v, h) = -bv v - bh h - v W h, one number a row.
  static Var energy(const Var& v, const Var& h, const Var& W, const Var& bv, const Var& bh);

  BinaryRbm(Var W, Var bv, Var bh) : W_(std::move(W)), bv_(std::move(bv)), bh_(std::move(bh)) {}

  /// -log sum_h exp(-E(v, h)), one number a row of `v`.
  Var free_energy(const Var& v) const;
  /// The hidden units given the visible ones, and the other way round. States are matrices, or
  /// vectors, which stand for a row.
  energy::Conditional hidden(const Var& v) const;
  energy::Conditional visible(const Var& h) const;

 private:
  /// What `choose` takes of what has been derived, at `state`.
  template <class Choose>
  Var read(const Var& state, Choose choose) const;
  Var W_, bv_, bh_;
};

}  // namespace damo::models
