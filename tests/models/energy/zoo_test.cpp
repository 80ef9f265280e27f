#include "examples/energy/zoo.hpp"
#include "tests/support/values.hpp"

using namespace damo;

TEST_CASE("energy zoo: every model passes its check and explains itself, in both dtypes") {
  for (const DType dtype : {float64, float32}) {
    for (const examples::ZooModel& entry : examples::zoo(dtype)) {
      CAPTURE(entry.name);
      CAPTURE(std::string(name(dtype)));
      const energy::Report report = energy::check(entry.model, {.inputs = entry.inputs});
      CHECK_MESSAGE(report.ok(), report.text());
      const std::string text = energy::explain(entry.model);
      for (const energy::Unit& u : entry.model.units()) CHECK(test::contains(text, u.name()));
    }
  }
}
