#pragma once
#include <functional>
#include <optional>
#include <string>

#include <damo/ops/loop/open_loop.hpp>
#include <damo/optim/engine/pipeline.hpp>

namespace damo::optim {

/// Rebuilds `graph`, and the bodies of its loops first, with each loop replaced by what `edit`
/// makes of it: as many variables as it has outputs, or nothing to keep it. `edit` sees the node
/// with its inputs already rebuilt, and as it was before.
using EditScan =
    std::function<std::optional<Vars>(const Apply& node, const Apply& before, Trace* trace)>;
/// Made once for each graph and body, before it is rebuilt.
using MakeEditScan = std::function<EditScan(const FunctionGraph& graph)>;
FunctionGraph edit_scans(const FunctionGraph& graph, const MakeEditScan& make, Trace* trace);

/// The same for a pass that looks at each loop by itself; what it did is noted in `trace`.
using EditLoop = std::function<std::optional<Vars>(const Apply& loop)>;
FunctionGraph edit_each_loop(const FunctionGraph& graph, const EditLoop& edit, Trace* trace,
                             const std::string& pass, const std::string& what);

/// Notes in the trace what a pass did to a loop.
void record(Trace* trace, const std::string& pass, const Var& before, const Var& after,
            const std::string& what);

}  // namespace damo::optim
