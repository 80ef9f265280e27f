#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/located_error.hpp>

namespace damo {
namespace {

std::string node_line(const Apply& node) {
  const std::string& name = node.name(0);
  return fmt::format("{}{}, made at {}", node.op().name(),
                     name.empty() ? "" : fmt::format(" '{}'", name), to_string(node.site()));
}

}  // namespace

LocatedError LocatedError::current(const Apply& node, TensorsIn in) {
  std::vector<TensorType> types;
  for (std::size_t i = 0; i < in.size(); ++i) {
    // Of a choice, the branch not taken has no value.
    types.push_back(in[i] != nullptr ? TensorType{in[i]->dtype, in[i]->shape}
                                     : node.input(i).type());
  }
  const auto located = [&](Throw kind, const Error& e) {
    ErrorText text(node.op().name(), e.what());
    text.add_operands(node.inputs(), types);
    text.add("node", node_line(node));
    LocatedError error(kind, std::move(text));
    error.hint_ = node.op().hint(node.inputs(), types);
    return error;
  };
  try {
    throw;
  } catch (const ShapeError& e) {
    return located(&throw_as<ShapeError>, e);
  } catch (const TypeError& e) {
    return located(&throw_as<TypeError>, e);
  } catch (const GraphError& e) {
    return located(&throw_as<GraphError>, e);
  } catch (const GradError& e) {
    return located(&throw_as<GradError>, e);
  } catch (const AssertionError& e) {
    return located(&throw_as<AssertionError>, e);
  } catch (const NumericError& e) {
    return located(&throw_as<NumericError>, e);
  } catch (const IoError& e) {
    return located(&throw_as<IoError>, e);
  } catch (const InternalError& e) {
    return located(&throw_as<InternalError>, e);
  } catch (const Error& e) {
    return located(&throw_as<Error>, e);
  }
}

void LocatedError::raise() const {
  ErrorText text = text_;
  for (const std::string& place : places_) text.add("in", place);
  text.add_hint(hint_);
  throw_(text.text());
  __builtin_unreachable();
}

}  // namespace damo
