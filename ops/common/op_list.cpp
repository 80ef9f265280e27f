#include <damo/graph/variables.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/elementwise/elementwise.hpp>

#include <mutex>

namespace damo {
namespace {

struct Known {
  std::recursive_mutex mutex;
  std::vector<OpsOfFile> waiting = op_files();
  OpList list;
  std::vector<const ScalarOp*> scalars;
  std::size_t n_asked = 0;  // samples of which it is known what they apply
};
Known& known() {
  static Known all;
  return all;
}

// Casts share a name; they differ in the type of the result.
OpPtr read_elementwise(OpText& text) {
  for (const ScalarOp* s : scalar_ops()) {
    const bool same_kind = s->types != ScalarOp::Types::convert || s->to == text.results[0].dtype;
    if (s->name == text.name && same_kind) return std::make_shared<Elementwise>(*s);
  }
  text.parameters.fail("an elementwise function");
}

/// Elementwise ops are made at first use: those of new samples are, and become readable.
void find_scalars(Known& all) {
  const auto& samples = all.list.samples();
  for (; all.n_asked < samples.size(); ++all.n_asked) {
    if (!samples[all.n_asked].elementwise) continue;
    const Var v = example(samples[all.n_asked]);
    const ScalarOp& s = as<Elementwise>(v)->scalar();
    all.scalars.push_back(&s);
    all.list.reader({s.name, read_elementwise, s.arity, s.arity});
  }
}

/// All that files have said by now. Kept locked by the caller.
Known& up_to_date(Known& all) {
  for (const OpsOfFile ops : std::exchange(all.waiting, {})) ops(all.list);
  find_scalars(all);
  return all;
}

}  // namespace

Var example(const OpSample& sample) {
  Vars in;
  for (const OpInput& spec : sample.inputs) {
    TensorType type{spec.dtype, {}};
    for (const char letter : spec.dims) type.dims.push_back(letter == '1' ? 1 : unknown);
    in.push_back(input(type));
  }
  return sample.apply(in);
}

const OpReader* OpList::find_reader(std::string_view name) const {
  const auto found = readers_.find(name);
  return found == readers_.end() ? nullptr : &found->second;
}

MoreOps::MoreOps(OpsOfFile ops) {
  const std::lock_guard lock(known().mutex);
  known().waiting.push_back(ops);
}

const OpList& all_ops() {
  const std::lock_guard lock(known().mutex);
  return up_to_date(known()).list;
}

std::vector<const ScalarOp*> scalar_ops() {
  const std::lock_guard lock(known().mutex);
  return up_to_date(known()).scalars;
}

const OpReader* op_reader(std::string_view name) {
  const std::lock_guard lock(known().mutex);
  return up_to_date(known()).list.find_reader(name);
}

}  // namespace damo
