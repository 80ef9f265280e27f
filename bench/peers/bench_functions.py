"""The functions of bench_functions by NumPy and PyTorch, on one thread: "name<tab>milliseconds<tab>who", of the faster.
OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_CORETYPE=SkylakeX taskset -c 0 python3 bench_functions.py [PART OF A NAME]"""
import sys

import numpy as np
import torch
from common import fastest

torch.set_num_threads(1)
torch.set_grad_enabled(False)
ONLY = sys.argv[1] if len(sys.argv) > 1 else ''


def bench(what, **ways):
    if ONLY not in what:
        return
    ms, who = min((fastest(f), who) for who, f in ways.items())
    print('%s\t%.5f\t%s' % (what, ms, who), flush=True)


def noise(*shape):
    return torch.rand(*shape) - 0.5


x, y = noise(512, 1000), noise(512, 1000)
a, b = x.numpy(), y.numpy()
for what, axis in [('rows', 1), ('columns', 0)]:
    bench('softmax of ' + what, torch=lambda: torch.softmax(x, axis))
    bench('log_softmax of ' + what, torch=lambda: torch.log_softmax(x, axis))
    bench('logsumexp of ' + what, torch=lambda: torch.logsumexp(x, axis))
    bench('argmax of ' + what, torch=lambda: x.argmax(axis), numpy=lambda: a.argmax(axis))
bench('logaddexp', torch=lambda: torch.logaddexp(x, y), numpy=lambda: np.logaddexp(a, b))
bench('gradient of softmax', torch=lambda: torch._softmax_backward_data(y, torch.softmax(x, 1), 1, x.dtype))
bench('gradient of log_softmax', torch=lambda: torch._log_softmax_backward_data(y, torch.log_softmax(x, 1), 1, x.dtype))
flat, other = x.reshape(-1), y.reshape(-1)
bench('sum of squares', torch=lambda: torch.dot(flat, flat), numpy=lambda: np.dot(a.ravel(), a.ravel()))
bench('mean of abs', torch=lambda: x.abs().mean(), numpy=lambda: np.abs(a).mean())
bench('max of rows', torch=lambda: x.amax(1), numpy=lambda: a.max(1))
bench('sum of x y', torch=lambda: torch.dot(flat, other), numpy=lambda: np.dot(a.ravel(), b.ravel()))
bench('sum of x y, rows', torch=lambda: (x * y).sum(1), numpy=lambda: np.einsum('ij,ij->i', a, b))
bench('sum of x y, columns', torch=lambda: (x * y).sum(0), numpy=lambda: np.einsum('ij,ij->j', a, b))
bench('sum of (x - y)^2, rows', torch=lambda: ((x - y)**2).sum(1), numpy=lambda: ((a - b)**2).sum(1))
bench('einsum ij,ij->i', torch=lambda: torch.einsum('ij,ij->i', x, y), numpy=lambda: np.einsum('ij,ij->i', a, b))
for n in [1000, 4000]:
    p, q = noise(n, n), noise(n, n)
    bench('2x + y, %d x %d' % (n, n), torch=lambda: torch.add(q, p, alpha=2))
    z = noise(n, n)
    bench('z -= 0.01 x, %d x %d' % (n, n), torch=lambda: z.add_(p, alpha=-0.01))
table, some = noise(50000, 128), torch.randint(0, 50000, (512,))
bench('512 rows of 50000 x 128', torch=lambda: table.index_select(0, some), numpy=lambda: table.numpy().take(some.numpy(), 0))
small, many = noise(5000, 500), torch.randint(0, 5000, (2000,))
bench('2000 rows of 5000 x 500', torch=lambda: small.index_select(0, many), numpy=lambda: small.numpy().take(many.numpy(), 0))
part = noise(512, 128)
bench('512 rows added to 50000 x 128', torch=lambda: table.index_add_(0, some, part))
million = noise(1000000)
bench('sort of 10^6', torch=lambda: million.sort(), numpy=lambda: np.sort(million.numpy()))
bench('argsort of 10^6', torch=lambda: million.argsort(), numpy=lambda: np.argsort(million.numpy(), kind='stable'))
left, right = noise(32, 128, 128), noise(32, 128, 128)
bench('einsum bij,bjk->bik', torch=lambda: torch.einsum('bij,bjk->bik', left, right),
      numpy=lambda: np.matmul(left.numpy(), right.numpy()))
m = noise(256, 256)
bench('einsum ij,jk,kl->il', torch=lambda: m @ m @ m, numpy=lambda: m.numpy() @ m.numpy() @ m.numpy())
