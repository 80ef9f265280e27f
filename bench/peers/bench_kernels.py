"""Decompositions by NumPy and convolutions by PyTorch, as bench_kernels times Damo's, on one thread:
OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_CORETYPE=SkylakeX taskset -c 0 python3 bench_kernels.py"""
import warnings

import numpy as np
import torch
from common import fastest

warnings.simplefilter('ignore')  # LAPACK sets flags of overflow on its way
torch.set_num_threads(1)


for n in [50, 500]:
    a = np.random.RandomState(4).rand(n, n) - 0.5
    s = a @ a.T + np.eye(n)
    for what, f in [('cholesky', lambda: np.linalg.cholesky(s)), ('solve', lambda: np.linalg.solve(a, s)),
                    ('inverse', lambda: np.linalg.inv(a)), ('qr', lambda: np.linalg.qr(a)),
                    ('eigh', lambda: np.linalg.eigh(s)), ('svd', lambda: np.linalg.svd(a))]:
        print('%-26s %4d rows   %9.3f ms' % (what, n, fastest(f)))

for images, channels, size, filters, filter in [(64, 1, 28, 6, 5), (64, 1, 28, 20, 5), (64, 1, 32, 6, 5),
                                                (64, 6, 12, 16, 5), (64, 6, 14, 16, 5), (64, 20, 12, 50, 5),
                                                (64, 16, 5, 120, 5), (16, 64, 32, 64, 3), (20, 1, 28, 40, 11)]:
    x, w = torch.rand(images, channels, size, size), torch.rand(filters, channels, filter, filter)
    y = torch.rand_like(torch.nn.functional.conv2d(x, w))
    with torch.no_grad():
        times = (fastest(lambda: torch.nn.functional.conv2d(x, w)),
                 fastest(lambda: torch.nn.grad.conv2d_input(x.shape, w, y)),
                 fastest(lambda: torch.nn.grad.conv2d_weight(x, w.shape, y)))
    what = '%d x %d x %d x %d, %d of %d x %d' % (images, channels, size, size, filters, filter, filter)
    print('%-34s %8.3f  to images %8.3f  to filters %8.3f ms' % (what, *times))
