#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/walk.hpp>

namespace damo {

/// How variables move when others do. Some may not: `reasons` says why, and is empty where the
/// value holds (an empty Var: it stays).
struct Tangents {
  Vars values;
  std::vector<std::string> reasons;
  /// Whether some does not exist.
  bool incomplete() const;
};

/// What an op throws in forward mode when only some of its outputs have no tangent.
class SomeUndefined : public GradError {
 public:
  explicit SomeUndefined(Tangents tangents);
  const Tangents& tangents() const { return tangents_; }

 private:
  Tangents tangents_;
};

/// Forward mode: how `f` moves when each of `wrt` moves along its `eval`. Nothing moves through
/// `stops`, except those of them that are among `wrt`.
Tangents tangents_of(const Vars& f, const Vars& wrt, const Vars& eval, const VarSet& stops = {});

}  // namespace damo
