#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include <damo/graph/fact.hpp>
#include <damo/graph/values/single_threaded.hpp>
#include <damo/graph/values/tensor.hpp>
#include <damo/graph/values/workspace.hpp>
#include <damo/graph/var.hpp>

namespace damo {

struct FunctionGraph;

using TensorsIn = std::span<const Tensor* const>;
using TensorsOut = std::span<Tensor* const>;

/// What flows back into one input: a variable of the input's shape, nothing, or something that does
/// not exist.
struct Gradient {
  Gradient() = default;
  Gradient(Var v) : value(std::move(v)) {}
  /// The input influences the output, but no derivative exists: `reason` goes into the error.
  static Gradient undefined(std::string reason) {
    Gradient g;
    g.reason = std::move(reason);
    return g;
  }
  Var value{};
  std::string reason{};
};
using Gradients = std::vector<Gradient>;

/// What a node asks of sizes and positions (int64 scalars) when it runs: it throws a ShapeError
/// where they are otherwise.
struct Demand {
  enum class Kind : std::uint8_t {
    equal,    ///< a = b
    inside,   ///< -b <= a < b, for each element of a: positions among b
    at_least  ///< a >= b
  };
  Kind kind;
  Var a, b;
};

/// The text of an expression and how tightly its outermost operator binds (100 for a call or a
/// name).
struct Printed {
  std::string text;
  int precedence = 100;
};

/// An operation: everything Damo knows of it in one place. Immutable; parameters are constant
/// members, compared by `equals`.
class Op : public std::enable_shared_from_this<Op> {
 public:
  /// Tells classes of ops apart: the address of something that each has one of.
  using Class = const void*;

  Op() = default;
  Op(const Op&) = default;
  Op& operator=(const Op&) = delete;
  virtual ~Op() = default;

  /// That of `OpOf<Derived>`; null for an op that is not made from it.
  Class op_class() const { return class_; }

  /// As users call it: "dot", "sigmoid", "scan".
  virtual std::string name() const = 0;

  /// Type rule: the outputs' types from the inputs'. Throws ShapeError or TypeError; the caller
  /// adds names and lines.
  virtual std::vector<TensorType> infer(std::span<const TensorType> inputs) const = 0;

  /// Whether input `i` may be of a dtype for storage (uint8, int32), which then is that of what is
  /// made of it: for ops that move elements or hand them on. Others get such an input as int64.
  virtual bool takes_storage(std::size_t) const { return false; }

  /// Shape rule: each output's sizes (int64 scalars) from the inputs' sizes, without computing any
  /// input's elements; nullopt for an output whose shape depends on elements that only a run knows.
  virtual std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                                      const std::vector<Vars>& input_shapes) const;

  /// What a run asks of the inputs' sizes, and of inputs that are sizes or positions, as far as
  /// types do not say it. A rewrite may make the node superfluous without a thought of these:
  /// `optimize` puts back what no node is left to ask.
  virtual std::vector<Demand> demands(const Apply& node,
                                      const std::vector<Vars>& input_shapes) const;

  /// Reverse mode: given the cost's gradient at each output (null where none flows), that at each
  /// input.
  virtual Gradients gradient(const Apply& node, const Vars& output_gradients) const;

  /// Forward mode: given each input's tangent (null for zero), each output's (null for zero).
  virtual Vars push_forward(const Apply& node, const Vars& tangents) const;

  /// Output shapes of a run. The default asks `infer` with the run's sizes. Inputs are already
  /// computed.
  virtual void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const;
  /// Whether `run_shapes` reads the elements of some input, so that it must be asked at every call.
  virtual bool shapes_need_values() const { return false; }

  /// Computes the outputs into memory of the right shape (row-major, no gaps).
  virtual void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const;

  /// Whether output 0 is only another look at input 0's memory; then `view` is called in place of
  /// `perform`.
  virtual bool is_view() const { return false; }
  /// Sets out's data, shape and strides.
  virtual void view(const Apply& node, TensorsIn in, Tensor& out) const;

  /// The input whose memory output 0 may take over when nobody else needs it; -1 for none.
  /// `perform` then sees the same pointer on both sides.
  virtual int inplace_input() const { return -1; }

  /// For an op that consumes the state of a random stream or carries a shared variable: pairs of
  /// that variable (one of the node's inputs) and its next value.
  virtual std::vector<std::pair<Var, Var>> state_updates(const Apply& node) const;

  /// The expression text, given that of the inputs.
  virtual Printed print(const Apply& node, std::span<const Printed> inputs) const;
  /// The parameters as text, for `debugprint`: "axis=1"; "" for none.
  virtual std::string parameters() const { return {}; }

  /// Whether this is a choice that needs one of its operands only: input 1 where input 0, a bool
  /// scalar, is true, input 2 where it is false. What only the other one needs is not computed.
  virtual bool chooses() const { return false; }

  /// Where the elements of an output come from, if each is an element of an input.
  virtual Origin origin(const Apply& node, std::size_t output) const;
  /// What is known of the elements of each output, given what is known of the inputs'. `out` comes
  /// with nothing known. The default: what all inputs have that `origin` names.
  virtual void facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const;

  /// The inner graph of an op that has one (a loop, a graph as an op), for printing and for passes
  /// that go inside.
  virtual const FunctionGraph* body() const { return nullptr; }
  /// This op with another body, whose inputs and outputs have the same meaning.
  virtual std::shared_ptr<const Op> with_body(FunctionGraph body) const;
  /// Whether the body is rewritten apart, in a mode of its own: passes leave it as it is.
  virtual bool keeps_body() const { return false; }
  /// What is known of the inputs of the body, whenever it runs, given what is known of the node's.
  virtual std::vector<Fact> facts_inside(const Apply& node, std::span<const Fact> in) const;

  /// Whether the order of the inputs is irrelevant.
  virtual bool commutative() const { return false; }
  /// For an op that does more than compute its outputs (prints, checks, calls back): its place
  /// among all such, in the order in which the user made them. Each is equal to itself only, is
  /// never folded, never leaves a loop, and runs in this order. 0 for every other op.
  virtual std::uint64_t effect() const { return 0; }
  bool pure() const { return effect() == 0; }

  /// Lines for an error about operands of these types (those of a run, when it fails in one): what
  /// the user may have meant. "" for no idea.
  virtual std::string hint(const Vars& inputs, std::span<const TensorType> types) const;

  virtual bool equals(const Op& other) const = 0;
  virtual std::size_t hash() const = 0;

 protected:
  explicit Op(Class op_class) : class_(op_class) {}

 private:
  Class class_ = nullptr;
};

/// Base of concrete ops: equality from the class and its defaulted `operator==`, so that no
/// parameter can be forgotten.
template <class Derived>
class OpOf : public Op {
 public:
  /// What `op_class` is for ops of this class.
  static Class class_id() { return &address_; }

  bool equals(const Op& other) const final {
    return other.op_class() == class_id() && typeid(other) == typeid(Derived) &&
           static_cast<const Derived&>(*this) == static_cast<const Derived&>(other);
  }
  /// Asked whenever a graph is rebuilt, so it is remembered: the text of parameters takes time.
  std::size_t hash() const override {
    std::size_t h = hash_.load(std::memory_order_relaxed);
    if (h == 0) {
      h = std::hash<Class>{}(class_id()) ^ (std::hash<std::string>{}(parameters()) << 1U);
      hash_.store(h, std::memory_order_relaxed);
    }
    return h;
  }
  friend bool operator==(const OpOf&, const OpOf&) { return true; }

 protected:
  OpOf() : Op(class_id()) {}
  OpOf(const OpOf& other) : Op(other) {}

 private:
  static inline const char address_ = 0;
  mutable std::atomic<std::size_t> hash_ = 0;
};

/// A node: an op applied to inputs. Immutable, reference counted; its names are notes for people.
class Apply {
 public:
  Apply(std::shared_ptr<const Op> op, Vars inputs, std::vector<TensorType> types, Site site);
  Apply(const Apply&) = delete;
  Apply& operator=(const Apply&) = delete;

  const Op& op() const { return *op_; }
  const std::shared_ptr<const Op>& op_ptr() const { return op_; }
  const Vars& inputs() const { return inputs_; }
  const Var& input(std::size_t i) const { return inputs_[i]; }
  const std::vector<TensorType>& types() const { return types_; }
  std::size_t n_outputs() const { return types_.size(); }
  Var output(std::size_t i = 0) const { return {this, i}; }
  Vars outputs() const;
  Site site() const { return site_; }
  /// Creation order, unique in the process: a larger one never feeds a smaller one.
  std::uint64_t id() const { return id_; }
  const std::string& name(std::size_t output) const;
  void set_name(std::size_t output, std::string name) const;

 private:
  friend class Var;
  void retain() const;
  void release() const;
  ~Apply() = default;

  // What walking a graph reads comes first, to lie in one line of the cache.
  std::uint64_t id_;
  mutable std::atomic<std::uint32_t> references_{0};
  Vars inputs_;
  std::shared_ptr<const Op> op_;
  std::vector<TensorType> types_;
  Site site_;
  mutable std::vector<std::string> names_;
};

/// Applies `op`, checking types, to `inputs` in the dtypes that it takes; errors name the op, the
/// operands and the user's line. Returns all outputs.
Vars make_node(std::shared_ptr<const Op> op, Vars inputs, Site site = {});
/// The same for the first output.
Var make_var(std::shared_ptr<const Op> op, Vars inputs, Site site = {});

// Variables are copied all the time while graphs are made and compiled, mostly before a process has
// a second thread: until then counting does without locked instructions.
inline void Apply::retain() const {
  if (is_single_threaded()) {
    references_.store(references_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  } else {
    references_.fetch_add(1, std::memory_order_relaxed);
  }
}

/// `op` as `T`, or null. Rewriting asks this more often than anything else, so a final class is
/// told by one comparison.
template <class T>
const T* as(const Op& op) {
  if constexpr (std::is_final_v<T> && std::is_base_of_v<OpOf<T>, T>) {
    return op.op_class() == T::class_id() ? static_cast<const T*>(&op) : nullptr;
  } else {
    return dynamic_cast<const T*>(&op);
  }
}
/// The op of `v` as `T`, or null.
template <class T>
const T* as(const Var& v) {
  return as<T>(v.op());
}

}  // namespace damo
