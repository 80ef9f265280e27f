#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/text/tensor_text.hpp>
#include <damo/ops/common/dense.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/control/debug.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/text/graph_text.hpp>

namespace damo {
namespace {

/// `x` with the effect on `inputs` to happen before anything reads it.
Var after_effect(const Arg& x, const Var& value, std::shared_ptr<const Effect> effect,
                 Vars inputs) {
  const SiteScope scope(x.site());
  const Var done = make_var(std::move(effect), std::move(inputs), x.site());
  static const auto after = std::make_shared<const After>();
  return make_var(after, {value, done}, x.site());
}

struct Moments {
  double min = std::numeric_limits<double>::infinity(), max = -min, sum = 0, squares = 0;
  bool nan = false;
};

Moments moments_of(const Tensor& t) {
  Moments m;
  for (std::int64_t i = 0; i < t.elements(); ++i) {
    const double v = element_at(t, index_of(i, t.shape));
    m.nan = m.nan || std::isnan(v);
    m.min = std::min(m.min, v);
    m.max = std::max(m.max, v);
    m.sum += v;
    m.squares += v * v;
  }
  return m;
}

std::string attribute_text(const std::string& what, const Tensor& t, int edge) {
  if (what == "dtype") return std::string(name(t.dtype));
  if (what == "shape") return to_string(t.shape);
  if (what == "value") return elements_text(t, edge);
  const Moments m = moments_of(t);
  const double n = static_cast<double>(t.elements());
  double value = 0;
  if (what == "min") value = m.min;
  if (what == "max") value = m.max;
  if (what == "mean") value = m.sum / n;
  if (what == "std") value = std::sqrt(std::max(0.0, m.squares / n - m.sum / n * (m.sum / n)));
  if (what == "norm") value = std::sqrt(m.squares);
  if (m.nan || n == 0) value = NAN;
  return fmt::format("{}={}", what, value);
}

std::string with_loops(const std::string& message) {
  const std::string loops = to_string(LoopScope::places());
  return loops.empty() ? message : fmt::format("{} ({})", message, loops);
}

/// The first element of a bool tensor that is false, or nothing.
std::optional<Shape> first_false(const Tensor& t) {
  if (t.contiguous()) {
    const bool* begin = t.as<const bool>();
    const bool* at = std::find(begin, begin + t.elements(), false);
    if (at == begin + t.elements()) return std::nullopt;
    return index_of(at - begin, t.shape);
  }
  for (std::int64_t i = 0; i < t.elements(); ++i) {
    const Shape index = index_of(i, t.shape);
    if (element_at(t, index) == 0) return index;
  }
  return std::nullopt;
}

std::string valued(const Tensor& t, const Var& v) {
  return fmt::format("{} {} {}  {}", name(t.dtype), to_string(t.shape), elements_text(t, 3),
                     reference(v));
}

[[noreturn]] void fail_assertion(const std::string& message, const Apply& node, TensorsIn in,
                                 std::size_t which, const Shape& index) {
  ErrorText text("Assert", message);
  const Var& condition = node.input(which);
  std::string where;
  if (index.rank() > 0) {
    where = fmt::format("; first at {} of {}", to_string(index), to_string(in[which]->shape));
  }
  text.add("false",
           fmt::format("{}{}, made at {}", pprint(condition), where, to_string(condition.site())));
  text.add("value", valued(*in[0], node.input(0)));
  text.add("node", fmt::format("Assert, made at {}", to_string(node.site())));
  throw LocatedError::of<AssertionError>(std::move(text));
}

using Names = std::vector<std::string>;

constexpr std::string_view all_attributes[] = {"dtype", "shape", "value", "min",
                                               "max",   "mean",  "std",   "norm"};

bool is_attribute(std::string_view word) {
  return std::find(std::begin(all_attributes), std::end(all_attributes), word) !=
         std::end(all_attributes);
}

Effect::Action print_action(const std::string& message, const PrintSettings& options) {
  return [message, options](const Apply&, TensorsIn in) {
    std::string line = with_loops(message) + ":";
    for (const std::string& a : options.attributes)
      line += " " + attribute_text(a, *in[0], options.edge);
    if (options.callback) {
      options.callback(line);
    } else {
      (options.stream != nullptr ? *options.stream : std::cerr) << line << std::endl;
    }
  };
}

/// What differs from the defaults.
std::string settings_text(const PrintSettings& options) {
  const PrintSettings usual;
  std::string text;
  if (options.attributes != usual.attributes)
    text += fmt::format(", attributes=({})", fmt::join(options.attributes, ", "));
  if (options.edge != usual.edge) text += fmt::format(", edge={}", options.edge);
  return text;
}

Effect::Action assert_action(const std::string& message) {
  return [message](const Apply& node, TensorsIn in) {
    for (std::size_t i = 1; i < in.size(); ++i) {
      if (const auto index = first_false(*in[i])) fail_assertion(message, node, in, i, *index);
    }
  };
}

/// Inputs after those with names: the condition, if there is one.
Effect::Action break_action(const Breakpoint::Callback& callback, const std::string& name,
                            const Names& names) {
  return [callback, name, names](const Apply& node, TensorsIn in) {
    const std::size_t n = names.size();
    if (in.size() > n && !*in[n]->as<const bool>()) return;
    BreakpointEvent event{{}, names, name, node.site(), LoopScope::places()};
    for (std::size_t i = 0; i < n; ++i) event.values.push_back(dense(*in[i]));
    callback(event);
  };
}

std::string names_text(const Names& names) {
  std::string text = ", values=(";
  for (std::size_t i = 0; i < names.size(); ++i) text += (i > 0 ? ", " : "") + quoted(names[i]);
  return text + ")";
}

}  // namespace

Print::Print(std::string message, PrintSettings options)
    : message_(std::move(message)), options_(std::move(options)) {
  for (const std::string& a : options_.attributes) {
    if (is_attribute(a)) continue;
    throw GraphError(
        fmt::format("Print: there is no attribute '{}'; known are dtype, shape, value, min, max, "
                    "mean, std, norm",
                    a));
  }
}

Var Print::operator()(const Arg& x) const {
  const Var v = x.var();
  return after_effect(x, v,
                      std::make_shared<const Effect>("Print", message_, settings_text(options_),
                                                     print_action(message_, options_)),
                      {v});
}

Var Assert::apply(const Arg& x, Vars conditions) const {
  for (const Var& c : conditions) {
    if (c.dtype() == DType::boolean) continue;
    throw TypeError(
        fmt::format("Assert: a condition must be bool\n  condition  {}\n  hint  "
                    "      write a comparison, such as neq(condition, 0)",
                    describe(c)));
  }
  const Var v = x.var();
  conditions.insert(conditions.begin(), v);
  return after_effect(
      x, v, std::make_shared<const Effect>("Assert", message_, "", assert_action(message_)),
      std::move(conditions));
}

Breakpoint::Breakpoint(Callback callback, BreakpointOptions options)
    : callback_(std::move(callback)), options_(std::move(options)) {
  if (!callback_) throw GraphError("Breakpoint: its callback is empty");
  const Var& c = options_.condition;
  if (c.defined() && (c.dtype() != DType::boolean || c.ndim() != 0)) {
    throw TypeError(
        fmt::format("Breakpoint: the condition must be a bool scalar, got {}", describe(c)));
  }
}

Var Breakpoint::apply(const Arg& x, Vars others) const {
  const Var v = x.var();
  Vars inputs{v};
  inputs.insert(inputs.end(), others.begin(), others.end());
  Names names;
  for (const Var& in : inputs) names.push_back(short_name(in));
  if (options_.condition.defined()) inputs.push_back(options_.condition);
  return after_effect(x, v,
                      std::make_shared<const Effect>("Breakpoint", options_.name, names_text(names),
                                                     break_action(callback_, options_.name, names)),
                      std::move(inputs));
}

namespace {

/// "(a, b)", each item read by `next`.
template <class Next>
Names read_list(TextReader& in, Next&& next) {
  Names items;
  in.expect("(");
  while (!in.accept(")")) {
    items.emplace_back(next());
    if (!in.accept(",") && !in.next_is(')')) in.fail("',' or ')'");
  }
  return items;
}

PrintSettings read_settings(TextReader& in, const ParseOptions& options) {
  PrintSettings settings;
  settings.callback = options.print_line;
  while (in.accept(",")) {
    if (in.accept("attributes=")) {
      settings.attributes = read_list(in, [&] {
        const TextReader start = in;
        const std::string_view word = in.word("an attribute");
        if (!is_attribute(word)) start.fail("an attribute that Print has");
        return word;
      });
    } else {
      in.expect("edge=");
      settings.edge = static_cast<int>(in.number_below(1U << 30U, "a number of elements"));
    }
  }
  return settings;
}

const Breakpoint::Callback& callback_for(const std::string& name, const TextReader& at,
                                         const ParseOptions& options) {
  const auto found = options.breakpoints.find(name);
  if (found == options.breakpoints.end() || !found->second) {
    at.fail(fmt::format("a Breakpoint with its callback in ParseOptions::breakpoints, not {} alone",
                        quoted(name)));
  }
  return found->second;
}

OpPtr read_effect(OpText& text) {
  TextReader& in = text.parameters;
  in.expect("order=");
  const std::uint64_t number =
      text.first_effect + in.number_below(text.most_effects, "a place in the order of effects");
  in.expect(",");
  const TextReader start = in;
  const std::string message = in.quoted();
  const std::span<const TensorType> operands = text.operands;
  const auto made = [&](std::string settings, Effect::Action action) {
    return std::make_shared<const Effect>(std::string(text.name), message, std::move(settings),
                                          std::move(action), number);
  };
  if (text.name == "Print") {
    const PrintSettings settings = read_settings(in, *text.options);
    return made(settings_text(settings), print_action(message, settings));
  }
  if (text.name == "Assert") {
    const auto is_bool = [](const TensorType& t) { return t.dtype == DType::boolean; };
    if (!std::all_of(operands.begin() + 1, operands.end(), is_bool)) in.fail("bool conditions");
    return made("", assert_action(message));
  }
  in.expect(", values=");
  const Names names = read_list(in, [&] { return in.quoted(); });
  const bool has_condition =
      operands.size() == names.size() + 1 && operands.back() == TensorType{DType::boolean, {}};
  if (operands.size() != names.size() && !has_condition)
    in.fail("an operand for each name, and perhaps a bool scalar for a condition");
  return made(names_text(names),
              break_action(callback_for(message, start, *text.options), message, names));
}

}  // namespace

DAMO_OPS(effects) {
  ops.reader({"Print", read_effect, 1, 1});
  ops.reader({"Assert", read_effect, 1, OpReader::any});
  ops.reader({"Breakpoint", read_effect, 1, OpReader::any});
  ops.reader({"after", read_plain<After>, 2, OpReader::any});
  ops.sample({.name = "Assert", .inputs = {{"mn"}}, .apply = [](const Vars& in) {
                return Assert("is a number")(in[0], not_(isnan(in[0])));
              }});
}

}  // namespace damo
