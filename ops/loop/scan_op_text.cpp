#include <fmt/format.h>

#include <algorithm>

#include <damo/ops/common/op_list.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/loop/scan_op.hpp>

namespace damo {
namespace {

/// How `parameters` names what is kept, in the order of Scan::Keep.
constexpr const char* keeps[] = {"trace ", "history ", "last ", "last! "};
static_assert(std::size(keeps) == static_cast<std::size_t>(Scan::Keep::last_strict) + 1);

/// Throws where the parts of a loop that was read do not fit together.
void check_spec(const Scan::Spec& spec, const OpText& text) {
  const FunctionGraph& body = spec.body;
  const std::size_t outputs = body.outputs.size() - (spec.has_until ? 1 : 0);
  const auto require = [&](bool holds, std::string_view expected) {
    if (!holds) text.parameters.fail(expected);
  };
  require(body.updates.empty() && !body.outputs.empty(), "a body with outputs and without updates");
  require(text.operands.size() == body.inputs.size() + 1, "an operand for each input of the body");
  require(spec.n_sequences + spec.n_states <= body.inputs.size() && spec.n_states <= outputs,
          "no more sequences and states than the body has");
  require(!spec.has_until || body.outputs.back().type() == TensorType{DType::boolean, {}},
          "a bool scalar as the body's last output");
  for (std::size_t i = 0; i < spec.n_sequences; ++i)
    require(text.operands[Scan::sequence_input(i)].rank() > 0, "sequences with an axis for time");
  for (const Scan::Output& o : spec.outputs) {
    const bool state = o.body_output < spec.n_states;
    require(o.body_output < outputs && (state || o.keep != Scan::Keep::history),
            "outputs that the body has, and histories of states only");
  }
  for (const auto& [state, output] : spec.carried) {
    require(state < spec.n_states && output < spec.outputs.size() &&
                spec.outputs[output] == Scan::Output{state, Scan::Keep::last},
            "for what is carried, an output with the state's last value");
  }
}

}  // namespace

std::string Scan::parameters() const {
  std::string text = spec_.name.empty() ? "" : quoted(spec_.name) + ", ";
  text += fmt::format("{} sequences, {} states", spec_.n_sequences, spec_.n_states);
  if (spec_.has_until) text += ", until";
  if (!spec_.mode.empty()) text += ", mode " + quoted(spec_.mode.text());
  if (spec_.profile) text += ", profile";
  if (spec_.truncate_gradient != -1) text += fmt::format(", truncate={}", spec_.truncate_gradient);
  if (spec_.in_pieces) text += ", pieces";
  for (const Output& o : spec_.outputs)
    text += fmt::format(", {}{}", keeps[static_cast<std::size_t>(o.keep)], o.body_output);
  for (const auto& [state, output] : spec_.carried)
    text += fmt::format(", carry {} in {}", state, output);
  return text;
}

namespace {

OpPtr read_scan(OpText& text) {
  TextReader& in = text.parameters;
  constexpr std::size_t most = 1U << 20U;
  Scan::Spec spec{.body = std::move(text.body)};
  if (in.next_is('\'')) {
    spec.name = in.quoted();
    in.expect(",");
  }
  spec.body.name = spec.name;
  spec.n_sequences = in.number_below(most, "a number");
  in.expect("sequences,");
  spec.n_states = in.number_below(most, "a number");
  in.expect("states");
  while (in.accept(",")) {
    if (in.accept_word("until")) {
      spec.has_until = true;
    } else if (in.accept_word("mode")) {
      spec.mode = ScanMode(in.quoted());
    } else if (in.accept_word("profile")) {
      spec.profile = true;
    } else if (in.accept_word("pieces")) {
      spec.in_pieces = true;
    } else if (in.accept("truncate=")) {
      spec.truncate_gradient = in.integer();
    } else if (in.accept("carry ")) {
      const std::size_t state = in.number_below(most, "a state");
      in.expect("in");
      spec.carried.emplace_back(state, in.number_below(most, "an output"));
    } else {
      const auto* const keep = std::find_if(std::begin(keeps), std::end(keeps),
                                            [&](const char* word) { return in.accept(word); });
      if (keep == std::end(keeps)) in.fail("what the loop keeps");
      spec.outputs.push_back({in.number_below(most, "an output of the body"),
                              static_cast<Scan::Keep>(keep - std::begin(keeps))});
    }
  }
  check_spec(spec, text);
  return std::make_shared<Scan>(std::move(spec));
}

}  // namespace

DAMO_OPS(scan) {
  ops.reader({"scan", read_scan, 1, OpReader::any});
  ops.sample({.name = "scan",
              .inputs = {{"mn"}, {"n"}},
              .apply =
                  [](const Vars& in) {
                    return damo::scan([](Var x, Var h) { return tanh(h + x * h); },
                                      {.sequences = {in[0]}, .outputs_info = {in[1]}})
                        .outputs[0];
                  },
              .nonempty = "m"});
}

}  // namespace damo
