#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/graph/var.hpp>
#include <damo/optim/verify/dice.hpp>

namespace damo::optim {

struct RandomGraphOptions {
  std::size_t steps = 10;  ///< expressions made, each of those before
  bool gradients = true;   ///< whether the last outputs may be gradients
};

/// A random well-typed graph: elementwise functions of all dtypes, broadcasting, indexing,
/// reductions, products, loops, choices, draws, and the ways in which people write logarithms of
/// sigmoids and softmax. Its values may be anything, and what depends on integers may raise.
class RandomGraph {
 public:
  explicit RandomGraph(std::uint64_t seed, RandomGraphOptions options = {});
  const Vars& inputs() const { return inputs_; }
  const Vars& outputs() const { return outputs_; }
  /// Values of the inputs, of the sizes that the graph was made for; of ten floats, `extreme` are
  /// adversarial.
  std::vector<std::pair<Var, Array>> values(Dice& dice, std::size_t extreme) const;

 private:
  Vars inputs_{}, outputs_{};
  std::vector<Shape> shapes_{};
};

/// Variables that expressions are made of, with the shapes they have in a trial run.
class Pool {
 public:
  Pool(Dice& dice, std::vector<std::pair<Var, Array>> trial);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  Dice& dice() { return dice_; }
  const Vars& vars() const { return vars_; }
  const Shape& shape(const Var& v) const;
  /// Adds `v` if it can be computed in the trial run and is neither empty of meaning nor large.
  bool add(const Var& v);
  /// One of those for which `fits(v)` holds, later ones more often; null for none.
  template <class F>
  Var pick(F&& fits) {
    Vars some;
    for (const Var& v : vars_) {
      if (fits(v)) some.push_back(v);
    }
    if (some.empty()) return {};
    return some[some.size() - 1 - std::min(dice_.below(some.size()), dice_.below(some.size()))];
  }
  Var any_float();
  Var tensor();  ///< A float of rank 1 or more.

 private:
  struct Trial;
  Dice& dice_;
  Vars vars_{};
  std::vector<Shape> shapes_{};
  std::unique_ptr<Trial> trial_;
};

/// Adds a random expression of the pool's variables to it; nothing when the operands drawn do not
/// fit one another.
void add_step(Pool& pool);

}  // namespace damo::optim
