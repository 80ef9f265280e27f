"""Makes tests/optim/rules/stable_values.inc: what the expressions of stable_test.cpp are at extremes, and
the derivative of their weighted sum, in 1500 digits (mpmath; Debian package python3-mpmath).
    python3 tests/optim/rules/stable_values.py > tests/optim/rules/stable_values.inc
Each case has the name that the expression has in stable_test.cpp.
"""
from mpmath import mp, mpf, exp, log, sqrt, tanh, cosh, sinh, erf, erfc, erfi, matrix, pi, log1p, expm1

mp.dps = 1500  # so that 1 - tanh(1000) keeps hundreds of digits
weights = [mpf(1), mpf(-1) / 2, mpf(1) / 4, mpf(3) / 4, mpf(2), mpf(-3) / 2]
cases = []


def case(name, f, *points):
    for at in points:
        cases.append((name, f, [mpf(v) for v in at]))


def each(g):
    return lambda x: [g(v) for v in x]


def sigmoid(v):
    return 1 / (1 + exp(-v))


def softmax(x):
    total = sum(exp(v) for v in x)
    return [exp(v) / total for v in x]


def lse(x):
    return log(sum(exp(v) for v in x))


def prod(x):
    p = mpf(1)
    for v in x:
        p *= v
    return p


def ndtr(v):
    return erfc(-v / sqrt(mpf(2))) / 2


far = [[800, -800, 3, -0.5], [40, -40, 1, 17], [-1000, 1000, -90, 90]]
up = [[800, 3, 40, 0.5], [1000, 90, 17, 1]]
spread = [[1000, 0, -1000, 3], [800, 799, 2, -800], [-1000, -1002, -1001, -999]]

# Logarithms of sigmoids.
case("log s", each(lambda v: log(sigmoid(v))), *far)
case("log (1 - s)", each(lambda v: log(1 - sigmoid(v))), *far)
case("log (1 - s)[0]", lambda x: [log(1 - sigmoid(x[0]))], *far)
case("log (1 - s[range])", lambda x: [log(1 - sigmoid(v)) for v in x[0:2]], *far)
case("log (1 - s[indices])", lambda x: [log(1 - sigmoid(x[i])) for i in (1, 0, 0)], *far)
case("log (1 - s[mask])", lambda x: [log(1 - sigmoid(x[i])) for i in (0, 1)], *far)
case("log |s|", each(lambda v: log(sigmoid(v))), *far)
case("log 1/s", each(lambda v: -log(sigmoid(v))), *far)
case("log s^3", each(lambda v: 3 * log(sigmoid(v))), *far)
case("log sqrt s", each(lambda v: log(sigmoid(v)) / 2), *far)
case("log c s", each(lambda v: log(sigmoid(v) / 4)), *far)
case("log scalar s", lambda x: [log(sigmoid(v)) + x[3] for v in x], *far[:1])
case("log s s", lambda x: [log(sigmoid(v)) + log(sigmoid(u)) for v, u in zip(x, x[::-1])], *far)
case("log s / (1 - s)", each(lambda v: v), *far)
case("log (2 - 2 s)", each(lambda v: log(2 - 2 * sigmoid(v))), *far)
case("log (s / 2 - 1 / 2)", each(lambda v: log((1 - sigmoid(v)) / 2)), *far)
case("log (1 - s s)", each(lambda v: log(1 - sigmoid(v) ** 2)), [800, -800, 3, -0.5], [40, 90, 1, 17])
case("log joined s", each(lambda v: log(sigmoid(v))), *far)
case("log joined (1 - s)", each(lambda v: log(1 - sigmoid(v))), *far)
case("log inc s", lambda x: [mp.log(sigmoid(v)) for v in x], *far)
case("log inc over", lambda x: [log(sigmoid(x[0]) + 2), log(sigmoid(x[1]) + 2)] + [log(mpf(2))] * 2, *far)
case("log set s", lambda x: [log(sigmoid(v)) for v in x[:2]] + [log(mpf(2))] * 2, *far)
case("log max s", lambda x: [log(max(sigmoid(v) for v in x))], *far)
case("log min s", lambda x: [log(min(sigmoid(v) for v in x))], *far)
case("log prod s", lambda x: [sum(log(sigmoid(v)) for v in x)], *far)
case("log where s", each(lambda v: log(sigmoid(v)) if v > 0 else log(1 - sigmoid(v))), *far)
case("log maximum(s, 1 - s)", each(lambda v: log(max(sigmoid(v), 1 - sigmoid(v)))), *far)
case("log sum s", lambda x: [log(sum(sigmoid(v) for v in x))], [-800, -801, -802, -803], [40, -40, 1, 17])
case("log mean s", lambda x: [log(sum(sigmoid(v) for v in x) / 4)], [-800, -801, -802, -803], [40, -40, 1, 17])
case("log2 s", each(lambda v: log(sigmoid(v)) / log(mpf(2))), *far)
case("log10 (1 - s)", each(lambda v: log(1 - sigmoid(v)) / log(mpf(10))), *far)
case("xlogy s", each(lambda v: mpf(3) / 8 * log(sigmoid(v))), *far)
case("cross entropy", each(lambda v: -(mpf(3) / 4 * log(sigmoid(v)) + log(1 - sigmoid(v)) / 4)), *far)
case("s (1 - s)", each(lambda v: sigmoid(v) * (1 - sigmoid(v))), [40, -40, 1, 17])
case("1 - s", each(lambda v: 1 - sigmoid(v)), *far)
# Sums of exponentials.
case("log softmax by hand", lambda x: [log(v) for v in softmax(x)], *spread)
case("log softmax of rows", lambda x: [log(v) for v in softmax(x[:2]) + softmax(x[2:])], *spread)
case("log_softmax", lambda x: [log(softmax(x)[0])], [40, 0, 0, 1], *spread)
case("log_softmax of rows", lambda x: [log(v) for v in softmax(x[:2]) + softmax(x[2:])], [40, 0, 0, 41], *spread)
case("softmax of rows itself", lambda x: softmax(x[:2]) + softmax(x[2:]), [40, 0, 0, 41], *spread)
case("x0 - logsumexp", lambda x: [log(softmax(x)[0])], [40, 0, 0, 1], *spread)
case("entropy", lambda x: [-sum(p * log(p) for p in softmax(x))], *spread)
case("(e - 2) / (e + 3)", each(lambda v: (exp(v) - 2) / (exp(v) + 3)), *far[::2])
case("(2 e + 1) / (1 - 3 e)", each(lambda v: (2 * exp(v) + 1) / (1 - 3 * exp(v))), *far[::2])
case("(e - 1) / (e + 3)", each(lambda v: (exp(v) - 1) / (exp(v) + 3)), *far[::2])
case("(e - 2) / (1 + e)", each(lambda v: (exp(v) - 2) / (1 + exp(v))), *far[::2])
case("e / (e - 3)", each(lambda v: exp(v) / (exp(v) - 3)), *far[::2])
case("e- sum e", lambda x: [sum(exp(u - v) for u in x) for v in x], [800, 799, 803, 790], [-800, -801, -802, -810])
case("(e0 + e1) / e1", lambda x: [1 + exp(x[0] - x[1])], [800, 799, 3, 1], [-800, -801, 3, 1])
case("log(sum e - e[0])", lambda x: [log(sum(exp(v) for v in x[1:]))], [800, 3, 1, 2], [-800, -900, -901, -905], [1000, 1000, -1000, 3])
case("e / norm e", lambda x: [exp(v) / sqrt(sum(exp(2 * u) for u in x)) for v in x], *spread)
case("e / (1 + e)", each(lambda v: log(sigmoid(v))), *far)
case("(e - e') / (e + e')", lambda x: [tanh((x[0] - x[1]) / 2)], *spread)
case("softmax by hand", softmax, *spread)
case("softmax of rows", lambda x: softmax(x[:2]) + softmax(x[2:]), *spread)
case("-log p[0]", lambda x: [-log(softmax(x)[0])], *spread)
case("sum p w", lambda x: [sum(p * w for p, w in zip(softmax(x), (1, 2, -3, 4)))], *spread)
case("dot(w, e) / sum e", lambda x: [sum(p * w for p, w in zip(softmax(x), (1, 2, -3, 4)))], *spread)
case("sum(w e) / sum e", lambda x: [sum(p * w for p, w in zip(softmax(x), (1, 2, -3, 4)))], *spread)
case("log sum e", lambda x: [lse(x)], *spread)
case("log sum e flat", lambda x: [lse(x)], *spread)
case("log sum e.T", lambda x: [lse(x[:2]), lse(x[2:])], *spread)
case("log sum e[range]", lambda x: [lse(x[1:])], *spread)
case("log sum e[indices]", lambda x: [lse([x[i] for i in (0, 2, 2)])], *spread)
case("log sum joined e", lambda x: [lse(x + [-v for v in x])], *spread)
case("log sum cast e", lambda x: [lse(x)], *spread)
case("log mean e rows", lambda x: [lse(x[:2]) - log(mpf(2)), lse(x[2:]) - log(mpf(2))], *spread)
case("log(1 + sum e)", lambda x: [lse(x + [mpf(0)])], *spread)
case("log1p sum e", lambda x: [lse(x + [mpf(0)])], *spread)
case("log dot(w, e)", lambda x: [log(sum(w * exp(v) for w, v in zip((1, 2, 0, 0.5), x)))], *spread)
case("log dot(W, e)", lambda x: [log(sum(w * exp(v) for w, v in zip(r, x))) for r in ((1, 2, 0, 0.5), (0, 0, 3, 1))], *spread)
case("log dot(e, W)", lambda x: [log(sum(w * exp(v) for w, v in zip(r, x))) for r in ((1, 2, 0, 0.5), (0, 0, 3, 1))], *spread)
case("log dot(e, e)", lambda x: [lse([2 * v for v in x])], *spread)
case("log sum w e", lambda x: [log(sum(w * exp(v) for w, v in zip((1, 2, 0.25, 0.5), x)))], *spread)
case("log e^2", lambda x: [lse([2 * v for v in x])], *spread)
case("log(e + e' + e'')", lambda x: [lse(x[:3])], *spread)
case("log(1 + e + e')", lambda x: [lse([mpf(0), x[0], x[1]])], [1000, 999, 0, 0], *spread)
case("e / (e0 + e1)", lambda x: [exp(v) / (exp(x[0]) + exp(x[1])) for v in x], [1000, 999, 998, 300], [-800, -801, -802, -810])
case("e0 / (e0 + e1 + e2)", lambda x: [exp(x[0]) / (exp(x[0]) + exp(x[1]) + exp(x[2]))], *spread)
case("e / dot(w, e)", lambda x: [exp(v) / sum(w * exp(u) for w, u in zip((1, 2, 0, 0.5), x)) for v in x], [1000, 999, 998, 990], [-800, -801, -802, -810])
case("e(x) / sum e(2x)", lambda x: [exp(v) / sum(exp(u / 2) for u in x) for v in x], [40, 20, 30, 0], [-80, -81, -82, -90])
case("log cumsum e", lambda x: [lse(x[:i + 1]) for i in range(4)], *spread)
case("log cumsum e of rows", lambda x: [x[0], lse(x[:2]), x[2], lse(x[2:])], *spread)
case("log cumsum e[-1]", lambda x: [lse(x)], *spread)
case("log cumsum e[range]", lambda x: [lse(x[:2]), lse(x[:3])], *spread)
case("log cumsum s", lambda x: [log(sum(sigmoid(v) for v in x[:i + 1])) for i in range(4)], [-800, -801, -802, 3], [-40, -90, 1, 17])
case("log cumprod (1 - s)", lambda x: [sum(log(1 - sigmoid(v)) for v in x[:i + 1]) for i in range(4)], *far)
case("log batched_dot(e, w)", lambda x: [log(exp(x[0]) + 2 * exp(x[1])), log(exp(x[2]) / 2 + 3 * exp(x[3]))], *spread)
case("log sorted e", lambda x: sorted(x), *spread)
case("log median e", lambda x: sorted(x)[1:3], *spread)
case("e(x) / e(x - 1)", each(lambda v: exp(mpf(1))), *far)
case("log max e", lambda x: [max(x)], *spread)
case("log prod(1 + e)", lambda x: [sum(log(1 + exp(v)) for v in x)], *far)
# One exponential, and others that grow like it.
case("log(1 + e)", each(lambda v: log(1 + exp(v))), *far)
case("log(3 + e)", each(lambda v: log(3 + exp(v))), *far)
case("log(2 + 3 e)", each(lambda v: log(2 + 3 * exp(v))), *far)
case("log(e - 1)", each(lambda v: log(exp(v) - 1)), *up)
case("log |e - 1|", each(lambda v: log(abs(exp(v) - 1))), *far)
case("log |e - 3|", each(lambda v: log(abs(exp(v) - 3))), *far)
case("log |e - e'|", lambda x: [log(abs(exp(x[0]) - exp(x[1])))], [800, 799, 1, 2], [-1000, -998, 0, 1])
case("log expm1", each(lambda v: log(exp(v) - 1)), *up)
case("log(1 - e)", each(lambda v: log(1 - exp(-v))), *up)
case("log(1 + 2^x)", each(lambda v: log(1 + mpf(2) ** v)), *far)
case("log exp2", each(lambda v: v * log(mpf(2))), *far)
case("log2 exp2", each(lambda v: v), [2000, -2000, 3, -0.5])
case("log(1 + exp2)", each(lambda v: log(1 + mpf(2) ** v)), *far)
case("log2 sum exp2", lambda x: [log(sum(mpf(2) ** v for v in x)) / log(mpf(2))], [2000, 1999, -2000, 1990])
case("exp2 / sum exp2", lambda x: [mpf(2) ** v / sum(mpf(2) ** u for u in x) for v in x], [2000, 1999, 1950, 1990])
case("log pow(e, 3)", each(lambda v: 3 * v), *far)
case("log cosh", each(lambda v: log(cosh(v))), *far)
case("log 2 cosh", each(lambda v: log(2 * cosh(v))), *far)
case("log(1 + 2 cosh)", each(lambda v: log(1 + 2 * cosh(v))), *far)
case("log sinh", each(lambda v: log(sinh(v))), *up)
case("tanh", each(tanh), [20, -20, 1, 3], [200, -2, 19, 0.25])
case("1 - tanh^2", each(lambda v: 1 / cosh(v) ** 2), [20, -20, 1, 3], [200, -2, 19, 0.25])
case("log(1 - tanh^2)", each(lambda v: -2 * log(cosh(v))), *far)
case("tanh by hand", each(tanh), *far)
case("log tanh", each(lambda v: log(tanh(v))), [40, 1, 20, 0.5])
case("log(1 - tanh)", each(lambda v: log(1 - tanh(v))), *far)
case("log (e - 1) / x", each(lambda v: log((exp(v) - 1) / v)), *up)
case("log (1 - e(-x)) / x", each(lambda v: log((1 - exp(-v)) / v)), *far)
case("log x / (e - 1)", each(lambda v: log(v / (exp(v) - 1))), *far, [0.125, -0.125, 0.0009765625, -0.0009765625])
case("log sinh / x", each(lambda v: log(sinh(v) / v)), *far, [0.125, -0.125, 0.5, -2])
case("log x / sinh", each(lambda v: log(v / sinh(v))), *far, [0.125, -0.125, 0.5, -2])
case("log(e - 1 + c)", each(lambda v: log(exp(v) - 1 + mpf(2) ** -20)), *up, [0, 0.25, 1, 2])
case("log(sinh + c)", each(lambda v: log(sinh(v) + mpf(2) ** -20)), *up, [0, 0.25, 1, 2])
case("1 / cosh", each(lambda v: 1 / cosh(v)), *far)
case("x / cosh", each(lambda v: v / cosh(v)), *far[:2])
case("x / sinh", each(lambda v: v / sinh(v)), *far[:2])
case("sinh / cosh", each(tanh), *far)
case("cosh / sinh", each(lambda v: 1 / tanh(v)), [1, -2, 3, -0.5], [800, -800, 3, -0.5])
case("1 / cosh^2", each(lambda v: 1 / cosh(v) ** 2), [800, -800, 3, -0.5])
case("1 / (2 + cosh)", each(lambda v: 1 / (2 + cosh(v))), *far)
case("sinh / (1 + cosh)", each(lambda v: tanh(v / 2)), *far)
case("1 / (e - 1)", each(lambda v: 1 / (exp(v) - 1)), *far)
case("x / (e - 1)", each(lambda v: v / (exp(v) - 1)), *far)
case("x e / (e - 1)", each(lambda v: v * exp(v) / (exp(v) - 1)), *far)
case("(e - 1) / (e + 1)", each(lambda v: tanh(v / 2)), *far)
case("(e + 1) / (e - 1)", each(lambda v: 1 / tanh(v / 2)), [1, -2, 3, -0.5], [800, -800, 3, -0.5])
case("log1p -softmax", lambda x: [log(1 - p) for p in softmax(x)], [40, 0, 0, 1], [800, 799, 2, -800])
case("log softplus", each(lambda v: log(log(1 + exp(v)))), [-800, 3, 800, -20], [-40, -90, 0.5, 17])
case("elu", each(lambda v: v if v > 0 else exp(v) - 1), [800, -800, 3, -0.5])
case("softplus by hand", each(lambda v: log(1 + exp(v))), *far)
case("logit", each(lambda v: v), *far)
case("log erfc", each(lambda v: log(erfc(v))), [30, -3, 0.5, 8])
case("log(1 - erf)", each(lambda v: log(1 - erf(v))), [30, -3, 0.5, 8])
case("log erfc / 2", each(lambda v: log(erfc(v) / 2)), [30, -3, 0.5, 8])
case("log_ndtr", each(lambda v: log(ndtr(v))), [-30, 3, 0.5, -8], [-1000, -0.25, 0, -2])
case("log1p expm1", each(lambda v: v), [-800, 3, 800, -0.5])
case("log2", each(lambda v: log(v) / log(mpf(2))), [1.0009765625, 0.75, 3, 1024])
case("log10", each(lambda v: log(v) / log(mpf(10))), [1.0009765625, 0.75, 3, 1000])
case("log 1/x", each(lambda v: -log(v)), [2.0 ** -140, 3, 2.0 ** 100, 0.5], [2.0 ** -1030, 3, 2.0 ** 1000, 0.5])
case("sqrt x^2", each(abs), [2.0 ** 100, -3, -2.0 ** -100, 0.5], [2.0 ** 700, -3, -2.0 ** -700, 0.5])

case("1 / sinh^2", each(lambda v: 1 / sinh(v) ** 2), [800, -800, 3, -0.5], [1000, -1000, 0.5, 2])
case("x / (2 sinh)", each(lambda v: v / (2 * sinh(v))), *far[:2])
case("log(1 - softmax)", lambda x: [log(1 - p) for p in softmax(x)], *spread)
case("log(1 - softmax)[0]", lambda x: [log(1 - softmax(x)[0])], *spread)
case("log(1 - e / sum e)", lambda x: [log(1 - p) for p in softmax(x)], *spread)
case("e(2 x) e(1 - 2 x)", each(lambda v: exp(mpf(1))), *far)
case("e(x) e(-3 x)", each(lambda v: exp(-2 * v)), [300, 3, 40, 0.5])


def number(v):
    return repr(float(v)).replace("inf", "INFINITY")


def derivative(f, x, i):
    h = mpf(10) ** -500
    def total(d):
        y = f([v + d if k == i else v for k, v in enumerate(x)])
        return sum(w * v for w, v in zip(weights, y))
    return (total(h) - total(-h)) / (2 * h)


for name, f, x in cases:
    values = ", ".join(number(v) for v in f(x))
    slopes = ", ".join(number(derivative(f, x, i)) for i in range(len(x)))
    at = ", ".join(number(v) for v in x)
    print(f'{{"{name}", {{{at}}}, {{{values}}}, {{{slopes}}}}},')
