#pragma once
#include <string>

#include <damo/graph/function_graph.hpp>
#include <damo/optim/engine/trace.hpp>

namespace damo {

/// A page that steps through a graph's life: each applied rule with what it matched and what took
/// its place, where it was written and what it saved, inside loops too; the graph as asked, after
/// each pass, and as it runs. One HTML file that needs nothing else.
std::string explain_page(const FunctionGraph& asked, const FunctionGraph& result,
                         const Trace& trace);

namespace optim {
/// The page up to its data (JSON), and from there on.
extern const char* const explain_page_head;
extern const char* const explain_page_tail;
}  // namespace optim

}  // namespace damo
