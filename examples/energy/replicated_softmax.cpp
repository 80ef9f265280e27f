// Counts of words: one softmax unit for each word of a document, all with the same weights.
// Salakhutdinov and Hinton 2009, Replicated softmax: an undirected topic model.
#include <numeric>

#include "made_data.hpp"
#include "pictures.hpp"
#include "training.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(v, h) = -b v - D c h - v W h, where D is the number of words of the document v.
EnergyModel replicated_softmax(Parameters p, const Unit& v, std::int64_t n_hidden) {
  const SharedVar W = p("W", {v.n(), n_hidden}), b = p("b", v.n()), c = p("c", n_hidden);
  const Unit h = bernoulli("h", n_hidden, p.dtype());
  return {-dot(v, b) - sum(v, 1) * dot(h, c) - sum(dot(v, W) * h, 1),
          {.visible = {v}, .hidden = {h}, .params = {W, b, c}}};
}

SmallModel small(DType t) { return {replicated_softmax(Parameters(t), counts("v", 3, 4, t), 2)}; }

/// The words stand in a square; a topic is a smaller square of them.
constexpr std::int64_t side = 9, block = 3, words = side * side;
std::int64_t topic_of(std::int64_t word) {
  return word / side / block * block + word % side / block;
}

/// Documents of 30 words from one, two or three of the nine topics.
Array documents(std::int64_t n, std::uint64_t seed) {
  Dice dice(seed);
  Array rows(float32, {n, words});
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t about[3] = {dice.below(9), dice.below(9), dice.below(9)};
    const std::int64_t topics = 1 + dice.below(3);
    for (int w = 0; w < 30; ++w) {
      const std::int64_t topic = about[dice.below(topics)];
      std::int64_t word = dice.below(words);
      while (topic_of(word) != topic) word = dice.below(words);
      rows.data<float>()[i * words + word] += 1;
    }
  }
  return rows;
}

/// How alike the words' weights are: the cosines of the rows of W less their mean.
Var likeness(const Var& W) {
  const Var centred = W - mean(W, 0);
  const Var unit = centred / reshape(sqrt(sum(sqr(centred), 1)), {-1, 1});
  return dot(unit, unit.T());
}

/// The share of words that are most like a word of their own topic.
double rightly_placed(const Var& W) {
  const Array nearest = evaluate(argmax(likeness(W) - 2 * eye(words), 1));
  double right = 0;
  for (std::int64_t w = 0; w < words; ++w)
    right += topic_of(nearest.data<std::int64_t>()[w]) == topic_of(w) ? 1 : 0;
  return 100 * right / words;
}

/// Contrastive divergence. A picture of documents, of the hidden units' weights, and of how alike
/// words are, those of a topic beside each other.
Learnt learn(const Setting& setting) {
  const Array data = documents(setting.steps(20000, 5000), setting.seed);
  const EnergyModel model =
      replicated_softmax(Parameters(float32, 0.1, setting.seed), counts("v", words, float32), 12);
  const SharedVar W = model.params()[0];
  const double before = rightly_placed(W);
  const double ms =
      train(model, {data},
            [&](const Vars& x) {
              return contrastive_divergence(model, x, {.k = 1, .rng = RandomStream(setting.seed)});
            },
            {.steps = setting.steps(6000, 800), .lr = 0.02});

  std::vector<std::int64_t> by_topic(words);
  std::iota(by_topic.begin(), by_topic.end(), 0);
  std::stable_sort(by_topic.begin(), by_topic.end(),
                   [](std::int64_t a, std::int64_t b) { return topic_of(a) < topic_of(b); });
  const Var sorted = W[constant(Array::from(by_topic))];
  return {"documents of 30 words, about nine topics",
          {{"words most like one of their topic, %", rightly_placed(W), "untrained", before}},
          beside({tiles(constant(data)[range(20)] / 4, {.height = side, .across = 5, .zoom = 3}),
                  filters(W, 12, {.height = side, .across = 4, .zoom = 5, .scaled = true}),
                  tiles(reshape(around_gray(likeness(sorted), 1), {1, -1}),
                        {.height = words, .across = 1, .zoom = 2})}),
          ms};
}

}  // namespace

Entry replicated_softmax_entry() {
  return {"replicated_softmax", "counts of words (Salakhutdinov and Hinton 2009)", small, learn};
}

}  // namespace damo::zoo
