#include <algorithm>
#include <cmath>

#include "tests/support/references/nd.hpp"
#include "tests/support/references/references.hpp"

// By the schoolbook: Laplace's expansion, elimination, Jacobi's rotations, power series.
namespace damo::test {
namespace {

using Table = std::vector<std::vector<double>>;

Table table(std::size_t rows, std::size_t cols) {
  return Table(rows, std::vector<double>(cols, 0.0));
}

Table identity(std::size_t n) {
  Table one = table(n, n);
  for (std::size_t i = 0; i < n; ++i) one[i][i] = 1;
  return one;
}

std::size_t width(const Table& a) { return a.empty() ? 0 : a[0].size(); }

Table transposed(const Table& a, std::size_t cols) {
  Table t = table(cols, a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < cols; ++j) t[j][i] = a[i][j];
  }
  return t;
}

Table product(const Table& a, const Table& b, std::size_t cols) {
  Table c = table(a.size(), cols);
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t k = 0; k < b.size(); ++k) {
      for (std::size_t j = 0; j < cols; ++j) c[i][j] += a[i][k] * b[k][j];
    }
  }
  return c;
}

Table without(const Table& a, std::size_t row, std::size_t col) {
  Table rest;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (i == row) continue;
    rest.emplace_back();
    for (std::size_t j = 0; j < a.size(); ++j) {
      if (j != col) rest.back().push_back(a[i][j]);
    }
  }
  return rest;
}

double determinant(const Table& a) {
  if (a.empty()) return 1;
  double total = 0;
  for (std::size_t j = 0; j < a.size(); ++j)
    total += (j % 2 == 0 ? 1 : -1) * a[0][j] * determinant(without(a, 0, j));
  return total;
}

Table cofactors(const Table& a) {
  Table c = table(a.size(), a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < a.size(); ++j)
      c[i][j] = ((i + j) % 2 == 0 ? 1 : -1) * determinant(without(a, i, j));
  }
  return c;
}

/// Cramer's rule.
Table inverse(const Table& a) {
  Table x = transposed(cofactors(a), a.size());
  const double d = determinant(a);
  for (auto& row : x) {
    for (double& v : row) v /= d;
  }
  return x;
}

Table cholesky(const Table& a) {
  Table l = table(a.size(), a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double rest = a[i][j];
      for (std::size_t k = 0; k < j; ++k) rest -= l[i][k] * l[j][k];
      l[i][j] = i == j ? std::sqrt(rest) : rest / l[j][j];
    }
  }
  return l;
}

/// Eigenvalues and eigenvectors (columns) of a symmetric matrix, smallest first (Jacobi 1846).
std::pair<std::vector<double>, Table> jacobi(Table a) {
  const std::size_t n = a.size();
  Table v = identity(n);
  for (int sweep = 0; sweep < 60; ++sweep) {
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        if (a[p][q] == 0) continue;
        const double angle = 0.5 * std::atan2(2 * a[p][q], a[q][q] - a[p][p]);
        Table turn = identity(n);
        turn[p][p] = turn[q][q] = std::cos(angle);
        turn[p][q] = std::sin(angle);
        turn[q][p] = -std::sin(angle);
        a = product(transposed(turn, n), product(a, turn, n), n);
        v = product(v, turn, n);
      }
    }
  }
  std::vector<std::size_t> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](auto i, auto j) { return a[i][i] < a[j][j]; });
  std::vector<double> values;
  Table vectors = table(n, n);
  for (std::size_t k = 0; k < n; ++k) {
    values.push_back(a[order[k]][order[k]]);
    for (std::size_t i = 0; i < n; ++i) vectors[i][k] = v[i][order[k]];
  }
  return {values, vectors};
}

/// f of a symmetric matrix.
template <class F>
Table function_of(const Table& a, F&& f) {
  const auto [w, v] = jacobi(a);
  Table scaled = v;
  for (auto& row : scaled) {
    for (std::size_t k = 0; k < row.size(); ++k) row[k] *= f(w[k]);
  }
  return product(scaled, transposed(v, a.size()), a.size());
}

Table plus_diagonal(Table a, double d) {
  for (std::size_t i = 0; i < std::min(a.size(), width(a)); ++i) a[i][i] += d;
  return a;
}

Table exponential(const Table& a) {
  Table sum = identity(a.size()), term = sum;
  for (int k = 1; k < 80; ++k) {
    term = product(term, a, a.size());
    for (auto& row : term) {
      for (double& v : row) v /= k;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
      for (std::size_t j = 0; j < a.size(); ++j) sum[i][j] += term[i][j];
    }
  }
  return sum;
}

/// Orthonormal columns by Gram and Schmidt, twice; signs as Householder's reflections leave them,
/// when the first `k` columns dominate their diagonals: r's diagonal is negative.
Table orthonormal(const Table& a, std::size_t k, bool last_row_too) {
  Table q = table(a.size(), k);
  for (std::size_t j = 0; j < k; ++j) {
    for (std::size_t i = 0; i < a.size(); ++i) q[i][j] = a[i][j];
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t other = 0; other < j; ++other) {
        double along = 0;
        for (std::size_t i = 0; i < a.size(); ++i) along += q[i][other] * q[i][j];
        for (std::size_t i = 0; i < a.size(); ++i) q[i][j] -= along * q[i][other];
      }
    }
    double length = 0;
    for (std::size_t i = 0; i < a.size(); ++i) length += q[i][j] * q[i][j];
    // There is nothing to reflect in a column that has one element left.
    const bool kept = j + 1 == a.size() && last_row_too;
    for (std::size_t i = 0; i < a.size(); ++i) q[i][j] /= (kept ? 1 : -1) * std::sqrt(length);
  }
  return q;
}

/// `f` of each matrix in the last two axes, a matrix of this shape.
template <class F>
Array each_matrix(const Array& in, std::int64_t rows, std::int64_t cols, F&& f) {
  Nd a(in);
  const std::size_t rank = in.rank();
  const std::int64_t m = a.n(rank - 2), n = a.n(rank - 1);
  Shape shape;
  for (std::size_t i = 0; i + 2 < rank; ++i) shape.push_back(a.n(i));
  std::int64_t count = shape.elements();
  shape.push_back(rows);
  shape.push_back(cols);
  Nd out(shape);
  std::size_t next = 0;
  for (std::int64_t b = 0; b < count; ++b) {
    Table matrix = table(static_cast<std::size_t>(m), static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < m * n; ++i) {
      matrix[static_cast<std::size_t>(i / n)][static_cast<std::size_t>(i % n)] =
          a.values[static_cast<std::size_t>(b * m * n + i)];
    }
    const Table result = f(matrix, static_cast<std::size_t>(b));
    for (const auto& row : result) {
      for (const double v : row) out.values[next++] = v;
    }
  }
  return out.array();
}

template <class F>
Reference square(F&& f) {
  return [f](const std::vector<Array>& in) {
    const std::int64_t n = in[0].shape().back();
    return each_matrix(in[0], n, n, [&](const Table& a, std::size_t) { return f(a); });
  };
}

/// One number, or a vector, of each matrix.
template <class F>
Reference reduced(std::size_t dropped, F&& f) {
  return [=](const std::vector<Array>& in) {
    Nd a(in[0]);
    const std::size_t rank = in[0].rank();
    const std::int64_t k = dropped == 2 ? 1 : std::min(a.n(rank - 2), a.n(rank - 1));
    const Array rows =
        each_matrix(in[0], 1, k, [&](const Table& m, std::size_t) { return Table{f(m)}; });
    Shape shape;
    for (std::size_t i = 0; i + 2 < rank; ++i) shape.push_back(a.n(i));
    if (dropped == 1) shape.push_back(k);
    Nd out(shape);
    out.values = Nd(rows).values;
    return out.array();
  };
}

/// Right sides in the second operand.
template <class F>
Reference equations(F&& f) {
  return [f](const std::vector<Array>& in) {
    Nd b(in[1]);
    const std::int64_t n = in[1].shape()[in[1].rank() - 2], m = in[1].shape().back();
    return each_matrix(in[0], n, m, [&](const Table& a, std::size_t number) {
      Table right = table(static_cast<std::size_t>(n), static_cast<std::size_t>(m));
      for (std::int64_t i = 0; i < n * m; ++i) {
        right[static_cast<std::size_t>(i / m)][static_cast<std::size_t>(i % m)] =
            b.values[number * static_cast<std::size_t>(n * m) + static_cast<std::size_t>(i)];
      }
      return product(inverse(f(a)), right, static_cast<std::size_t>(m));
    });
  };
}

Table spread(Table a) {
  Table s = a;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < a.size(); ++j)
      s[i][j] = a[i][j] + a[j][i] + (i == j ? 9.0 * static_cast<double>(i) : 0.0);
  }
  return s;
}

Table far_from_each_other(Table a) {
  for (std::size_t i = 0; i < std::min(a.size(), width(a)); ++i)
    a[i][i] += 9 + 9 * static_cast<double>(i);
  return a;
}

/// Singular values, the largest first.
std::vector<double> singular_values(const Table& a) {
  const std::size_t k = std::min(a.size(), width(a));
  const Table turned = transposed(a, width(a));
  std::vector<double> values =
      jacobi(a.size() <= width(a) ? product(a, turned, a.size()) : product(turned, a, width(a)))
          .first;
  std::reverse(values.begin(), values.end());
  values.resize(k);
  for (double& v : values) v = std::sqrt(std::max(v, 0.0));
  return values;
}

void add_factors(References& all) {
  all["cholesky"] = square([](const Table& a) {
    const auto n = static_cast<double>(a.size());
    return cholesky(plus_diagonal(product(a, transposed(a, a.size()), a.size()), n + 1));
  });
  all["solve"] = equations([](const Table& a) { return plus_diagonal(a, 9); });
  all["solve_triangular"] = equations([](const Table& a) {
    Table t = plus_diagonal(a, 9);
    for (std::size_t i = 0; i < t.size(); ++i) {
      for (std::size_t j = i + 1; j < t.size(); ++j) t[i][j] = 0;
    }
    return t;
  });
  all["solve_triangular, unit diagonal"] = equations([](const Table& a) {
    Table t = a;
    for (std::size_t i = 0; i < t.size(); ++i) {
      for (std::size_t j = 0; j <= i; ++j) t[i][j] = i == j ? 1 : 0;
    }
    return t;
  });
  all["matrix_inverse"] = square([](const Table& a) { return inverse(plus_diagonal(a, 9)); });
  all["det"] = reduced(
      2, [](const Table& a) { return std::vector<double>{determinant(plus_diagonal(a, 5))}; });
  all["slogdet"] = reduced(2, [](const Table& a) {
    return std::vector<double>{std::log(std::abs(determinant(plus_diagonal(a, 5))))};
  });
  all["cofactors"] = square([](const Table& a) { return cofactors(plus_diagonal(a, 5)); });
  all["qr, columns"] = [](const std::vector<Array>& in) {
    const std::int64_t m = in[0].shape()[1], n = in[0].shape()[2], k = std::min(m, n);
    return each_matrix(in[0], m, k, [&](const Table& a, std::size_t) {
      return orthonormal(plus_diagonal(a, 9), static_cast<std::size_t>(k), true);
    });
  };
  all["qr"] = [](const std::vector<Array>& in) {
    const std::int64_t m = in[0].shape()[1], n = in[0].shape()[2], k = std::min(m, n);
    return each_matrix(in[0], k, n, [&](const Table& a, std::size_t) {
      const Table dominant = plus_diagonal(a, 9);
      const Table q = orthonormal(dominant, static_cast<std::size_t>(k), true);
      return product(transposed(q, static_cast<std::size_t>(k)), dominant,
                     static_cast<std::size_t>(n));
    });
  };
  all["full_qr"] = [](const std::vector<Array>& in) {
    const std::int64_t m = in[0].shape()[1], n = in[0].shape()[2], k = std::min(m, n);
    return each_matrix(in[0], m, n, [&](const Table& a, std::size_t) {
      const Table dominant = plus_diagonal(a, 9);
      const Table q = orthonormal(dominant, static_cast<std::size_t>(k), true);
      Table r = product(transposed(q, static_cast<std::size_t>(k)), dominant,
                        static_cast<std::size_t>(n));
      r.resize(static_cast<std::size_t>(m), std::vector<double>(static_cast<std::size_t>(n), 0.0));
      return r;
    });
  };
}

}  // namespace

void add_decompositions(References& all) {
  add_factors(all);
  all["eigvalsh"] = reduced(1, [](const Table& a) { return jacobi(spread(a)).first; });
  all["eigh"] = all["eigvalsh"];
  all["eigh, vectors"] = square(
      [](const Table& a) { return function_of(spread(a), [](double w) { return std::sin(w); }); });
  // Similar to a symmetric matrix by the square roots of the rows' factors.
  all["eig"] = square([](const Table& a) {
    Table similar = spread(a);
    const auto root = [](std::size_t i) { return std::sqrt(1.0 + static_cast<double>(i)); };
    for (std::size_t i = 0; i < a.size(); ++i) {
      for (std::size_t j = 0; j < a.size(); ++j) similar[i][j] *= root(i) * root(j);
    }
    Table f = function_of(similar, [](double w) { return std::sin(w); });
    for (std::size_t i = 0; i < a.size(); ++i) {
      for (std::size_t j = 0; j < a.size(); ++j) f[i][j] *= root(i) / root(j);
    }
    return f;
  });
  all["svdvals"] =
      reduced(1, [](const Table& a) { return singular_values(far_from_each_other(a)); });
  all["svd"] = all["svd, all vectors"] = all["svdvals"];
  // a times a function of a^T a, or of a a^T, which is the smaller.
  all["svd, vectors"] = [](const std::vector<Array>& in) {
    const std::int64_t m = in[0].shape()[1], n = in[0].shape()[2];
    const auto f = [](double w) { return std::sin(std::sqrt(w)) / std::sqrt(w); };
    return each_matrix(in[0], m, n, [&](const Table& x, std::size_t) {
      const Table a = far_from_each_other(x);
      const Table turned = transposed(a, static_cast<std::size_t>(n));
      if (m <= n)
        return product(function_of(product(a, turned, a.size()), f), a,
                       static_cast<std::size_t>(n));
      return product(a, function_of(product(turned, a, turned.size()), f), turned.size());
    });
  };
  all["pinv"] = [](const std::vector<Array>& in) {
    const std::int64_t m = in[0].shape()[1], n = in[0].shape()[2];
    return each_matrix(in[0], n, m, [&](const Table& x, std::size_t) {
      const Table a = plus_diagonal(x, 9);
      const Table turned = transposed(a, static_cast<std::size_t>(n));
      if (m <= n) return product(turned, inverse(product(a, turned, a.size())), a.size());
      return product(inverse(product(turned, a, turned.size())), turned,
                     static_cast<std::size_t>(m));
    });
  };
  all["expm"] = square([](const Table& a) { return exponential(a); });
}

}  // namespace damo::test
