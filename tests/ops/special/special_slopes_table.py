"""Writes special_slopes_table.inc beside this file: special functions and their derivatives, "f 2" being the second one of
f, far from and next to the points where formulas for them lose digits; with 150 digits by mpmath 1.2, rounded to float64.
Run: python3 tests/ops/special/special_slopes_table.py > tests/ops/special/special_slopes_table.inc"""
import itertools

import mpmath as m
from mpmath import mp, mpf

mp.dps = 150
inf, nan = float("inf"), float("nan")


def betainc(a, b, x):
    """1 less the power series of the part above."""
    return 1 - (1 - x)**b / (b * m.beta(a, b)) * m.hyp2f1(b, 1 - a, b + 1, 1 - x)


tails = [-20, -3, -0.5, 0, 0.5, 0.96875, 1.5, 3, 30, 1e3, 65536, 1e8]
near = [-30.25, -1, -1e-3, 2.0**-20, 1e-10, 0.5, 2, 25]
functions = {
    "erfcx": (lambda x: m.exp(x * x) * m.erfc(x), [tails], 3),
    "log_ndtr": (lambda x: m.log(m.erfc(-x / m.sqrt(2)) / 2), [[-1e8, -65536, -500, -30, -4, -1, -1e-5, 0, 0.5, 3, 12]], 2),
    "log_erfc": (lambda x: m.log(m.erfc(x)), [[-8, -1, -1e-5, 0, 0.5, 3, 30, 500, 65536, 1e8]], 2),
    "log1mexp": (lambda x: m.log(-m.expm1(x)), [[-300, -60, -3, -0.5, -2.0**-20, -1e-10]], 2),
    "arcsin": (m.asin, [[-1 + 2.0**-40, -0.5, 0, 2.0**-70, 0.5, 1 - 2.0**-20, 1 - 2.0**-48]], 2),
    "arccos": (m.acos, [[-1 + 2.0**-40, -0.5, 0, 2.0**-70, 0.5, 1 - 2.0**-20, 1 - 2.0**-48]], 2),
    "arctanh": (m.atanh, [[-1 + 2.0**-40, -0.5, 0, 2.0**-70, 0.5, 1 - 2.0**-20, 1 - 2.0**-48]], 2),
    "j1": (lambda x: m.besselj(1, x), [near], 3),
    "i1": (lambda x: m.besseli(1, x), [near], 3),
    "trigamma": (lambda x: m.psi(1, x), [[-21 + 2.0**-42, -20.25, -3 - 2.0**-18, -1e-5, 1e-5, 0.5, 8, 10.5, 20, 1e90]], 2),
    "polygamma": (lambda n, x: m.psi(int(n), x),
                  [[1, 2, 7, 82, 149, 150, 333], [-1000.25, -4 + 2.0**-20, -2.5 + 2.0**-30, -2.5, -0.5 + 2.0**-40, -0.25, 2.0**-9, 1.5, 200, 4096, 1e6, 1e140]], 0),
    "betainc": (betainc, [[1e-5, 0.25, 1, 3, 40], [1e-100, 1e-12, 1e-5, 5e-4], [0.75, 0.984375, 1 - 2.0**-20, 1 - 2.0**-50]], 0),
}
# Slopes of functions of two, "f a" that in the first and "f ab" the mixed one.
pairs = [(a, b * a) for a in (1e-8, 0.25, 3, 11.5, 1e5, 1e10, 1e100) for b in (1e-20, 2.0**-30, 1e-3, 0.5, 1, 40, 1e12)]
two = {
    "betaln a": lambda a, b: m.psi(0, a) - m.psi(0, a + b),
    "betaln b": lambda a, b: m.psi(0, b) - m.psi(0, a + b),
    "betaln aa": lambda a, b: m.psi(1, a) - m.psi(1, a + b),
    "betaln ab": lambda a, b: -m.psi(1, a + b),
    "betaln aaa": lambda a, b: m.psi(2, a) - m.psi(2, a + b),
}
# The limits that NumPy and SciPy 1.10 have.
limits = [
    ("erfcx", [-30], inf), ("erfcx", [-inf], inf), ("erfcx", [inf], 0.0), ("erfcx", [nan], nan), ("erfcx 1", [-30], -inf),
    ("erfcx 2", [-30], inf), ("erfcx 1", [inf], 0.0), ("log_ndtr 1", [40], 0.0), ("log_ndtr 1", [1e10], 0.0),
    ("log_ndtr 2", [40], 0.0), ("log_ndtr 2", [1e10], 0.0), ("log_erfc 1", [-40], 0.0), ("log_erfc 2", [-1e10], 0.0),
    ("log1mexp 1", [-800], 0.0), ("log1mexp 2", [-800], 0.0), ("trigamma", [-3], inf), ("trigamma", [inf], 0.0),
    ("polygamma", [1, inf], 0.0), ("polygamma", [6, inf], 0.0), ("polygamma", [2, 0], -inf), ("polygamma", [3, -2], inf),
    ("polygamma", [1.5, 2], nan), ("polygamma", [-1, 2], nan), ("polygamma", [3, nan], nan), ("i0", [1e308], inf),
    ("i1", [-1e308], -inf), ("betaln", [1e-300, nan], nan), ("betaln", [nan, 3], nan), ("betaln", [3, nan], nan),
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


print('// Written by special_slopes_table.py.')
for name, (f, arguments, orders) in functions.items():
    for order, x in itertools.product(range(orders + 1), itertools.product(*arguments)):
        h = {"h": mpf(10)**-30 * abs(x[0])} if x[0] else {}
        value = m.diff(f, mpf(x[0]), order, **h) if order else f(*map(mpf, x))
        if x[0] == 0 and abs(value) < mpf(10)**-105:
            value = 0  # of an odd function
        if value == 0 or 1e-300 < abs(value) < 1e300:
            row(f"{name} {order}" if order else name, x, value)
for name, f in two.items():
    for x in pairs:
        value = f(*map(mpf, x))
        if 1e-300 < abs(value) < 1e300:
            row(name, x, value)
for name, x, value in limits:
    row(name, x, value)
