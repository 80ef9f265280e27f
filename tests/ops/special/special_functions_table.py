"""Writes special_functions_table.inc beside this file: values of special functions with 60 digits by mpmath 1.2, rounded
to float64. Run: python3 tests/ops/special/special_functions_table.py > tests/ops/special/special_functions_table.inc"""
import itertools

import mpmath as m
from mpmath import mp, mpf

mp.dps = 60
inf, nan = float("inf"), float("nan")


def erfcinv(y):
    """The root of log(erfc(x)) = log(y), from a start by its leading terms."""
    if y > 0.5:
        return -m.erfinv(y - 1)
    x = m.sqrt(-m.log(y))
    return m.findroot(lambda t: m.log(m.erfc(t)) - m.log(y), x)


def gammainc(a, x):
    return m.gammainc(a, 0, x, regularized=True)


def gammaincc(a, x):
    return m.gammainc(a, x, m.inf, regularized=True)


def betainc(a, b, x):
    return m.betainc(a, b, 0, x, regularized=True)


def slope(below, above, parameters, k):
    """The derivative of the part below in parameter k, by whichever part is small."""
    h = parameters[k] * mpf(10)**-20
    f = below if below(*parameters) < 0.5 else lambda *p: -above(*p)
    at = lambda p: f(*parameters[:k], p, *parameters[k + 1:])
    return (at(parameters[k] + h) - at(parameters[k] - h)) / (2 * h)


def betaincc(a, b, x):
    return m.betainc(b, a, 0, 1 - x, regularized=True)


def mixed(a, x):
    """d2 P / da dx by the density, x^(a - 1) e^-x / Gamma(a)."""
    return x**(a - 1) * m.exp(-x) / m.gamma(a) * (m.log(x) - m.psi(0, a))


shapes = [[1e-8, 1e-3, 0.1, 0.5, 1, 2.5, 9.75, 200, 1e4], [1e-300, 1e-30, 1e-5, 0.25, 1, 2, 8, 50, 210, 10050]]
odds = [[1e-3, 0.1, 0.5, 1, 3, 150], [1e-3, 0.25, 1, 2.5, 120], [1e-30, 1e-5, 0.125, 0.5, 0.96875, 1 - 2.0**-40]]
functions = {
    "arcsinh": (m.asinh, [[-1e300, -3, -1e-8, 1e-300, 0.5, 2, 1e10]]),
    "arccosh": (m.acosh, [[1, 1 + 2.0**-40, 1.5, 2, 1e10, 1e300]]),
    "arctanh": (m.atanh, [[-1 + 2.0**-40, -0.5, 1e-10, 0.25, 0.875]]),
    "exp2": (lambda x: mpf(2)**x, [[-1000, -2.5, -1, 0, 0.125, 3, 100.75]]),
    "hypot": (m.hypot, [[3e200, 0.5, 1e-200, -3], [4e200, 1e-200, 4]]),
    "xlog1py": (lambda x, y: x * m.log1p(y), [[2, -0.5], [1e-20, -0.5, 3, 1e10]]),
    "erfinv": (m.erfinv, [[-1 + 2.0**-50, -0.999, -0.5, -1e-5, 1e-200, 0.125, 0.5, 0.75, 0.99, 1 - 2.0**-30]]),
    "erfcinv": (erfcinv, [[1e-300, 1e-100, 1e-20, 1e-5, 0.125, 0.5, 0.75, 1.25, 1.875, 2 - 2.0**-40]]),
    "gamma": (m.gamma, [[-170.5, -3.5, -0.5, 1e-10, 0.5, 1, 1.5, 5, 10.5, 100.25, 170.5]]),
    "betaln": (m.log_beta if hasattr(m, "log_beta") else lambda a, b: m.log(m.beta(a, b)),
               [[1e-10, 0.5, 3, 12, 1e4, 1e10], [1e-5, 0.75, 9.5, 15, 2e4, 3e9]]),
    "gammainc": (gammainc, [[1e-3, 0.1, 0.5, 1, 5, 9.75, 30, 200], [1e-5, 0.25, 1, 2, 5, 10, 35, 180, 250]]),
    "gammaincc": (gammaincc, [[1e-3, 0.1, 0.5, 1, 5, 9.75, 30, 200], [1e-5, 0.25, 1, 2, 5, 10, 35, 180, 250]]),
    "betainc": (betainc, [[0.1, 0.5, 1, 3, 20, 150], [0.25, 1, 2.5, 30, 120], [1e-5, 0.125, 0.5, 0.75, 0.96875]]),
    "gammainc in a": (lambda *p: slope(gammainc, gammaincc, p, 0), shapes),
    "gammaincc in a": (lambda *p: -slope(gammainc, gammaincc, p, 0), shapes),
    "gammainc in a and x": (mixed, shapes),
    "betainc in a": (lambda *p: slope(betainc, betaincc, p, 0), odds),
    "betainc in b": (lambda *p: slope(betainc, betaincc, p, 1), odds),
    "j0": (lambda x: m.besselj(0, x), [[-5, 0, 1e-5, 0.5, 1, 2, 10, 30.5, 100]]),
    "j1": (lambda x: m.besselj(1, x), [[-5, 0, 1e-5, 0.5, 1, 2, 10, 30.5, 100]]),
    "i0": (lambda x: m.besseli(0, x), [[-700, -5, 0, 1e-5, 0.5, 1, 8, 29.5, 30.5, 100]]),
    "i1": (lambda x: m.besseli(1, x), [[-700, -5, 0, 1e-5, 0.5, 1, 8, 29.5, 30.5, 100]]),
    "ive": (lambda v, x: m.exp(-abs(x)) * m.besseli(v, x), [[0, 1, 2, 0.5, 3.25, 25, 60], [1e-3, 0.5, 2, 20, 31, 64, 500, 4000]]),
}
# What SciPy 1.10 and NumPy 1.24 say at the ends.
limits = [
    ("erfinv", [1], inf), ("erfinv", [-1], -inf), ("erfinv", [1.5], nan), ("erfinv", [nan], nan), ("erfinv", [0], 0.0),
    ("erfcinv", [0], inf), ("erfcinv", [2], -inf), ("erfcinv", [-0.5], nan), ("erfcinv", [1], 0.0),
    ("gamma", [0], inf), ("gamma", [inf], inf), ("gamma", [-1], nan), ("gamma", [nan], nan), ("gamma", [172], inf),
    ("betaln", [0, 1], inf), ("betaln", [nan, 1], nan), ("betaln", [1, 1], 0.0),
    ("gammainc", [0, 1], 1.0), ("gammainc", [1, 0], 0.0), ("gammainc", [1, inf], 1.0), ("gammainc", [-1, 1], nan),
    ("gammainc", [1, -1], nan), ("gammainc", [inf, 1], 0.0), ("gammainc", [0, 0], nan),
    ("gammaincc", [0, 1], 0.0), ("gammaincc", [1, 0], 1.0), ("gammaincc", [1, inf], 0.0), ("gammaincc", [1, -1], nan),
    ("betainc", [1, 2, 0], 0.0), ("betainc", [1, 2, 1], 1.0), ("betainc", [1, 2, 1.5], nan), ("betainc", [-1, 2, 0.5], nan),
    ("j0", [inf], 0.0), ("j1", [inf], 0.0), ("j0", [nan], nan), ("i0", [inf], inf), ("i0", [nan], nan),
    ("i1", [inf], inf), ("i1", [-inf], -inf), ("ive", [0, 0], 1.0), ("ive", [2, 0], 0.0), ("ive", [0.5, -1], nan),
    ("ive", [1, inf], 0.0), ("hypot", [inf, nan], inf), ("hypot", [0, 0], 0.0), ("exp2", [-inf], 0.0), ("exp2", [inf], inf),
    ("arctanh", [1], inf), ("arctanh", [2], nan), ("arccosh", [0.5], nan), ("arcsinh", [-inf], -inf),
    ("xlog1py", [0, -1], 0.0), ("xlog1py", [0, inf], 0.0), ("xlog1py", [0, nan], nan), ("xlog1py", [1, -1], -inf),
]


def text(x):
    x = float(x)
    if x != x:
        return "NAN"
    if abs(x) == inf:
        return "-INFINITY" if x < 0 else "INFINITY"
    return repr(x)


def row(name, x, value):
    print(f'{{"{name}", {{{", ".join(map(text, x))}}}, {text(value)}}},')


print('// Written by special_functions_table.py.')
for name, (f, arguments) in functions.items():
    for x in itertools.product(*arguments):
        value = f(*map(mpf, x))
        if value == 0 or 1e-300 < abs(value) < 1e300:
            row(name, x, value)
for name, x, value in limits:
    row(name, x, value)
