// Models given by their energies: `energy_zoo` lists them, `energy_zoo NAME` derives one, says how,
// and checks what was derived against its Boltzmann weights. examples/energy/zoo.cpp has the
// models.
#include <fmt/format.h>

#include "examples/energy/zoo.hpp"

int main(int argc, char** argv) {
  using namespace damo;
  const std::string wanted = argc > 1 ? argv[1] : "";
  bool found = wanted.empty();
  for (const examples::ZooModel& entry : examples::zoo(float64)) {
    if (wanted.empty()) fmt::print("{:24} {}\n", entry.name, entry.what);
    if (entry.name != wanted) continue;
    found = true;
    const energy::Report report = energy::check(entry.model, {.inputs = entry.inputs});
    fmt::print("{}: {}\n\n{}\nchecks\n{}", entry.name, entry.what, energy::explain(entry.model),
               report.text());
    if (!report.ok()) return 1;
  }
  if (found) return 0;
  fmt::print(stderr, "energy_zoo: there is no model '{}'; without a name it lists them\n", wanted);
  return 2;
}
