"""Writes quantile_values.inc: what NumPy 1.24's quantile makes of rows, by every method
(/usr/bin/python3 quantile_values.py > quantile_values.inc)."""
import numpy as np

methods = ("inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen weibull linear "
           "median_unbiased normal_unbiased lower higher midpoint nearest").split()
parts = [0, 0.05, 0.1, 0.25, 0.3, 0.4, 0.5, 0.625, 0.75, 0.9, 1]
rng = np.random.RandomState(3)


def array(x):
    sizes = ', '.join(str(n) for n in x.shape)
    values = ', '.join('not_a_number' if v != v else repr(float(v)) for v in x.ravel())
    return 'array({%s}, {%s})' % (sizes, values)


print('// Written by quantile_values.py.')
for n in (1, 2, 3, 4, 5, 8, 10, 11):
    x = np.round(rng.normal(size=(2, n)) * 4) / 4 + np.arange(n) / 8
    if n == 5:
        x[1, 2] = np.nan
    for method in methods:
        print('{QuantileMethod::%s, %s,\n %s},' % (method, array(x), array(np.quantile(x, parts, axis=1, method=method))))
