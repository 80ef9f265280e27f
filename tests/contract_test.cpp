// The public names as outside programs write them, through the one header they include.
#include <doctest/doctest.h>

#include <span>
#include <utility>
#include <vector>

#include <damo/damo.hpp>

using namespace damo;

TEST_CASE("contract: inputs and shared variables and constants") {
  const Var x = matrix("x", float64);
  for (const Var& v :
       {scalar("a"), vector("b"), row("c"), col("d"), matrix("e"), tensor3("f"), tensor4("g")}) {
    CHECK(v.dtype() == float32);
  }
  for (const Var& v : {lscalar("i"), lvector("j"), lmatrix("k")}) CHECK(v.dtype() == int64);
  CHECK(bscalar("m").dtype() == boolean);
  CHECK(x.dtype() == float64);

  SharedVar W = shared(xt::xarray<float>({{1, 2}, {3, 4}}), "W");
  const xt::xarray<float> value = W.get_value<float>();
  CHECK(value(1, 0) == 3);
  W.set_value(xt::xarray<float>({{5, 6}, {7, 8}}));
  CHECK(W.get_value<float>()(0, 1) == 6);
  CHECK_THROWS_AS(W.set_value(xt::xarray<double>({{5, 6}, {7, 8}})), TypeError);
  CHECK_THROWS_AS(W.set_value(xt::xarray<float>({5, 6})), ShapeError);
  const SharedVar n = shared(0, "n");
  CHECK(n.dtype() == int64);
  const SharedVar v = shared(std::vector<double>{1, 2}, "v");
  CHECK(v.dtype() == float64);
  const Var c = constant(xt::xarray<double>{{1, 2}, {3, 4}});
  CHECK(c.ndim() == 2);
}

TEST_CASE("contract: elementwise names") {
  const Var x = scalar("x", float64);
  const Var y = scalar("y", float64);
  const Vars all_of_them = {x + y,
                            x - 1,
                            2.0 * x,
                            x / y,
                            -x,
                            x % 2,
                            x<y, x <= 1, x>
                                y,
                            1 >= x,
                            eq(x, y),
                            neq(x, 1),
                            and_(x<y, x> 0),
                            or_(x<y, x> 0),
                            not_(x < y),
                            where(x < y, x, 0.0),
                            exp(x),
                            log(x),
                            log1p(x),
                            expm1(x),
                            log2(x),
                            log10(x),
                            sqrt(x),
                            sqr(x),
                            abs(x),
                            sign(x),
                            pow(x, 2),
                            floor(x),
                            ceil(x),
                            round(x),
                            trunc(x),
                            sin(x),
                            cos(x),
                            tan(x),
                            tanh(x),
                            sinh(x),
                            cosh(x),
                            atan2(x, y),
                            sigmoid(x),
                            softplus(x),
                            relu(x),
                            erf(x),
                            erfc(x),
                            gammaln(x),
                            digamma(x),
                            reciprocal(x),
                            maximum(x, y),
                            minimum(x, 0),
                            clip(x, 0, 1),
                            cast(x, float32),
                            xlogx(x),
                            xlogy0(x, y),
                            isnan(x),
                            isinf(x)};
  Function f = function({x, y}, all_of_them);
  CHECK(f(0.5, 2.0).size() == all_of_them.size());
}

TEST_CASE("contract: reductions") {
  const Var x = matrix("x", float64);
  const Vars all_of_them = {
      sum(x),          mean(x, 0),      prod(x, -1), max(x, {0, 1}), min(x, 1, {.keepdims = true}),
      argmax(x, 1),    argmin(x),       any(x > 0),  all(x > 0, 1),  var(x),
      damo::std(x, 0), logsumexp(x, 1), softmax(x),  log_softmax(x), norm(x),
      cumsum(x, 0),    x.sum()};
  Function f = function({x}, all_of_them);
  CHECK(f(xt::xarray<double>({{1, 2, 3}, {4, 5, 6}})).size() == all_of_them.size());
}

TEST_CASE("contract: linear algebra and shape") {
  const Var a = matrix("a", float64);
  const Var v = vector("v", float64);
  const Var t = tensor3("t", float64);
  const Vars all_of_them = {dot(a, v),
                            dot(v, v),
                            outer(v, v),
                            tensordot(a, a, 2),
                            batched_dot(t, t),
                            a.T(),
                            transpose(t, {2, 0, 1}),
                            dimshuffle(v, {0, newaxis}),
                            reshape(a, {4}),
                            flatten(t),
                            ravel(a),
                            concatenate({a, a}, 0),
                            stack({v, v}),
                            split(v, {1, 1})[0],
                            repeat(v, 2),
                            tile(v, {2}),
                            shape(a),
                            Var(a.shape(0)),
                            size(a),
                            zeros({2, 3}),
                            ones({2}),
                            full({2}, 7.0),
                            zeros_like(a),
                            ones_like(a),
                            arange(5),
                            eye(3),
                            diag(v),
                            tril(a),
                            triu(a),
                            broadcast_to(v, {3, 2})};
  Function f = function({a, v, t}, all_of_them);
  const xt::xarray<double> m{{1, 2}, {3, 4}};
  const xt::xarray<double> cube = xt::ones<double>({2, 2, 2});
  CHECK(f(m, xt::xarray<double>({1, 2}), cube).size() == all_of_them.size());
}

TEST_CASE("contract: indexing") {
  const Var x = matrix("x", float64);
  const Var i = lscalar("i");
  const Var idx = lvector("idx");
  const Var y = vector("y", float64);
  const Vars all_of_them = {x[-1],
                            x(all(), i),
                            x(range(0, i)),
                            take(x, idx, 0),
                            x(idx),
                            set_subtensor(x(all(), i), y),
                            inc_subtensor(x[0], y),
                            x(x > 2.0)};
  Function f = function({x, i, idx, y}, all_of_them);
  const xt::xarray<double> m{{1, 2}, {3, 4}};
  CHECK(f(m, 1, xt::xarray<std::int64_t>({1, 0}), xt::xarray<double>({8, 9})).size() ==
        all_of_them.size());
}

TEST_CASE("contract: gradients") {
  const SharedVar W = shared(xt::xarray<double>({1, 2}), "W");
  const SharedVar b = shared(xt::xarray<double>({3, 4}), "b");
  const Var h = W * b;
  const Var cost = sum(h * W);
  const std::vector<Var> g = grad(
      cost, {W, b},
      {.consider_constant = {h}, .known_grads = {}, .disconnected_inputs = Disconnected::ignore});
  const Var g1 = grad(cost, W);
  Function f =
      function({}, {g[0], g[1], g1, Lop(h, W, b), Rop(h, W, b), jacobian(h, W), hessian(cost, W),
                    sum(disconnected_grad(W)), sum(zero_grad(W)), sum(grad_clip(W, -1, 1))});
  CHECK(f().array<double>(0)(1) == 8);
  CHECK_NOTHROW(verify_grad([](Var x) { return tanh(x); }, {Array::from<double>({0.1, 0.2})},
                            {.rel_tol = 1e-6, .seed = 3}));
}

TEST_CASE("contract: loops") {
  const Var v = vector("v", float64);
  const Var x = vector("x", float64);
  const Var h0 = scalar("h0", float64);
  const Var h1 = vector("h1", float64);
  const SharedVar W = shared(2.0, "W");
  auto [outs, updates] = scan(
      [](Var v_t, Var x_before, Var x_now, Var x_ahead, Var h, Var two, Var one, Var w) {
        return Vars{v_t + x_before, h + x_now * w, one + two + x_ahead};
      },
      {.sequences = {v, seq(x, {-1, 0, 2})},
       .outputs_info = {none, h0, init(h1, {-2, -1})},
       .non_sequences = {W},
       .n_steps = 2,
       .truncate_gradient = -1,
       .go_backwards = false,
       .name = "gibbs"});
  auto [ys, u2] = map([](Var e) { return e * 2; }, {v});
  auto [total, u3] = damo::reduce([](Var e, Var s) { return e + s; }, {v}, h0);
  auto [left, u4] = foldl([](Var e, Var s) { return e + s; }, {v}, h0);
  auto [right, u5] = foldr([](Var e, Var s) { return e + s; }, {v}, h0);
  Function f =
      function({v, x, h0, h1}, {outs[0], outs[1], outs[2], ys[0], total[0], left[0], right[0]});
  const Outputs out = f(xt::xarray<double>({1, 2}), xt::xarray<double>({1, 2, 3, 4, 5}), 0.5,
                        xt::xarray<double>({1, 1}));
  CHECK(out.array<double>(1)(1) == 0.5 + 2 * 2 + 3 * 2);
}

TEST_CASE("contract: functions") {
  const SharedVar data = shared(xt::xarray<float>({{1, 2}, {3, 4}, {5, 6}, {7, 8}}), "train_x");
  const SharedVar W = shared(xt::xarray<float>({1, 1}), "W");
  const Var x = matrix("x");
  const Var i = lscalar("i");
  const Var cost = mean(dot(x, W));
  Updates updates;
  updates[W] = W - 0.1 * grad(cost, W);
  Updates more;
  updates += more;
  const std::int64_t B = 2;
  Function train = function({i}, {cost},
                            {.updates = updates,
                             .givens = {{x, data(range(i * B, (i + 1) * B))}},
                             .name = "train_rbm",
                             .mode = Mode::fast()});
  Outputs out = train(0);
  CHECK(out.scalar<float>(0) == 5);
  const xt::xarray<float> a = out.array<float>(0);
  CHECK(a() == 5);
  const std::vector<float> values{1, 2};
  const Var v = vector("v");
  Function twice = function({v}, {2 * v});
  CHECK(twice(std::span<const float>(values)).array<float>(0)(1) == 4);
  CHECK(twice(Array::from(values)).array<float>(0)(0) == 2);
}

TEST_CASE("contract: looking at graphs") {
  const Var x = vector("x");
  const Var y = log(sigmoid(x));
  Function f = function({x}, {y}, {.name = "look"});
  CHECK(!debugprint(y).empty());
  CHECK(!debugprint(f).empty());
  CHECK(!pprint(y).empty());
  CHECK(!to_dot(Vars{y}).empty());
  CHECK(f.trace().find("log_sigmoid") != std::string::npos);
  CHECK_NOTHROW(f.profile());
}

TEST_CASE("contract: sizes and bounds are numbers and variables mixed") {
  const Var x = matrix("x", float64);
  const Var n = x.shape(0);
  const Var i = lscalar("i");
  const Vars all_of_them = {zeros({n}),
                            zeros({n, 3}),
                            ones(n),
                            full({2, n}, x[0](0)),
                            reshape(x, {n, -1}),
                            reshape(x, {n, x.shape(1)}),
                            reshape(x, x.shape()),
                            tile(x, {n, 1}),
                            repeat(x, n, 0),
                            arange(n),
                            arange(1, n),
                            eye(n, 3),
                            broadcast_to(x[0], {n, 2}),
                            x[range(i, n)],
                            x(range(n - 1, i, -1), all()),
                            x(i, -1),
                            x(newaxis, all(), range(0, n)),
                            x[i + 1],
                            take(x, i, 1),
                            set_subtensor(x(all(), i), 1 - x(all(), i)),
                            set_subtensor(x[0], 0),
                            inc_subtensor(x[arange(n)], 1.0)};
  Function f = function({x, i}, all_of_them);
  CHECK(f(xt::xarray<double>({{1, 2}, {3, 4}}), 0).size() == all_of_them.size());
}

TEST_CASE("contract: axes are a number or a list and options follow") {
  const Var x = matrix("x", float64);
  const Vars all_of_them = {sum(x, {.keepdims = true}),
                            sum(x, {0}, {.keepdims = true}),
                            mean(x, {0, -1}, {.keepdims = true}),
                            argmin(x, 0, {.keepdims = true}),
                            all(x > 0, {1}),
                            var(x, {0}, {.ddof = 1}),
                            norm(x, 1, {.ord = 1}),
                            log_softmax(x, -1),
                            tensordot(x, x, {1}, {1}),
                            cumsum(x, 1),
                            x.mean(),
                            concatenate({x, x}, -1),
                            atan2(x, 1.0),
                            pow(2, x),
                            where(x > 0, 1, 0)};
  Function f = function({x}, all_of_them);
  CHECK(f(xt::xarray<double>({{1, 2}, {3, 4}})).size() == all_of_them.size());
}

TEST_CASE("contract: values come from numbers and vectors and xtensor expressions") {
  CHECK(shared(true).dtype() == boolean);
  CHECK(shared(2.5F).dtype() == float32);
  CHECK(shared(std::vector<int>{1, 2}).dtype() == int64);
  CHECK(shared(xt::xtensor<float, 2>(xt::ones<float>({2, 2}))).ndim() == 2);
  CHECK(shared(xt::zeros<double>({2, 3}), "W").dtype() == float64);
  const SharedVar n = shared(3, "n");
  n.set_value(7);
  CHECK(n.get_value<std::int64_t>()() == 7);

  const Var x = matrix("x");
  Function twice = function(x, 2 * x);
  const xt::xarray<float> in = {{1, 2}, {3, 4}};
  CHECK(twice(in + 1).array<float>(0)(1, 1) == 10);
  CHECK(twice(xt::transpose(in)).array<float>(0)(0, 1) == 6);
  CHECK(twice(xt::xtensor<float, 2>(in)).array<float>(0)(1, 0) == 6);
  const xt::xarray<float, xt::layout_type::column_major> columns = in;
  CHECK(twice(columns).array<float>(0)(0, 1) == 4);
  const Var b = bvector("b");
  const Var k = lvector("k");
  Function count = function({b, k}, {sum(b) + sum(k)});
  CHECK(count(std::vector<bool>{true, true}, std::vector<int>{3, 4}).scalar<int>(0) == 9);
}

TEST_CASE("contract: the parameters of a model are what grad takes") {
  const Var x = matrix("x");
  const models::RBM rbm({.input = x, .n_visible = 3, .n_hidden = 2, .seed = 1});
  const Var cost = mean(rbm.free_energy(x));
  const Vars g = grad(cost, rbm.params, {.disconnected_inputs = Disconnected::raise});
  CHECK(g.size() == rbm.params.size());
  CHECK(grad(cost, rbm.params).size() == 3);
  CHECK(!to_dot(cost).empty());
  CHECK_NOTHROW(verify_grad([](Var a, Var b) { return dot(a, b); },
                            {xt::xarray<double>({1, 2}), xt::xarray<double>({3, 4})}));
}

TEST_CASE("contract: steps take variables or a list and return updates or a condition") {
  const Var rows = matrix("rows", float64);
  const Var h0 = vector("h0", float64);
  const SharedVar count = shared(0, "count");
  auto [sums, u1] =
      scan([](const Vars& a) { return a[0] + a[1]; }, {.sequences = {rows}, .outputs_info = {h0}});
  auto [doubled, u2] = scan([](Var a) { return until(a * 2, sum(a) > 100.0); },
                            {.outputs_info = {h0}, .n_steps = rows.shape(0)});
  auto [counted, u3] = scan(
      [&](Var a) {
        Updates updates;
        updates[count] = count + 1;
        return std::pair{Vars{a + 1}, updates};
      },
      {.outputs_info = {h0}, .n_steps = 3});
  Updates updates;
  updates += u1;
  updates += u2;
  updates += u3;
  for (const auto& [target, value] : updates) CHECK(target.dtype() == value.dtype());
  Function f = function({rows, h0}, {sums[0][-1], doubled[0], counted[0]}, {.updates = updates});
  const Outputs out = f(xt::xarray<double>({{1, 2}, {3, 4}}), xt::xarray<double>({10, 20}));
  CHECK(out.array<double>(0)(1) == 26);
  CHECK(out.array<double>(1)(1, 0) == 40);
  CHECK(out.array<double>(2)(2, 0) == 13);
  CHECK(count.get_value<std::int64_t>()() == 3);
}
