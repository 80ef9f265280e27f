// Data of classes without an order, here the colours of a flag's pixels: softmax visible units.
// Salakhutdinov, Mnih and Hinton 2007, Restricted Boltzmann machines for collaborative filtering.
#include "made_data.hpp"
#include "pictures.hpp"
#include "training.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(v, h) = -b v - v W h - c h, where v is one-hot: (sites, classes).
EnergyModel potts_rbm(Parameters p, std::int64_t sites, std::int64_t classes,
                      std::int64_t n_hidden) {
  const SharedVar W = p("W", {sites, classes, n_hidden}), b = p("b", {sites, classes}),
                  c = p("c", n_hidden);
  const Unit v = categorical("v", sites, classes, p.dtype()),
             h = bernoulli("h", n_hidden, p.dtype());
  return {-sum(v * b, {1, 2}) - sum(tensordot(v, W, 2) * h, 1) - dot(h, c),
          {.visible = {v}, .hidden = {h}, .params = {W, b, c}}};
}

SmallModel small(DType t) { return {potts_rbm(Parameters(t), 2, 3, 3)}; }

constexpr std::int64_t side = 6, colors = 4;

/// Flags of three stripes, lying or standing, neighbours of different colours; as class numbers.
std::vector<std::vector<std::int64_t>> all_flags() {
  std::vector<std::vector<std::int64_t>> flags;
  for (std::int64_t code = 0; code < 2 * colors * colors * colors; ++code) {
    const std::int64_t stripe[3] = {code / 2 % colors, code / 2 / colors % colors,
                                    code / 2 / colors / colors};
    if (stripe[0] == stripe[1] || stripe[1] == stripe[2]) continue;
    std::vector<std::int64_t> flag;
    for (std::int64_t p = 0; p < side * side; ++p)
      flag.push_back(stripe[(code % 2 == 0 ? p / side : p % side) / 2]);
    flags.push_back(flag);
  }
  return flags;
}

Array one_hot(const std::vector<std::vector<std::int64_t>>& flags) {
  Array rows(float32, {static_cast<std::int64_t>(flags.size()), side * side, colors});
  float* next = rows.data<float>();
  for (const auto& flag : flags)
    for (const std::int64_t color : flag) {
      next[color] = 1;
      next += colors;
    }
  return rows;
}

/// The share of rows that are a flag but for at most one pixel.
double share_of_flags(const Var& states) {
  const Var same = tensordot(states, constant(one_hot(all_flags())), {1, 2}, {1, 2});
  return 100 * number(mean(cast(max(same, 1) >= side * side - 1, float32)));
}

io::Picture draw_flags(const Var& states, int across) {
  constexpr std::uint8_t color[colors][3] = {
      {206, 43, 55}, {255, 255, 255}, {0, 82, 147}, {254, 203, 0}};
  constexpr int zoom = 6, step = (side + 1) * zoom;
  const Array chosen = evaluate(argmax(states, 2));
  const auto rows = static_cast<int>(chosen.shape()[0]);
  io::Picture picture(across * step, rows / across * step, 3, 128);
  for (int i = 0; i < rows; ++i)
    for (int p = 0; p < side * side * zoom * zoom; ++p) {
      const int x = p % (side * zoom), y = p / (side * zoom);
      const auto site = i * side * side + y / zoom * side + x / zoom;
      std::copy_n(color[chosen.data<std::int64_t>()[site]], 3,
                  picture.at(i % across * step + zoom / 2 + x, i / across * step + zoom / 2 + y));
    }
  return picture;
}

/// Persistent chains on all flags. A picture of flags, of what a model draws untrained, and of what
/// it draws trained.
Learnt learn(const Setting& setting) {
  const Array flags = one_hot(all_flags());
  const EnergyModel model = potts_rbm(Parameters(float32, 0.05, setting.seed), side * side, colors,
                                      setting.quick ? 60 : 100);
  const Var untrained = draw(model, 500, 10)[0];
  const double ms = train(
      model, {flags},
      [&](const Vars& x) {
        return persistent_cd(model, x, {.k = 3, .chains = 100, .rng = RandomStream(setting.seed)});
      },
      {.steps = setting.steps(3000, 500), .lr = 0.01});
  const Var samples = draw(model, 500, 1000)[0];
  return {"flags of three stripes",
          {{"samples that are flags, %", share_of_flags(samples), "untrained",
            share_of_flags(untrained)}},
          beside({draw_flags(constant(flags)[range(36)], 6), draw_flags(untrained[range(12)], 2),
                  draw_flags(samples[range(36)], 6)}),
          ms};
}

}  // namespace

Entry potts_rbm_entry() {
  return {"potts_rbm", "classes as data (Salakhutdinov, Mnih and Hinton 2007)", small, learn};
}

}  // namespace damo::zoo
