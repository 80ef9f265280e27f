#include <algorithm>
#include <optional>

#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/scan_builder.hpp>

namespace damo::detail {
namespace {

/// Numbers with a fraction begin as wide as the variables that are listed, so that the step need
/// not be called again for them.
void widen_numbers(ScanOptions& options) {
  std::optional<DType> widest;
  const auto see = [&](const Var& v) {
    if (v.defined() && is_float(v.dtype()))
      widest = std::max(widest.value_or(v.dtype()), v.dtype());
  };
  for (const Sequence& s : options.sequences) see(s.x);
  for (const OutputInfo& info : options.outputs_info) see(info.number ? Var{} : info.initial);
  for (const Var& v : options.non_sequences) see(v);
  for (OutputInfo& info : options.outputs_info) {
    const bool fraction = info.number && info.number->kind() == Arg::Kind::real;
    if (fraction && widest) info.initial = info.number->var(*widest);
  }
}

}  // namespace

ScanResult scan(const Step& step, ScanOptions options) {
  widen_numbers(options);
  // From bool over int64 and float32 to float64 there are three changes of a dtype.
  for (int change = 0; change < 3; ++change) {
    if (auto result = ScanBuilder(step, options).run(false)) return *result;
  }
  return *ScanBuilder(step, options).run(true);
}

ScanResult fold(const Step& step, ScanOptions options) {
  const Site site = SiteScope::or_else(options.site);
  ScanResult result = scan(step, std::move(options));
  const SiteScope scope(site);
  for (Var& v : result.outputs) v = v[-1];
  return result;
}

}  // namespace damo::detail
