"""Computes what tests/models/rnn_rbm_golden_test.cpp expects: the classic RNN-RBM in NumPy, float64, with the draws
of Theano's RandomStreams (each draw op has a RandomState of its own, seeded in order of creation)."""
import numpy as np

n_visible, n_hidden, n_recurrent, time, k, k_generate, lr = 6, 5, 4, 7, 3, 4, 0.1


class Streams:
    def __init__(self, seed):
        self.seeds = np.random.RandomState(seed)

    def new(self):
        return np.random.RandomState(self.seeds.randint(2**30))


def waves(shape, phase):
    return np.sin(np.arange(np.prod(shape)) * 1.7 + phase).reshape(shape) * 0.8


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def draw(stream, p):
    return stream.binomial(1, p, p.shape).astype(float)


def gibbs(v, W, bv, bh, h_stream, v_stream):
    mean_h = sigmoid(v @ W + bh)
    h = draw(h_stream, mean_h)
    mean_v = sigmoid(h @ W.T + bv)
    return mean_v, draw(v_stream, mean_v)


def free_energy(v, W, bv, bh):
    return -(v * bv).sum() - np.log(1 + np.exp(v @ W + bh)).sum()


def train(p, v, streams):
    """One step of CD-k; the gradient by backpropagation through time, by hand."""
    W, bv, bh, Wuh, Wuv, Wvu, Wuu, bu = p
    u = np.zeros((time + 1, n_recurrent))
    for t in range(time):
        u[t + 1] = np.tanh(bu + v[t] @ Wvu + u[t] @ Wuu)
    bv_t, bh_t = bv + u[:-1] @ Wuv, bh + u[:-1] @ Wuh
    x = v
    for _ in range(k):
        x = gibbs(x, W, bv_t, bh_t, *streams[:2])[1]
    mean_v = gibbs(x, W, bv_t, bh_t, *streams[2:4])[0]
    monitor = (v * np.log(mean_v) + (1 - v) * np.log(1 - mean_v)).sum() / time
    cost = (free_energy(v, W, bv_t, bh_t) - free_energy(x, W, bv_t, bh_t)) / time
    h_data, h_model = sigmoid(v @ W + bh_t), sigmoid(x @ W + bh_t)
    g_bv, g_bh = (x - v) / time, (h_model - h_data) / time
    g = [(x.T @ h_model - v.T @ h_data) / time, g_bv.sum(0), g_bh.sum(0), u[:-1].T @ g_bh, u[:-1].T @ g_bv,
         np.zeros_like(Wvu), np.zeros_like(Wuu), np.zeros_like(bu)]
    back = np.zeros(n_recurrent)
    for t in reversed(range(time)):
        a = back * (1 - u[t + 1] ** 2)
        g[5] += np.outer(v[t], a)
        g[6] += np.outer(u[t], a)
        g[7] += a
        back = a @ Wuu.T + g_bv[t] @ Wuv.T + g_bh[t] @ Wuh.T
    return monitor, cost, [q - lr * d for q, d in zip(p, g)]


def generate(p, steps, streams):
    W, bv, bh, Wuh, Wuv, Wvu, Wuu, bu = p
    u = np.zeros(n_recurrent)
    frames = []
    for _ in range(steps):
        x = np.zeros(n_visible)
        for _ in range(k_generate):
            x = gibbs(x, W, bv + u @ Wuv, bh + u @ Wuh, *streams)[1]
        u = np.tanh(bu + x @ Wvu + u @ Wuu)
        frames.append(x)
    return np.array(frames), u


shapes = [(n_visible, n_hidden), (n_visible,), (n_hidden,), (n_recurrent, n_hidden), (n_recurrent, n_visible),
          (n_visible, n_recurrent), (n_recurrent, n_recurrent), (n_recurrent,)]
params = [waves(s, i) for i, s in enumerate(shapes)]
v = (np.sin(np.arange(time * n_visible) * 2.3).reshape(time, n_visible) > 0.2).astype(float)
source = Streams(1234)
streams = [source.new() for _ in range(6 + 2)]
for step in range(3):
    monitor, cost, params = train(params, v, streams)
    print(f"    {{{monitor!r}, {cost!r}}},")
print("sums of params:", ", ".join(repr(float((q * np.cos(np.arange(q.size)).reshape(q.shape)).sum())) for q in params))
frames, u = generate(params, 5, streams[4:6])
print("generated:", ", ".join(hex(int(sum(int(b) << i for i, b in enumerate(f)))) for f in frames))
frames, u = generate(params, 5, streams[4:6])
print("again:", ", ".join(hex(int(sum(int(b) << i for i, b in enumerate(f)))) for f in frames))

# Initial weights of the classic program: a stream's seed is drawn first, then W, Wuh, Wuv, Wvu, Wuu.
np.random.seed(0xBEEF)
print("stream seed:", np.random.randint(1 << 30))
for name, scale, shape in (("W", 0.01, shapes[0]), ("Wuh", 0.0001, shapes[3]), ("Wuv", 0.0001, shapes[4]),
                           ("Wvu", 0.0001, shapes[5]), ("Wuu", 0.0001, shapes[6])):
    q = np.random.normal(scale=scale, size=shape)
    print(name, repr(float((q * np.cos(np.arange(q.size)).reshape(q.shape)).sum() / scale)))
