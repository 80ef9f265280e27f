// Music: an RBM of each frame, whose biases are set by a recurrent network that has heard all
// frames before. This is the conditional RBM inside models::RnnRbm, given by its energy.
// Boulanger-Lewandowski, Bengio and Vincent 2012, Modeling temporal dependencies in
// high-dimensional sequences.
#include "pictures.hpp"
#include "training.hpp"
#include "zoo.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(v, h; u) = -v (bv + u Wuv) - h (bh + u Wuh) - v W h, where u is the network's state after the
/// frames before.
EnergyModel frame_model(const models::RnnRbmParameters& p, const Var& u) {
  const Shape size = p.W.value().shape();
  const Unit v = bernoulli("v", size[0], p.W.dtype()), h = bernoulli("h", size[1], p.W.dtype());
  return {-sum(v * p.bv_at(u), 1) - sum(h * p.bh_at(u), 1) - sum(dot(v, p.W) * h, 1),
          {.visible = {v}, .hidden = {h}, .params = {p.W, p.bv, p.bh, p.Wuh, p.Wuv}}};
}

SmallModel small(DType t) {
  Parameters p(t);
  models::RnnRbmParameters rnn;
  rnn.W = p("W", {3, 2});
  rnn.bv = p("bv", 3);
  rnn.bh = p("bh", 2);
  rnn.Wuh = p("Wuh", {2, 2});
  rnn.Wuv = p("Wuv", {2, 3});
  const Var u = matrix("u", t);
  return {frame_model(rnn, u), {{u, Array::from(std::vector<double>{0.5, -1}, {1, 2}).cast(t)}}};
}

/// The mean log-likelihood of a frame when each note sounds as often as in the training pieces,
/// whatever the others do.
struct LonelyNotes {
  LonelyNotes(const std::vector<Array>& train, const std::vector<Array>& test) {
    const auto all = [](const std::vector<Array>& pieces) {
      return constant(models::join_sequences(pieces, pieces.front().shape()[1], float32));
    };
    const Var p = clip(mean(all(train), 0), 1e-4, 1 - 1e-4), v = all(test);
    log_odds = evaluate(log(p / (1 - p)));
    log_likelihood = number(mean(sum(v * log(p) + (1 - v) * log(1 - p), 1)));
  }
  Array log_odds;
  double log_likelihood = 0;
};

/// `models::RnnRbm` on the built-in chorales. A picture of one of them, and of what it composes.
Learnt learn(const Setting& setting) {
  const io::RollOptions notes{.low = 36, .high = 84, .dt = 0};
  const io::SequenceSet pieces = io::load_sequences("chorales", notes);
  const std::vector<Array> test(pieces.test.begin(),
                                pieces.test.begin() + setting.steps(std::ssize(pieces.test), 2));
  const std::clock_t start = std::clock();
  models::RnnRbm rnn({.n_hidden = 60,
                      .n_hidden_recurrent = 60,
                      .lr = 0.005,
                      .pitch_range = {notes.low, notes.high},
                      .k = 5,
                      .seed = setting.seed,
                      .rule = models::UpdateRule::adam,
                      .clip = 5});
  const double ms = 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  rnn.train(pieces.train, {.num_epochs = setting.steps(150, 15)});

  const LonelyNotes lonely(pieces.train, test);
  const models::FrameScores scores = models::score_frames(
      rnn, test, lonely.log_odds, {.runs = 50, .betas = setting.steps(200, 50)});
  const Array composed = rnn.generate(64);
  return {"four-part chorales",
          {{"test log-likelihood of a frame, nats", scores.log_likelihood, "notes by themselves",
            lonely.log_likelihood}},
          beside({io::draw_piano_roll(evaluate(constant(test.front())[range(64)]), pieces.roll,
                                      "a chorale"),
                  io::draw_piano_roll(composed, pieces.roll, "composed")}),
          ms,
          std::to_string(scores.above_one) + " of " + std::to_string(scores.frames) +
              " frames with a probability above 1, where annealing has missed"};
}

}  // namespace

Entry rnn_rbm_entry() {
  return {"rnn_rbm", "the frames of the RNN-RBM (Boulanger-Lewandowski et al. 2012)", small, learn};
}

}  // namespace damo::zoo
