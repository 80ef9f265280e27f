#include <fmt/format.h>

#include <damo/graph/text/print.hpp>
#include <damo/graph/text/tensor_text.hpp>
#include <damo/graph/variables.hpp>
#include <damo/optim/verify/counterexample.hpp>

namespace damo::optim {
namespace {

constexpr int shown_depth = 12;

}  // namespace

std::string Lie::text() const {
  std::string text = fmt::format("{}: {}; before {}, after {}", place, what, before, after);
  return truth.empty() ? text : text + ", truth " + truth;
}

std::string Counterexample::text() const {
  std::string text = fmt::format("  before  {}\n  after   {}\n", pprint(before, shown_depth),
                                 pprint(after, shown_depth));
  std::string at;
  for (const auto& [v, value] : values) {
    at += fmt::format("{}{} = {} {}", at.empty() ? "" : ", ", v.name().empty() ? "_" : v.name(),
                      name(v.dtype()), elements_text(value.view()));
  }
  text += fmt::format("  at      {}\n", at.empty() ? "no inputs" : at);
  if (!place.empty()) text += fmt::format("  in      {}\n", place);
  return text + fmt::format("  lie     {}\n", lie.text());
}

}  // namespace damo::optim
