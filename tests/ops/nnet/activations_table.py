"""Writes activations_table.inc beside this file: what activations_test.cpp expects, computed with 50 digits by mpmath
1.2 from the definitions. Run: python3 tests/ops/nnet/activations_table.py > tests/ops/nnet/activations_table.inc"""
from mpmath import mp, mpf, exp, log, ncdf, expm1, log1p, inf, isinf

mp.dps = 50
alpha, scale = mpf("1.6732632423543772848170429916717"), mpf("1.0507009873554804934193349852946")


def elu(x, a=mpf(1)):
    return x if x > 0 else a * expm1(x)


functions = {
    "elu": elu,
    "selu": lambda x: scale * elu(x, alpha),
    "gelu": lambda x: (x if x > 0 else mpf(0)) if isinf(x) else x * ncdf(x),
    "hard_sigmoid": lambda x: min(max(x / 5 + mpf(1) / 2, mpf(0)), mpf(1)),
    "softsign": lambda x: (1 if x > 0 else -1) if isinf(x) else x / (1 + abs(x)),
    "log_sigmoid": lambda x: (mpf(0) if x > 0 else -inf) if isinf(x) else -log1p(exp(-x)),
    "ndtr": ncdf,
    "relu": lambda x, a: x if x > 0 else a * x,
}


def text(x):
    x = float(x)
    if x != x:
        return "NAN"
    if abs(x) == float("inf"):
        return "-INFINITY" if x < 0 else "INFINITY"
    return repr(x)


points = [-inf, -750, -100, -40, -38, -20, -8.5, -3, -2.5, -1, -0.5, -0.125, 0, 0.125, 0.5, 1, 2.5, 3, 8.5, 20, 100, inf]
print('// Written by activations_table.py.')
for name, f in functions.items():
    for x in points:
        x = mpf(x)
        for more in ([mpf("0.25")], [mpf("-2")]) if name == "relu" else ([],):
            value = f(x, *more)
            if abs(value) < mpf("1e-300") and value != 0:
                continue
            print(f'{{"{name}", {{{", ".join(map(text, [x] + more))}}}, {text(value)}}},')
    print(f'{{"{name}", {{{", ".join(["NAN"] + ["0.25"] * (name == "relu"))}}}, NAN}},')
