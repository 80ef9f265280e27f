#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/samples.hpp>

namespace damo::samples {

OpSample elementwise(std::string name, std::vector<OpInput> inputs,
                     std::function<Var(const Vars&)> apply) {
  return {.name = std::move(name),
          .inputs = std::move(inputs),
          .apply = std::move(apply),
          .elementwise = true};
}

OpSample unary(std::string name, Unary f, double low, double high) {
  return elementwise(std::move(name), {{.dims = "mn", .low = low, .high = high}},
                     [f](const Vars& in) { return f(in[0]); });
}

OpSample step(std::string name, Unary f, OpInput operand) {
  operand.dims = "mn";
  OpSample sample =
      elementwise(std::move(name), {operand}, [f](const Vars& in) { return f(in[0]); });
  sample.differentiable = false;
  return sample;
}

OpSample binary(std::string name, Binary f, OpInput a, OpInput b) {
  a.dims = "1n";
  b.dims = "mn";
  return elementwise(std::move(name), {a, b}, [f](const Vars& in) { return f(in[0], in[1]); });
}

OpSample comparison(std::string name, Binary f, DType dtype) {
  const OpInput operand{.low = -1, .high = 1, .dtype = dtype};
  OpSample sample = binary(std::move(name), f, operand, operand);
  sample.differentiable = false;
  return sample;
}

OpSample conversion(DType to) {
  OpSample sample =
      elementwise("cast to " + std::string(name(to)),
                  {{.dims = "mn", .dtype = to == DType::float64 ? DType::float32 : DType::float64}},
                  [to](const Vars& in) { return cast(in[0], to); });
  sample.differentiable = false;
  return sample;
}

}  // namespace damo::samples
