#include <doctest/doctest.h>

#include <cstring>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include <damo/io/formats/npz.hpp>
#include <damo/io/runs/checkpoint.hpp>
#include <damo/models/saving.hpp>
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::test;

namespace {

constexpr std::int64_t batch = 10;
constexpr std::int64_t batches = 4;

/// A program as it stands after its start: new variables, new functions.
struct Program {
  SharedVar data = shared(evaluate(RandomStream(5).bernoulli(0.5 * ones({40, 12}))), "data");
  Var x = matrix("x");
  Var index = lscalar("index");
  models::RBM rbm{{.input = x, .n_visible = 12, .n_hidden = 7, .seed = 11}};
  Function train = make();

  Function make() {
    const Var start = rbm.sample_v_given_h(rbm.sample_h_given_v(x).sample).sample;
    const Var cost = mean(rbm.free_energy(x)) - mean(rbm.free_energy(start));
    const Vars gradients =
        grad(cost, Vars(rbm.params.begin(), rbm.params.end()), {.consider_constant = {start}});
    Updates updates = models::adam(rbm.params, gradients, {.lr = 0.01});
    // A second optimizer beside it: its state has the same names.
    const Var rate = models::exponential_schedule(0.1, 0.99, updates);
    const SharedVar extra = shared(Array(float32, {12, 7}), "W");
    updates += models::momentum({extra}, {gradients[0]}, {.lr = rate});
    return function(
        {index}, {cost},
        {.updates = updates, .givens = {{x, data(range(index * batch, (index + 1) * batch))}}});
  }
  std::vector<float> epochs(int n) {
    std::vector<float> costs;
    for (std::int64_t i = 0; i < n * batches; ++i)
      costs.push_back(train(i % batches).scalar<float>(0));
    return costs;
  }
};

/// The same over images of bytes, with an update in each of the dtypes that are for storage.
struct ByteProgram {
  static Array drawn(DType dtype, const Shape& shape, std::uint64_t seed) {
    return evaluate(cast(RandomStream(seed).randint({shape.elements()}, 0, 70000), dtype))
        .reshaped(shape);
  }
  SharedVar images = shared(drawn(uint8, {40, 12}, 3), "images");
  SharedVar seen = shared(Array(int32, Shape{40}), "seen");
  SharedVar last = shared(Array(uint8, Shape{batch, 12}), "last");
  SharedVar W = shared(Array(float32, Shape{12}), "W");
  RandomStream random{9};
  Var index = lscalar("index");
  Function train = make();

  Function make() {
    const Range rows = range(index * batch, (index + 1) * batch);
    const Var noise = cast(random.randint({batch, 12}, 0, 3), uint8);
    const Var taken = cast(images[rows] + noise, uint8);
    const Var cost = mean(sqr(dot(cast(taken, float32) / 255, W) - cast(seen[rows], float32)));
    return function({index}, {cost},
                    {.updates = {{W, W - 0.1 * grad(cost, W)},
                                 {images, set_subtensor(images[rows], taken)},
                                 {last, flip(taken, 0)},
                                 {seen, cast(inc_subtensor(seen[rows], 70001), int32)}}});
  }
  std::vector<float> calls(int n) {
    std::vector<float> costs;
    for (std::int64_t i = 0; i < n; ++i) costs.push_back(train(i % batches).scalar<float>(0));
    return costs;
  }
};

bool same_bits(const Array& a, const Array& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

}  // namespace

TEST_CASE("saving: training that is saved and loaded half way ends with the same bits") {
  const TemporaryFolder folder;
  Program whole;
  std::vector<float> expected = whole.epochs(10);
  Program first;
  std::vector<float> costs = first.epochs(5);
  save_npz(folder / "half.npz", State::updated_by(first.train));
  Program second;
  load_npz(folder / "half.npz", State::updated_by(second.train));
  for (const float cost : second.epochs(5)) costs.push_back(cost);
  CHECK(costs == expected);
  const auto a = State(whole.train).values();
  const auto b = State(second.train).values();
  REQUIRE(a.size() == b.size());
  for (const auto& [key, value] : a) {
    const std::string& name = key;
    CAPTURE(name);
    CHECK(same_bits(value, b.at(name)));
  }
}

TEST_CASE(
    "saving: bytes and int32 come back as they were, and training goes on with the same bits") {
  const TemporaryFolder folder;
  ByteProgram whole;
  const std::vector<float> expected = whole.calls(20);
  ByteProgram first;
  std::vector<float> costs = first.calls(8);
  save_npz(folder / "half.npz", State(first.train));
  io::Checkpoint kept;
  kept.arrays = State(first.train).values();
  io::save_checkpoint(folder / "kept.npz", kept);
  for (const bool checkpoint : {false, true}) {
    ByteProgram second;
    if (checkpoint) {
      State(second.train).set_values(io::load_checkpoint(folder / "kept.npz").arrays, "kept.npz");
    } else {
      load_npz(folder / "half.npz", State(second.train));
    }
    CHECK(second.images.dtype() == uint8);
    std::vector<float> all = costs;
    for (const float cost : second.calls(12)) all.push_back(cost);
    CHECK(all == expected);
    for (const auto& [a, b] :
         {std::pair(whole.images, second.images), std::pair(whole.seen, second.seen),
          std::pair(whole.last, second.last), std::pair(whole.W, second.W)}) {
      CHECK(same_bits(a.value(), b.value()));
    }
  }
}

TEST_CASE("saving: NumPy reads bytes and int32, and what it writes is loaded into them") {
  if (!has_numpy()) return;
  const TemporaryFolder folder;
  const SharedVar images = shared(xt::xarray<std::uint8_t>{{0, 1}, {200, 255}}, "images");
  const SharedVar labels = shared(xt::xarray<std::int32_t>{-2147483647, 5}, "labels");
  save_npz(folder / "a.npz", {images, labels});
  REQUIRE(python(folder.path(), R"(
a = np.load('a.npz')
assert a['images'].dtype == np.uint8 and (a['images'] == [[0, 1], [200, 255]]).all()
assert a['labels'].dtype == np.int32 and (a['labels'] == [-2147483647, 5]).all()
np.savez('b.npz', images=255 - a['images'], labels=np.asfortranarray(a['labels']).astype('>i4'))
np.savez('wide.npz', images=a['images'].astype('i8'), labels=a['labels'])
)"));
  load_npz(folder / "b.npz", {images, labels});
  CHECK(images.get_value<std::uint8_t>() == xt::xarray<std::uint8_t>{{255, 254}, {55, 0}});
  CHECK(labels.get_value<std::int32_t>() == xt::xarray<std::int32_t>{-2147483647, 5});
  const std::string text = io_error([&] { load_npz(folder / "wide.npz", {images, labels}); });
  CHECK(text.find("uint8") != std::string::npos);
  CHECK(text.find("int64") != std::string::npos);
  CHECK(images.get_value<std::uint8_t>()(0, 0) == 255);
}

TEST_CASE("saving: the names are those of the variables and stay unique") {
  Program p;
  std::vector<std::string> names;
  const State state = State::updated_by(p.train);
  for (const auto& [name, variable] : state.variables()) names.push_back(name);
  const std::vector<std::string> expected{"step",
                                          "first moment of W",
                                          "second moment of W",
                                          "W",
                                          "first moment of hbias",
                                          "second moment of hbias",
                                          "hbias",
                                          "first moment of vbias",
                                          "second moment of vbias",
                                          "vbias",
                                          "step_2",
                                          "velocity of W",
                                          "W_2",
                                          "stream 0 of seed 11",
                                          "stream 1 of seed 11"};
  std::vector<std::string> sorted = names, wanted = expected;
  std::sort(sorted.begin(), sorted.end());
  std::sort(wanted.begin(), wanted.end());
  CHECK(sorted == wanted);
  const auto all = State(p.train).values();
  CHECK(all.size() == expected.size() + 1);
  CHECK(all.contains("data"));
  const SharedVar a = shared(Array::scalar(1.0)), b = shared(Array::scalar(2.0)),
                  c = shared(Array::scalar(3.0), "unnamed_2");
  const auto values = State({a, c, b, a}).values();
  CHECK(values.at("unnamed").item<double>() == 1);
  CHECK(values.at("unnamed_2").item<double>() == 3);
  CHECK(values.at("unnamed_3").item<double>() == 2);
  CHECK(values.size() == 3);
}

TEST_CASE("saving: an array is laid out as NumPy has it") {
  const TemporaryFolder folder;
  RandomStream rng(9);
  const Var u = rng.uniform({2});
  const SharedVar W = shared(Array::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2}), "W");
  function({}, {u})();
  save_npz(folder / "a.npz", {W, rng.streams()[0]});
  const auto members = io::read_zip(folder / "a.npz");
  REQUIRE(members.size() == 2);
  const auto check = [&](const char* name, const std::string& header, const void* data,
                         std::size_t bytes) {
    const std::string text(io::as_text(members.at(name)));
    REQUIRE(text.size() == 128 + bytes);
    CHECK(text.substr(0, 8) == std::string("\x93NUMPY\x01\x00", 8));
    CHECK(text.substr(8, 2) == std::string("\x76\x00", 2));  // 118: the header up to byte 128
    CHECK(text.substr(10, header.size()) == header);
    CHECK(text[127] == '\n');
    CHECK(std::memcmp(text.data() + 128, data, bytes) == 0);
  };
  check("W.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }",
        std::vector<float>{1, 2, 3, 4, 5, 6}.data(), 24);
  check("stream 0 of seed 9.npy", "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }",
        std::vector<std::int64_t>{9, 0, 1}.data(), 24);
  if (!has_numpy()) return;
  CHECK(python(folder.path(), R"(
f = np.load('a.npz')
assert sorted(f.keys()) == ['W', 'stream 0 of seed 9']
assert f['W'].dtype == np.float32 and f['W'].tolist() == [[1, 2], [3, 4], [5, 6]]
assert f['stream 0 of seed 9'].dtype == np.int64 and f['stream 0 of seed 9'].tolist() == [9, 0, 1]
np.savez('b.npz', W=-f['W'])
)"));
  load_npz(folder / "b.npz", {W});
  CHECK(W.value().data<float>()[5] == -6);
}

TEST_CASE("saving: what does not fit is named and nothing has changed") {
  const TemporaryFolder folder;
  const SharedVar a = shared(Array::scalar(1.0), "a"), b = shared(Array::from<float>({1, 2}), "b");
  save_npz(folder / "s.npz", {a, b});
  a.set_array(Array::scalar(7.0));
  const SharedVar missing = shared(Array::scalar(2.0), "c");
  CHECK(io_error([&] {
          load_npz(folder / "s.npz", {a, missing});
        }).find("there is no array 'c'") != std::string::npos);
  const SharedVar longer = shared(Array::from<float>({1, 2, 3}), "b");
  CHECK(io_error([&] {
          load_npz(folder / "s.npz", {a, longer});
        }).find("'b' is float32 (2,), but its variable holds float32 (3,)") != std::string::npos);
  const SharedVar wider = shared(Array::from<double>({1, 2}), "b");
  CHECK(io_error([&] {
          load_npz(folder / "s.npz", {a, wider});
        }).find("holds float64 (2,)") != std::string::npos);
  CHECK(io_error([&] { load_npz(folder / "none.npz", {a}); }).find("none.npz") !=
        std::string::npos);
  CHECK(a.value().item<double>() == 7);
  load_npz(folder / "s.npz", {a});
  CHECK(a.value().item<double>() == 1);
}

TEST_CASE("saving: the classic program's random streams go on where they were") {
  const TemporaryFolder folder;
  const auto draws = [](RandomStream& rng) {
    const Var u = rng.uniform({5}, 0.0, 1.0, float64);
    const Var b = rng.bernoulli(constant(Array::from<double>({0.5, 0.5})));
    return function({}, {u, b});
  };
  RandomStream rng = RandomStream::numpy_compatible(123);
  Function f = draws(rng);
  f();
  save_npz(folder / "streams.npz", rng);
  const Outputs expected = f();
  RandomStream again = RandomStream::numpy_compatible(123);
  Function g = draws(again);
  load_npz(folder / "streams.npz", again);
  const Outputs actual = g();
  CHECK(same_bits(actual[0], expected[0]));
  CHECK(same_bits(actual[1], expected[1]));
  for (const auto& [name, value] : State(rng).values()) CHECK(value.dtype() == int64);
}
