#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include <damo/damo.hpp>
#include <damo/runtime/program/fusion/fuse.hpp>
#include <damo/runtime/program/lower.hpp>
#include "tests/support/random_expression.hpp"
#include "tests/support/values.hpp"

using namespace damo;

namespace {

/// Two expressions of `inputs`, which it makes, that share nodes.
Vars random_roots(std::uint64_t seed, Vars& inputs) {
  test::Numbers r{seed};
  inputs = test::random_inputs();
  const Var first = test::random_expression(inputs, r, 12);
  return {first, test::random_expression({inputs[0] * first, inputs[1], inputs[2], first}, r, 8)};
}

/// The slots whose memory each slot's is: itself, or what it is a view of.
std::vector<std::uint32_t> bases(const Program& program) {
  std::vector<std::uint32_t> base(program.slots.size());
  for (std::uint32_t s = 0; s < base.size(); ++s) base[s] = s;
  for (const auto& instruction : program.instructions) {
    if (instruction->is_view())
      base[instruction->out_slots()[0]] = base[instruction->in_slots()[0]];
  }
  return base;
}

/// Checks that nothing is written over that somebody still reads.
void check_memory(const Program& program, bool inplace) {
  const auto base = bases(program);
  const std::size_t n = program.instructions.size();
  std::map<std::uint32_t, std::size_t> written, read;
  for (std::size_t i = 0; i < n; ++i) {
    for (const std::uint32_t s : program.instructions[i]->in_slots()) read[base[s]] = i;
    for (const std::uint32_t s : program.instructions[i]->out_slots()) {
      if (base[s] == s) written[s] = i;
    }
  }
  for (const std::uint32_t s : program.roots) read[base[s]] = n;
  for (const auto& [a, from] : written) {
    for (const auto& [b, later] : written) {
      const bool shared = program.slots[a].storage == program.slots[b].storage;
      if (a == b || !shared || program.slots[a].storage < 0 || later < from) continue;
      const std::size_t last = read.contains(a) ? read[a] : from;
      // Another result may begin where the last reader of this one writes it, in place.
      CHECK(last <= later);
      if (last == later) CHECK(inplace);
      CHECK(later > from);
    }
  }
  for (const std::uint32_t s : program.roots) {
    const std::int32_t storage = program.slots[base[s]].storage;
    if (storage >= 0) CHECK(program.storages[static_cast<std::size_t>(storage)].exported);
  }
}

std::vector<Array> run(Program& program, const std::vector<Array>& values) {
  for (std::size_t i = 0; i < program.inputs.size(); ++i)
    program.bind(program.inputs[i], values[i].view());
  program.run();
  std::vector<Array> out;
  for (const std::uint32_t s : program.roots) {
    const Tensor& t = program.slots[s].tensor;
    out.emplace_back(t.dtype, t.shape);
    for (std::int64_t i = 0; i < t.elements(); ++i) {
      std::int64_t rest = i, at = 0;
      for (std::size_t axis = t.rank(); axis-- > 0; rest /= t.shape[axis])
        at += rest % t.shape[axis] * t.strides[axis];
      out.back().data<double>()[i] = t.as<double>()[at];
    }
  }
  return out;
}

}  // namespace

TEST_CASE("group_nodes: units hold each node once, each after what it needs") {
  for (std::uint64_t seed = 1; seed < 60; ++seed) {
    CAPTURE(seed);
    Vars inputs;
    const Vars roots = random_roots(seed, inputs);
    const Guards guards(roots);
    for (const bool fuse : {true, false}) {
      const auto units = group_nodes(roots, guards, fuse);
      std::map<const Apply*, std::size_t> place;
      std::size_t k = 0;
      bool ordered = true;
      std::size_t largest = 0;
      for (const Unit& unit : units) {
        largest = std::max(largest, unit.size());
        for (const Apply* node : unit) {
          CHECK(place.emplace(node, k++).second);
          for (const Var& in : node->inputs()) {
            const auto at = place.find(in.owner_ptr());
            ordered = ordered && at != place.end();
          }
        }
      }
      CHECK(ordered);
      const auto nodes = toposort(roots);
      CHECK(place.size() == nodes.size());
      if (!fuse) CHECK(largest == 1);
    }
  }
}

TEST_CASE("group_nodes: a chain of elementwise nodes is one unit, a product between makes two") {
  const Var x = dmatrix("x"), w = dmatrix("w");
  const auto sizes = [](const Var& root) {
    std::multiset<std::size_t> all;
    for (const Unit& unit : group_nodes({root}, Guards(Vars{root}), true)) all.insert(unit.size());
    return all;
  };
  CHECK(sizes(exp(tanh(x) * x) + x) == std::multiset<std::size_t>{1, 4});
  CHECK(sizes(exp(dot(tanh(x), w)) + x) == std::multiset<std::size_t>{1, 1, 1, 1, 2});
}

TEST_CASE("plan_memory: no storage is written while what it held is still to be read") {
  for (std::uint64_t seed = 1; seed < 80; ++seed) {
    CAPTURE(seed);
    Vars inputs;
    const Vars roots = random_roots(seed, inputs);
    for (const bool inplace : {true, false}) {
      for (const bool fuse : {true, false}) {
        const auto program =
            lower({inputs, roots, {}, ""}, "test", {.fuse = fuse, .inplace = inplace});
        check_memory(*program, inplace);
      }
    }
  }
}

TEST_CASE("plan_memory: storages pass from hand to hand along a chain") {
  const Var x = dmatrix("x");
  Var v = x;
  for (int i = 0; i < 20; ++i) v = dot(v, x);
  const auto program = lower({{x}, {v}, {}, ""}, "test", {});
  CHECK(program->instructions.size() == 20);
  CHECK(program->storages.size() <= 3);
}

TEST_CASE("lower: a program computes what evaluate does, with and without fusion and reuse") {
  for (std::uint64_t seed = 1; seed < 60; ++seed) {
    CAPTURE(seed);
    Vars inputs;
    const Vars roots = random_roots(seed, inputs);
    test::Numbers r{seed + 1000};
    const auto at = test::random_values(inputs, r);
    std::vector<Array> values;
    for (const auto& [v, value] : at) values.push_back(value);
    const auto expected = evaluate(roots, at);
    for (const bool inplace : {true, false}) {
      for (const bool fuse : {true, false}) {
        const auto program =
            lower({inputs, roots, {}, ""}, "test", {.fuse = fuse, .inplace = inplace});
        for (int call = 0; call < 2; ++call) {
          const auto out = run(*program, values);
          for (std::size_t i = 0; i < out.size(); ++i)
            test::check_close(out[i], expected[i], 1e-12);
        }
      }
    }
  }
}
