"""PyTorch (CPU, float32) version of bench_annealing: softplus and sigmoid of the library, weights in float64.

usage: bench_annealing.py [CHAINS [STEPS [VARIANT [FILE]]]]
VARIANT  script  one scripted loop, samples by rand_like (the default)
         eager   a Python loop, samples by torch.bernoulli
FILE     the parameters of a trained one, an npz file of examples/digits_likelihood
"""
import json, math, os, sys, time
import torch

chains = int(sys.argv[1]) if len(sys.argv) > 1 else 100
steps = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
variant = sys.argv[3] if len(sys.argv) > 3 else 'script'
torch.set_num_threads(int(os.environ.get('OMP_NUM_THREADS', 1)))
torch.manual_seed(1)


def sample(p):
    return (torch.rand_like(p) < p).to(p.dtype)


if variant == 'script':
    sample = torch.jit.script(sample)
else:
    sample = torch.bernoulli


def anneal(W, bv, bh, base, betas, v):
    Wt = W.t()
    log_w = torch.zeros(v.shape[0], dtype=torch.float64)
    for t in range(1, betas.shape[0]):
        before = betas[t - 1]
        beta = betas[t]
        a = torch.addmm(bh, v, W)
        gain = (beta - before) * torch.mv(v, bv - base)
        gain = gain + (torch.nn.functional.softplus(beta * a) - torch.nn.functional.softplus(before * a)).sum(1)
        log_w = log_w + gain.to(torch.float64)
        h = sample((beta * a).sigmoid_())
        v = sample((beta * torch.addmm(bv, h, Wt) + (1 - beta) * base).sigmoid_())
    return log_w


if variant == 'script':
    anneal = torch.jit.script(anneal)

with torch.no_grad():
    W = 0.05 * torch.randn(784, 500)
    bv, bh = torch.full((784,), -2.0), torch.zeros(500)
    if len(sys.argv) > 4:
        import numpy
        kept = numpy.load(sys.argv[4])
        W, bv, bh = (torch.from_numpy(kept[name]) for name in ('W0', 'b0', 'b1'))
    base = bv.clone()
    v = sample(torch.sigmoid(base).expand(chains, 784).contiguous())
    for _ in range(3):  # the script is compiled and specialised
        anneal(W, bv, bh, base, torch.linspace(0, 1, 20), v)
    start = time.perf_counter()
    log_w = anneal(W, bv, bh, base, torch.linspace(0, 1, steps + 1), v)
    seconds = time.perf_counter() - start
    log_z0 = torch.nn.functional.softplus(base.double()).sum() + 500 * math.log(2)
    log_z = torch.logsumexp(log_w, 0) - math.log(chains) + log_z0
print(json.dumps(dict(system='torch-' + variant, workload='annealing', chains=chains, steps=steps, median_ms=round(1000 * seconds, 1),
                      threads=os.environ.get('OMP_NUM_THREADS'), log_z=round(float(log_z), 3))))
