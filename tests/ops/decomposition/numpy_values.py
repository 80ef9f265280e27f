"""Writes numpy_values.inc: what NumPy and SciPy make of fixed matrices (python3 numpy_values.py > numpy_values.inc).
Signs of eigenvectors and of singular vectors are a matter of taste, so their magnitudes are written."""
import numpy as np
import scipy.linalg as sl

rng = np.random.RandomState(11)


def normal(*shape):
    return np.round(rng.normal(size=shape), 3)


def array(x):
    x = np.asarray(x, dtype=float)
    sizes = ', '.join(str(n) for n in x.shape)
    values = ', '.join(repr(float(v)) for v in x.ravel())
    return 'array({%s}, {%s})' % (sizes, values)


def case(name, inputs, outputs):
    print('{"%s",\n {%s},\n {%s}},' % (name, ',\n  '.join(map(array, inputs)), ',\n  '.join(map(array, outputs))))


def definite(*shape):
    x = normal(*shape)
    return np.round(x @ np.swapaxes(x, -1, -2), 6) + np.eye(shape[-1])


def per_matrix(f, *args):
    """f of each matrix of batches with one leading axis."""
    return np.stack([f(*parts) for parts in zip(*args)])


print('// Written by numpy_values.py.')
a, b = definite(4, 4), definite(2, 3, 3)
one_triangle = np.tril(a) + np.triu(normal(4, 4), 1)
case('cholesky', [a], [np.linalg.cholesky(a)])
case('cholesky', [b], [np.linalg.cholesky(b)])
case('cholesky', [one_triangle], [np.linalg.cholesky(a)])
case('cholesky upper', [one_triangle.T], [np.linalg.cholesky(a).T])
m, batch = normal(4, 4), normal(3, 2, 2)
v, right, rights = normal(4), normal(4, 3), normal(3, 2, 5)
case('solve', [m, v], [np.linalg.solve(m, v)])
case('solve', [m, right], [np.linalg.solve(m, right)])
case('solve', [batch, rights], [np.linalg.solve(batch, rights)])
case('solve', [batch[:1], rights], [np.linalg.solve(batch[:1], rights)])
case('solve', [batch[0], rights], [np.linalg.solve(batch[0], rights)])
w = normal(3, 2)
case('solve vectors', [batch, w], [np.linalg.solve(batch, w[..., None])[..., 0]])
case('solve definite', [a, right], [sl.solve(a, right, assume_a='pos')])
case('cho_solve', [np.linalg.cholesky(a), right], [np.linalg.solve(a, right)])
case('solve_triangular lower', [m, right], [sl.solve_triangular(m, right, lower=True)])
case('solve_triangular upper', [m, v], [sl.solve_triangular(m, v)])
case('solve_triangular unit', [m, right], [sl.solve_triangular(m, right, unit_diagonal=True)])
case('matrix_inverse', [m], [np.linalg.inv(m)])
case('matrix_inverse', [batch], [np.linalg.inv(batch)])
for x in [m, batch, np.zeros((2, 2)), np.array([[1., 2], [2, 4]]), np.array([[0., 1], [1, 0]]), np.zeros((0, 0)), -np.eye(3)]:
    case('det', [x], [np.linalg.det(x)])
for x in [m, batch, -np.eye(3), 1e-200 * np.eye(3) + 0, np.zeros((0, 0))]:
    case('slogdet', [x], np.linalg.slogdet(x))
case('trace', [m], [np.trace(m)])
t = normal(2, 3, 4)
case('trace', [t], [np.trace(t, axis1=1, axis2=2)])
case('trace above', [t], [np.trace(t, 1, 1, 2)])
case('trace above', [m], [np.trace(m, 1)])
case('eigh', [one_triangle], [np.linalg.eigh(one_triangle)[0], abs(np.linalg.eigh(one_triangle)[1])])
case('eigh', [b], [np.linalg.eigh(b)[0], abs(np.linalg.eigh(b)[1])])
case('eigh upper', [one_triangle.T], [np.linalg.eigh(one_triangle)[0], abs(np.linalg.eigh(one_triangle)[1])])
case('eigvalsh', [one_triangle], [np.linalg.eigvalsh(one_triangle)])
case('eigvalsh upper', [one_triangle], [np.linalg.eigvalsh(one_triangle, 'U')])
real = m @ np.diag([1., 2, 5, 9]) @ np.linalg.inv(m)
values, vectors = np.linalg.eig(real)
case('eig', [real], [values, abs(vectors)])
wide, tall, stack = normal(2, 4), normal(4, 2), normal(2, 3, 2)
for x in [wide, tall, stack, m]:
    case('svd', [x], map(abs, np.linalg.svd(x, full_matrices=False)))
    case('svdvals', [x], [np.linalg.svd(x, compute_uv=False)])
u, s, vt = np.linalg.svd(wide)
case('svd full', [wide], [abs(u), s, abs(vt[:2])])
u, s, vt = np.linalg.svd(tall)
case('svd full', [tall], [abs(u[:, :2]), s, abs(vt)])
for x in [wide, tall, m]:
    case('qr', [x], np.linalg.qr(x))
    case('qr complete', [x], np.linalg.qr(x, 'complete'))
case('qr', [stack], [per_matrix(lambda x: np.linalg.qr(x)[0], stack), per_matrix(lambda x: np.linalg.qr(x)[1], stack)])
deficient = np.outer(normal(4), normal(3)) + np.outer(normal(4), normal(3))
for x in [wide, tall, stack, m, np.zeros((2, 3))]:
    case('pinv', [x], [np.linalg.pinv(x)])
case('pinv', [deficient], [np.linalg.pinv(deficient, 1e-12)])
for x in [wide, m, deficient, stack, np.zeros((3, 2))]:
    case('matrix_rank', [x], [np.linalg.matrix_rank(x)])
for x, y in [(tall, right), (tall, v), (wide, normal(2)), (deficient, right)]:
    solution, _, rank, s = np.linalg.lstsq(x, y, None)
    case('lstsq', [x, y], [solution, ((y - x @ solution) ** 2).sum(0), rank, s])
for x in [m, 0.01 * m, 30 * m, np.array([[0., 1], [0, 0]]), np.array([[0., -np.pi], [np.pi, 0]]), np.zeros((3, 3))]:
    case('expm', [x], [sl.expm(x)])
case('expm', [batch], [per_matrix(sl.expm, batch)])
case('kron', [wide, tall], [np.kron(wide, tall)])
case('kron', [v, wide], [np.kron(v, wide)])
case('kron', [stack, wide], [np.kron(stack, wide)])
case('kron', [v, v[:2]], [np.kron(v, v[:2])])
for n in [0, 1, 2, 5]:
    case('matrix_power %d' % n, [m], [np.linalg.matrix_power(m, n)])
    case('matrix_power %d' % n, [batch], [np.linalg.matrix_power(batch, n)])
case('matrix_power -3', [m], [np.linalg.matrix_power(m, -3)])
t4 = normal(2, 3, 6)
y = normal(2, 3)
case('tensorsolve', [t4, y], [np.linalg.tensorsolve(t4, y)])
t4, y = normal(2, 2, 4, 1), normal(2, 2)
case('tensorsolve', [t4, y], [np.linalg.tensorsolve(t4, y)])
case('tensorinv', [t4], [np.linalg.tensorinv(t4, 2)])
t3 = normal(4, 2, 2)
case('tensorinv 1', [t3], [np.linalg.tensorinv(t3, 1)])
for x, y in [(normal(3), normal(3)), (normal(2, 3), normal(3, 4)), (normal(5, 2, 3), normal(3, 4)),
             (normal(2, 3), normal(5, 3, 4)), (normal(5, 2, 3), normal(5, 3, 4)), (normal(2, 1, 2, 3), normal(5, 3, 4)),
             (normal(3), normal(5, 3, 4)), (normal(5, 2, 3), normal(3)), (normal(2, 5, 2, 3), normal(2, 5, 3, 2))]:
    case('matmul', [x, y], [x @ y])
x, y = normal(3, 2, 4, 5), normal(3, 4, 5, 2)
case('batched_tensordot', [x, y], [np.einsum('bijk,bjkl->bil', x, y)])
x, y = normal(2, 3, 4, 5), normal(2, 5, 6, 3)
case('batched_tensordot by axes', [x, y], [np.einsum('bijk,bkli->bjl', x, y)])
case('solve', [batch, rights[0]], [np.linalg.solve(batch, rights[0][None])])  # as NumPy 2 reads it
case('solve', [batch, rights[:1]], [np.linalg.solve(batch, rights[:1])])
case('solve', [batch[:, None], rights[None]], [np.linalg.solve(batch[:, None], rights[None])])
