#include <array>
#include <cmath>
#include <numeric>

#include <damo/graph/errors/error.hpp>
#include <damo/models/initialize.hpp>
#include <damo/models/rbm.hpp>
#include <damo/models/rnn_rbm.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/runtime/function/function.hpp>
#include <damo/runtime/function/xtensor.hpp>
#include "tests/support/values.hpp"

using namespace damo;

namespace {

/// A periodic roll: note (3 t) mod n sounds at time t.
Array periodic_roll(std::int64_t steps, std::int64_t n) {
  Array roll(float32, {steps, n});
  for (std::int64_t t = 0; t < steps; ++t) roll.data<float>()[t * n + 3 * t % n] = 1;
  return roll;
}

models::RnnRbmOptions small() {
  return {.n_hidden = 12, .n_hidden_recurrent = 10, .pitch_range = {60, 68}, .k = 5};
}

void fill(const SharedVar& p, float value) {
  Array all(float32, p.value().shape());
  for (float& x : std::span(all.data<float>(), static_cast<std::size_t>(all.elements()))) x = value;
  p.set_array(all);
}

/// As likely all silent as all sounding, and nothing between: no Gibbs chain goes from one to the
/// other.
void have_two_modes(const models::RnnRbm& model) {
  for (const SharedVar& p : model.params) fill(p, 0);
  const auto hidden = static_cast<float>(model.options.n_hidden);
  fill(model.parameters.W, 24 / hidden);
  fill(model.parameters.bv, -12);
  fill(model.parameters.bh, -96 / hidden);
}

Array scaled(const Array& a, double factor) { return evaluate(constant(a) * factor); }

}  // namespace

TEST_CASE("RNN-RBM: training raises the monitor on a periodic sequence") {
  const auto net = models::build_rnnrbm(8, 12, 10, RandomStream(1), {.k = 5});
  Updates updates = net.updates_train;
  const Vars wrt(net.params.begin(), net.params.end());
  const Vars g = grad(net.cost, wrt, {.consider_constant = {net.v_sample}});
  for (std::size_t i = 0; i < wrt.size(); ++i) updates[wrt[i]] = wrt[i] - 0.05 * g[i];
  Function train = function({net.v}, {net.monitor}, {.updates = updates, .name = "train"});
  const Array roll = periodic_roll(24, 8);
  const float first = train(roll).scalar<float>(0);
  float last = first;
  for (int i = 0; i < 400; ++i) last = train(roll).scalar<float>(0);
  CHECK(std::isfinite(first));
  CHECK(first < -4);
  CHECK(last > first + 2);
}

TEST_CASE("RNN-RBM: generated sequences are binary and differ from call to call") {
  const auto net =
      models::build_rnnrbm(8, 12, 10, RandomStream(1), {.k_generate = 4, .generation_steps = 15});
  Function generate =
      function({}, {net.v_t}, {.updates = net.updates_generate, .name = "generate"});
  const Outputs a = generate();
  const Outputs b = generate();
  CHECK(to_string(a[0].shape()) == "(15, 8)");
  bool differ = false;
  for (std::size_t i = 0; i < 120; ++i) {
    const float v = a[0].values<float>()[i];
    CHECK((v == 0 || v == 1));
    differ = differ || v != b[0].values<float>()[i];
  }
  CHECK(differ);
}

TEST_CASE("RNN-RBM: monitor and cost and gradients are finite whatever the parameters do") {
  for (const DType dtype : {float32, float64}) {
    for (const double scale : {1e3, -1e3, 1e5}) {
      const auto net = models::build_rnnrbm(8, 12, 10, RandomStream(1), {.k = 2, .dtype = dtype});
      for (const SharedVar& p : net.params) {
        p.set_array(evaluate(scale * RandomStream(3).normal(p.value().shape(), 0.0, 1.0, dtype)));
      }
      Vars results{net.monitor, net.cost};
      for (const Var& g : grad(net.cost, Vars(net.params.begin(), net.params.end()),
                               {.consider_constant = {net.v_sample}}))
        results.push_back(g);
      Function f = function({net.v}, results, {.updates = net.updates_train});
      const Outputs out = f(periodic_roll(10, 8).cast(dtype));
      for (std::size_t i = 0; i < out.size(); ++i) {
        const Array values = out[i].cast(float64);
        for (const double x : values.values<double>()) CHECK(std::isfinite(x));
      }
      CHECK(out.scalar<double>(0) < 0);
    }
  }
}

TEST_CASE("RNN-RBM: the monitor stays finite for 200 epochs of too large a learning rate") {
  models::RnnRbmOptions o = small();
  o.lr = 1000;
  models::RnnRbm model(o);
  int epochs = 0;
  model.train(std::vector<Array>{periodic_roll(12, 8)},
              {.num_epochs = 200, .on_epoch = [&](const models::EpochReport& r) {
                 CHECK(std::isfinite(r.monitor));
                 return ++epochs > 0;
               }});
  CHECK(epochs == 200);
  float largest = 0;
  for (const float w : model.parameters.W.value().values<float>())
    largest = std::max(largest, std::abs(w));
  CHECK(largest > 100);  // it did go wrong
}

TEST_CASE("RNN-RBM: the model trains on xtensor sequences and reports each epoch") {
  models::RnnRbmOptions o = small();
  o.lr = 0.02;
  o.rule = models::UpdateRule::adam;
  models::RnnRbm model(o);
  const std::vector<xt::xarray<double>> sequences = {to_xarray<float>(periodic_roll(30, 8)),
                                                     to_xarray<float>(periodic_roll(16, 8))};
  std::vector<double> monitors;
  const auto last = model.train(
      sequences,
      {.batch_size = 10, .num_epochs = 60, .on_epoch = [&](const models::EpochReport& r) {
         CHECK(r.epoch == static_cast<int>(monitors.size()));
         monitors.push_back(r.monitor);
         return true;
       }});
  CHECK(monitors.size() == 60);
  CHECK(last.monitor == monitors.back());
  CHECK(last.monitor > monitors.front() + 2);
}

TEST_CASE("RNN-RBM: training stops when asked and goes on from there with the same bits") {
  const std::vector<Array> sequences = {periodic_roll(30, 8), periodic_roll(9, 8)};
  models::RnnRbm whole(small()), parts(small());
  whole.train(sequences, 10, 6);
  parts.train(sequences, {.batch_size = 10, .num_epochs = 6, .on_epoch = [](const auto& r) {
                            return r.epoch < 2;
                          }});
  parts.train(sequences, {.batch_size = 10, .num_epochs = 6, .first_epoch = 3});
  for (std::size_t i = 0; i < whole.params.size(); ++i)
    test::check_same_bits(whole.params[i].value(), parts.params[i].value());
  test::check_same_bits(whole.generate(7), parts.generate(7));

  models::RnnRbm stopped(small());
  int asked = 0;
  stopped.train(sequences, {.batch_size = 10, .stop_requested = [&] { return ++asked > 3; }});
  CHECK(asked == 4);
}

TEST_CASE("RNN-RBM: a sequence of another width is refused") {
  models::RnnRbm model(small());
  const std::string message = test::error_of<ShapeError>([&] {
    model.train(std::vector<Array>{Array(float32, {5, 88})});
  });
  CHECK(test::contains(message, "(5, 88)"));
  CHECK(test::contains(message, "(time, 8)"));
  CHECK_THROWS_AS(models::RnnRbm({.pitch_range = {30, 30}}), ShapeError);
  CHECK_THROWS_AS(model.train(std::vector<Array>{}), ShapeError);
}

TEST_CASE("RNN-RBM: a primed piece continues what was heard") {
  // After 300 epochs the model knows which note follows which; a phase shift shows it listens.
  models::RnnRbmOptions o = small();
  o.lr = 0.01;
  o.rule = models::UpdateRule::adam;
  models::RnnRbm model(o);
  model.train(std::vector<Array>{periodic_roll(40, 8)}, {.num_epochs = 1000});
  for (const std::int64_t heard : {9, 12}) {
    int right = 0;
    for (int i = 0; i < 20; ++i) {
      const Array next = model.generate(1, {.prime = periodic_roll(heard, 8)});
      for (std::int64_t n = 0; n < 8; ++n)
        right += next.data<float>()[n] == (n == 3 * heard % 8 ? 1 : 0);
    }
    CHECK(right > 150);  // of 160
  }
}

TEST_CASE("RNN-RBM: chains from the frame before stay in its mode, those from silence in silence") {
  for (const bool from_before : {false, true}) {
    models::RnnRbmOptions o = small();
    o.chain_from_frame_before = from_before;
    models::RnnRbm model(o);
    have_two_modes(model);
    Array sounding(float32, {3, 8});
    for (float& x : std::span(sounding.data<float>(), 24)) x = 1;
    const auto notes = [&](const models::GenerateOptions& how) {
      const Array roll = model.generate(40, how);
      return std::accumulate(roll.data<float>(), roll.data<float>() + 320, 0.0F);
    };
    CHECK(notes({}) < 16);
    const float after = notes({.prime = sounding});
    CHECK((from_before ? after > 304 : after < 16));
  }
}

TEST_CASE("RNN-RBM: chains from known frames have each mode as often as it is likely") {
  models::RnnRbmOptions o = small();
  Array known(float32, {3, 8});  // silence, all, and a frame of neither mode
  for (int i = 0; i < 8; ++i) known.data<float>()[8 + i] = 1;
  known.data<float>()[16] = 1;
  o.known_frames = known;
  o.chain_from_frame_before = true;
  models::RnnRbm model(o);
  have_two_modes(model);
  constexpr std::int64_t frames = 4000;
  const auto share = [&](float more, double temperature) {
    fill(model.parameters.bv, -12 + more / 8);
    const Array roll = model.generate(frames, {.temperature = temperature});
    const float* at = roll.data<float>();
    return std::accumulate(at, at + roll.elements(), 0.0) / static_cast<double>(roll.elements());
  };
  // By symmetry half each; e^1 as likely; the same at twice the temperature.
  CHECK(std::abs(share(0, 1) - 0.5) < 0.03);
  CHECK(std::abs(share(1, 1) - 1 / (1 + std::exp(-1.0))) < 0.03);
  CHECK(std::abs(share(1, 0.5) - 1 / (1 + std::exp(-2.0))) < 0.03);
  o.known_frames = Array(float32, {3, 7});
  CHECK_THROWS_AS(models::RnnRbm{o}, ShapeError);
}

TEST_CASE("RNN-RBM: a low temperature draws the likeliest frames") {
  models::RnnRbmOptions o = small();
  models::RnnRbm model(o);
  Array bv(float32, {8});
  for (int i = 0; i < 8; ++i) bv.data<float>()[i] = i % 2 == 0 ? 1.F : -1.F;
  model.parameters.bv.set_array(bv);
  const auto right = [&](double temperature) {
    const Array roll = model.generate(50, {.temperature = temperature});
    int n = 0;
    for (int i = 0; i < 400; ++i) n += roll.data<float>()[i] == (i % 2 == 0 ? 1 : 0);
    return n;
  };
  CHECK(right(0.05) == 400);
  CHECK(right(1) < 340);  // sigmoid(1) = 0.73
  CHECK(right(1) > 240);
  CHECK_THROWS_AS(model.generate(3, {.temperature = 0}), ShapeError);
}

TEST_CASE("RNN-RBM: the parts have learning rates of their own") {
  models::RnnRbmOptions o = small();
  o.rnn_lr = 1e-30;
  models::RnnRbm model(o);
  std::vector<Array> before;
  for (const SharedVar& p : model.params) before.push_back(p.value());
  model.train(std::vector<Array>{periodic_roll(20, 8)}, {.num_epochs = 2});
  for (std::size_t i = 0; i < before.size(); ++i) {
    const bool changed =
        evaluate(any(abs(constant(before[i]) - model.params[i]) > 1e-12)).item<bool>();
    CHECK(changed == (i < 3));
  }
}

TEST_CASE("RNN-RBM: the state before the first frame can be learned") {
  models::RnnRbmOptions o = small();
  o.learn_initial_state = true;
  models::RnnRbm model(o);
  REQUIRE(model.params.size() == 9);
  CHECK(model.params[8].name() == "u0");
  model.train(std::vector<Array>{periodic_roll(20, 8)}, {.num_epochs = 2});
  CHECK(evaluate(any(neq(model.params[8], 0.0))).item<bool>());
}

TEST_CASE("RNN-RBM: dropout hides the state from the biases and not from the recurrence") {
  // With every weight of the recurrence at zero the state is zero and dropout changes nothing.
  models::RnnRbmOptions o = small();
  o.seed = 5;
  models::RnnRbm plain(o);
  o.dropout = 0.5;
  models::RnnRbm dropped(o);
  for (models::RnnRbm* model : {&plain, &dropped}) {
    for (const std::size_t i : {5U, 6U})
      model->params[i].set_array(scaled(model->params[i].value(), 0));
  }
  const Array roll = periodic_roll(20, 8);
  const auto a = plain.biases(roll);
  const auto b = dropped.biases(roll);
  test::check_same_bits(a.bv, b.bv);
  test::check_same_bits(a.bh, b.bh);
  CHECK(std::isfinite(dropped.train_chunk(roll).monitor));
}

TEST_CASE("RNN-RBM: averages take the place of the parameters on request") {
  models::RnnRbmOptions o = small();
  CHECK_THROWS_AS(models::RnnRbm(o).use_averages(), GraphError);
  o.average = 0.5;
  models::RnnRbm model(o);
  const Array start = model.parameters.W.value();
  model.train_chunk(periodic_roll(20, 8));
  const Array end = model.parameters.W.value();
  model.use_averages();
  const Array expected = evaluate((constant(start) + constant(end)) / 2);
  test::check_close(model.parameters.W.value(), expected, 1e-6);
}

TEST_CASE("RNN-RBM: pretraining on frames learns which notes sound together") {
  // Two chords; notes 0 and 1 or 5 and 6. Independent units cannot do better than log 1/2 a note.
  Array roll(float32, {200, 8});
  for (std::int64_t t = 0; t < 200; ++t) {
    const std::int64_t low = t * 7 / 3 % 2 == 0 ? 0 : 5;
    roll.data<float>()[t * 8 + low] = roll.data<float>()[t * 8 + low + 1] = 1;
  }
  models::RnnRbm model(small());
  int epochs = 0;
  model.pretrain_rbm({roll},
                     {.epochs = 150, .batch = 20, .chains = 20, .on_epoch = [&](auto, double) {
                        return ++epochs > 0;
                      }});
  CHECK(epochs == 150);
  const Array drawn = model.generate(300);
  int chords = 0;
  for (std::int64_t t = 0; t < 300; ++t) {
    const float* v = drawn.data<float>() + t * 8;
    const int notes = static_cast<int>(v[0] + v[1] + v[2] + v[3] + v[4] + v[5] + v[6] + v[7]);
    chords += notes == 2 && (v[0] + v[1] == 2 || v[5] + v[6] == 2);
  }
  CHECK(chords > 240);
}

TEST_CASE("RNN-RBM: pretraining the recurrence lowers its cross-entropy below that of no memory") {
  models::RnnRbmOptions o = small();
  o.learn_initial_state = true;
  models::RnnRbm model(o);
  double cross_entropy = 0;
  model.pretrain_rnn({periodic_roll(40, 8)},
                     {.epochs = 300, .lr = 0.01, .on_epoch = [&](auto, double value) {
                        cross_entropy = value;
                        return true;
                      }});
  // Each note sounds in one frame of eight: without memory 8 H(1/8) = 3.01 nats.
  CHECK(cross_entropy < 1);
}

TEST_CASE("RNN-RBM: one recurrent unit, one visible unit and one hidden unit train and generate") {
  for (const auto& [visible, hidden, recurrent] :
       {std::array{1, 3, 4}, std::array{4, 1, 3}, std::array{4, 3, 1}, std::array{1, 1, 1}}) {
    CAPTURE(visible);
    CAPTURE(recurrent);
    models::RnnRbm model({.n_hidden = hidden,
                          .n_hidden_recurrent = recurrent,
                          .pitch_range = {60, 60 + visible},
                          .k = 2,
                          .k_generate = 2});
    Array roll(float32, {6, visible});
    for (std::int64_t i = 0; i < roll.elements(); i += 2) roll.data<float>()[i] = 1;
    CHECK_NOTHROW(model.train({roll}, {.num_epochs = 1}));
    CHECK(model.generate(5).shape() == Shape{5, visible});
  }
}

TEST_CASE("models: errors about parameters name the user's line") {
  models::RBM rbm({.n_visible = 4, .n_hidden = 3});
  const std::string made = to_string(rbm.W.site());
  CHECK(test::contains(made, "rnn_rbm_test.cpp"));
  CHECK(test::contains(test::error_of<ShapeError>([&] {
                         evaluate(dot(constant(Array(float32, {2, 5})), rbm.W));
                       }),
                       "rnn_rbm_test.cpp"));
  models::RnnRbm model({.n_hidden = 3, .n_hidden_recurrent = 2});
  for (const SharedVar& p : model.params)
    CHECK(test::contains(to_string(p.site()), "rnn_rbm_test.cpp"));
  CHECK(test::contains(to_string(models::zero_parameter(3, "b").site()), "rnn_rbm_test.cpp"));
  CHECK(test::contains(to_string(rbm.input.site()), "rnn_rbm_test.cpp"));
  CHECK(test::contains(test::error_of<ShapeError>([] { models::RnnRbm({.n_hidden = -3}); }),
                       "at rnn_rbm_test.cpp"));
}

TEST_CASE("RNN-RBM: lr_factor multiplies both learning rates, and may change between updates") {
  const Array roll = periodic_roll(10, 8);
  models::RnnRbmOptions o = small();
  o.lr = 0.125, o.rnn_lr = 0.5;
  models::RnnRbm half(o);
  o.lr = 0.25, o.rnn_lr = 1;
  const SharedVar factor = shared(Array::scalar(0.5F), "factor");
  o.lr_factor = factor;
  models::RnnRbm scheduled(o);
  half.train_chunk(roll);
  scheduled.train_chunk(roll);
  for (std::size_t i = 0; i < half.params.size(); ++i)
    test::check_same_bits(half.params[i].value(), scheduled.params[i].value());
  factor.set_array(Array::scalar(0.0F));
  scheduled.train_chunk(roll);
  for (std::size_t i = 0; i < half.params.size(); ++i)
    test::check_same_bits(half.params[i].value(), scheduled.params[i].value());
}
