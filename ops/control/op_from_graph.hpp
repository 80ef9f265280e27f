#pragma once
#include <functional>
#include <memory>
#include <string>

#include <damo/graph/walk.hpp>

namespace damo {

class SubGraph;

struct OpFromGraphOptions {
  /// For printing and errors.
  std::string name{};
  /// The gradient at each input, from the inputs, the outputs and the cost's gradient at each
  /// output; an empty Var where none flows. Left out: that of the graph.
  std::function<Vars(const Vars& inputs, const Vars& outputs, const Vars& output_gradients)>
      gradient{};
  /// Forward mode: the tangent of each output, from those of the inputs. Left out: that of the
  /// graph, whatever `gradient` is.
  std::function<Vars(const Vars& inputs, const Vars& outputs, const Vars& tangents)> push_forward{};
};

/// A graph as an op, to be applied many times, with a gradient of its own if need be (Theano's
/// OpFromGraph). The graph takes the place of each application before a function is rewritten: at
/// run time nothing of it is left. Shared variables and further inputs that `outputs` depend on are
/// taken from where the op was made, draws are part of it; a gradient given here is one with
/// respect to `inputs` alone, so one with respect to those others is then an error. Throws
/// GraphError for no outputs or for an input twice; when applied, TypeError for operands of other
/// types; from `grad`, GradError for a gradient of the wrong number of parts, dtype or rank.
class OpFromGraph {
 public:
  OpFromGraph(const VarList& inputs, const VarList& outputs, OpFromGraphOptions options = {},
              Site site = Site::here());

  Vars operator()(const Vars& arguments, Site site = Site::here()) const;
  Vars operator()(const Arg& a) const { return apply({a}); }
  Vars operator()(const Arg& a, const Arg& b) const { return apply({a, b}); }
  Vars operator()(const Arg& a, const Arg& b, const Arg& c) const { return apply({a, b, c}); }
  Vars operator()(const Arg& a, const Arg& b, const Arg& c, const Arg& d) const {
    return apply({a, b, c, d});
  }

 private:
  friend Var with_gradient(
      const Vars&, const Var&,
      std::function<Vars(const Vars& inputs, const Var& output, const Var& output_gradient)>, Site);
  /// `capture` says what else belongs to the op's inputs.
  OpFromGraph(const Vars& inputs, const Vars& outputs, OpFromGraphOptions options,
              Vars (*capture)(const Vars& outputs, const VarSet& inputs), Site site);
  Vars apply(const std::vector<Arg>& arguments) const;

  std::shared_ptr<const SubGraph> op_;
  Vars captured_{};
};

/// `output` with another gradient with respect to `inputs` (variables of any kind that it depends
/// on): what `gradient` says, one for each, an empty Var where none flows. The value is the same,
/// and rewriting sees through. Forward mode goes on through the expression itself.
Var with_gradient(
    const Vars& inputs, const Var& output,
    std::function<Vars(const Vars& inputs, const Var& output, const Var& output_gradient)> gradient,
    Site site = Site::here());

}  // namespace damo
