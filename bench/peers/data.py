"""MNIST (first 50,000 training images, pixel/256 as in the tutorial) and JSB chorales cut into 100-step rolls.
Reads $PEER_DATA/mnist (idx, gzipped) and $PEER_DATA/jsb; see bench/README.md."""
import gzip, json, os
import numpy as np

D = os.environ.get('PEER_DATA', 'data')


def idx(name):
    b = gzip.open(os.path.join(D, 'mnist', name)).read()
    n, h, w = (int.from_bytes(b[4 + 4 * i:8 + 4 * i], 'big') for i in range(3))
    return np.frombuffer(b, np.uint8, offset=16).reshape(n, h * w)


def mnist_labels():
    b = gzip.open(os.path.join(D, 'mnist', 'train-labels-idx1-ubyte.gz')).read()
    return np.frombuffer(b, np.uint8, offset=8)[:50000].astype('i8')


def mnist(): return (idx('train-images-idx3-ubyte.gz')[:50000] / 256.0).astype('f4')
def mnist_test(): return (idx('t10k-images-idx3-ubyte.gz') / 256.0).astype('f4')


def jsb():
    steps = [c for s in json.load(open(os.path.join(D, 'jsb', 'jsb-chorales-quarter.json')))['train'] for c in s]
    roll = np.zeros((len(steps), 88), 'f4')
    for t, c in enumerate(steps):
        for p in c:
            if p >= 21:
                roll[t, int(p) - 21] = 1
    n = len(roll) // 100
    return roll[:n * 100].reshape(n, 100, 88)
