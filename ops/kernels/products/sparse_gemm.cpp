#include <algorithm>
#include <array>
#include <atomic>

#include <damo/ops/kernels/machine/isa.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/products/sparse_gemm.hpp>

namespace damo {
namespace {

// Vectors of columns that are summed up at once: for a deep b, whose panels are laid out block by
// block in the first-level cache, and for a shallow one.
constexpr int narrow_panel = 4;
constexpr int wide_panel = 8;

/// A term that is not left out: x times row k of a block of b.
template <class T>
struct SparseEntry {
  T x;
  std::int32_t k;
};

/// Those of each row of a, in the order of k: row i's at entries + i room.
template <class T>
struct SparseLists {
  SparseEntry<T>* entries;
  std::int32_t* counts;
  std::int64_t room;
};

/// What one block of rows of b, or each of several terms, adds to some rows of one panel of c.
template <class T>
struct SparsePanel {
  const T* b;     // laid out: of the block, or of all terms
  const T* from;  // what is added to, of the first row
  std::int64_t from_row;
  T* c;  // of the first row
  std::int64_t c_row;
  std::int64_t cols;
  std::int64_t row;  // the first one's number among the lists
  std::int64_t rows;
  const std::int32_t* starts;  // in the lists of each row, of this block or term and the next
  std::int64_t starts_row;
  T* sums;  // between blocks, of the first row
  const ScaledProduct<T>* terms;
  std::int64_t n_terms;
  T beta;
  bool first;
  bool last;
};

}  // namespace
}  // namespace damo

#define DAMO_KERNEL_FILE <damo/ops/kernels/products/sparse_gemm.inc>
#include <damo/ops/kernels/machine/for_each_isa.inc>

namespace damo {
namespace {

// The share of elements that are not zero up to which leaving out the others pays.
constexpr double dense_from[] = {0.5, 0.4, 0.3};
// Rows of b whose panel stays in the first-level cache, and rows of a b that is laid out whole.
constexpr std::int64_t depth_block = 96;
constexpr std::int64_t shallow = 256;
// Rows of a that are listed at a time: as many as have few enough elements.
constexpr std::int64_t most_rows_per_pass = 1024;
constexpr std::int64_t elements_per_pass = std::int64_t{1} << 20;
// Multiply-adds below which a pass stays on the calling thread, and rows that one takes at a time.
constexpr std::int64_t parallel_work = std::int64_t{3} << 19;
constexpr std::int64_t rows_per_part = 64;
// Smaller products are not worth the count.
constexpr std::int64_t fewest_columns = 64;
constexpr std::int64_t fewest_rows = 8;
constexpr std::int64_t smallest_work = std::int64_t{1} << 15;

template <class T>
struct Table {
  std::int64_t lanes;
  void (*column)(const SparseLists<T>&, const T*, std::int64_t, std::int32_t);
  void (*row)(const SparseLists<T>&, std::int64_t, const T*, std::int64_t, std::int64_t);
  std::int64_t (*count)(const T*, std::int64_t);
  bool (*lay_out_narrow)(Matrix<const T>, T*);
  bool (*lay_out_wide)(Matrix<const T>, T*);
  void (*narrow_rows)(const SparsePanel<T>&, const SparseLists<T>&);
  void (*wide_rows)(const SparsePanel<T>&, const SparseLists<T>&);
};

template <class K, class T>
constexpr Table<T> table_of() {
  return {K::lanes,           &K::column,       &K::row,         &K::count,
          &K::lay_out_narrow, &K::lay_out_wide, &K::narrow_rows, &K::wide_rows};
}

template <class T>
const Table<T>& table() {
  static constexpr Table<T> tables[] = {table_of<simd_sse2::SparseKernels<T>, T>(),
                                        table_of<simd_avx2::SparseKernels<T>, T>(),
                                        table_of<simd_avx512::SparseKernels<T>, T>()};
  return tables[static_cast<std::size_t>(isa())];
}

template <class T>
bool by_rows(const Matrix<const T>& a) {
  return a.col_stride == 1 || a.cols == 1;
}

template <class T>
bool pays(const Matrix<const T>& a, const Matrix<const T>& b, const Matrix<T>& c) {
  const bool laid_out = b.col_stride == 1 || b.row_stride == 1;
  const bool listed = by_rows(a) || a.row_stride == 1;
  if (!laid_out || !listed || c.col_stride != 1 || c.cols < fewest_columns ||
      c.rows < fewest_rows || a.rows * a.cols * c.cols < smallest_work)
    return false;
  const auto most = static_cast<std::int64_t>(dense_from[static_cast<std::size_t>(isa())] *
                                              static_cast<double>(a.rows * a.cols));
  std::int64_t found = 0;
  const std::int64_t lines = by_rows(a) ? a.rows : a.cols;
  const std::int64_t length = by_rows(a) ? a.cols : a.rows;
  const std::int64_t stride = by_rows(a) ? a.row_stride : a.col_stride;
  for (std::int64_t i = 0; i < lines && found <= most; ++i) {
    found += table<T>().count(a.data + i * stride, length);
  }
  return found <= most;
}

template <class T>
class SparseProduct {
 public:
  SparseProduct(std::span<const ScaledProduct<T>> terms, T beta, Matrix<const T> from, Matrix<T> c)
      : terms_(terms), beta_(beta), from_(from), c_(c) {
    for (const ScaledProduct<T>& t : terms) depth_ += t.a.cols;
  }

  bool run() {
    const bool deep = depth_ > shallow;
    // A deep b is found to be finite only as c is written, which then must not be needed.
    if (from_.col_stride != 1 || (deep && (beta_ != T{0} || terms_.size() > 1))) return false;
    for (const ScaledProduct<T>& t : terms_) {
      if (!pays(t.a, t.b, c_)) return false;
    }
    if (!deep && !lay_out_whole()) return false;
    parts_ =
        deep ? (depth_ + depth_block - 1) / depth_block : static_cast<std::int64_t>(terms_.size());
    const std::int64_t rows = std::clamp(elements_per_pass / std::max<std::int64_t>(depth_, 1),
                                         fewest_rows, most_rows_per_pass);
    for (pass_ = 0; pass_ < c_.rows; pass_ += rows) {
      pass_rows_ = std::min(rows, c_.rows - pass_);
      make_lists(deep);
      deep ? multiply_deep() : multiply_shallow();
      if (failed_.load(std::memory_order_relaxed)) return false;
    }
    return true;
  }

 private:
  /// The entries of each row of the pass, and where those of each block of b or term begin.
  void make_lists(bool deep) {
    static thread_local Scratch entry_memory, count_memory, start_memory;
    const std::int64_t stops = parts_ + 1;
    lists_ = {entry_memory.reserve<SparseEntry<T>>(pass_rows_ * depth_),
              count_memory.reserve<std::int32_t>(pass_rows_), depth_};
    starts_ = start_memory.reserve<std::int32_t>(pass_rows_ * stops);
    std::fill_n(lists_.counts, pass_rows_, 0);
    std::int64_t first = 0;
    for (std::int64_t part = 0; part < stops; ++part) {
      for (std::int64_t i = 0; i < pass_rows_; ++i) starts_[i * stops + part] = lists_.counts[i];
      if (part == parts_) break;
      if (deep) {
        const Matrix<const T>& a = terms_[0].a;
        const std::int64_t k = part * depth_block;
        list(a.block(pass_, k, pass_rows_, std::min(depth_block, a.cols - k)), 0);
      } else {
        const Matrix<const T>& a = terms_[static_cast<std::size_t>(part)].a;
        list(a.block(pass_, 0, pass_rows_, a.cols), first);
        first += a.cols;
      }
    }
  }

  void list(Matrix<const T> part, std::int64_t first) {
    if (by_rows(part)) {
      for (std::int64_t i = 0; i < part.rows; ++i) {
        table<T>().row(lists_, i, &part(i, 0), part.cols, first);
      }
    } else {
      for (std::int64_t k = 0; k < part.cols; ++k) {
        table<T>().column(lists_, &part(0, k), part.rows, static_cast<std::int32_t>(first + k));
      }
    }
  }

  bool on_threads() const {
    std::int64_t entries = 0;
    for (std::int64_t i = 0; i < pass_rows_; ++i) entries += lists_.counts[i];
    return entries * c_.cols > parallel_work;
  }

  SparsePanel<T> panel(std::int64_t row, std::int64_t rows, std::int64_t j, std::int64_t cols,
                       std::int64_t part, const T* laid_out, T* sums) const {
    const std::int64_t stops = parts_ + 1;
    return {laid_out,
            &from_(pass_ + row, j),
            from_.row_stride,
            &c_(pass_ + row, j),
            c_.row_stride,
            std::min(cols, c_.cols - j),
            row,
            rows,
            starts_ + row * stops + part,
            stops,
            sums,
            terms_.data(),
            static_cast<std::int64_t>(terms_.size()),
            beta_,
            part == 0,
            part + 2 == stops};
  }

  std::int64_t wide_cols() const { return table<T>().lanes * wide_panel; }

  bool lay_out_whole() {
    static thread_local Scratch memory;
    const std::int64_t step = wide_cols();
    T* to = memory.reserve<T>((c_.cols + step - 1) / step * step * depth_);
    whole_ = to;
    for (std::int64_t j = 0; j < c_.cols; j += step) {
      for (const ScaledProduct<T>& t : terms_) {
        const auto part = t.b.block(0, j, t.b.rows, std::min(step, c_.cols - j));
        if (!table<T>().lay_out_wide(part, to)) return false;
        to += step * t.b.rows;
      }
    }
    return true;
  }

  /// What is laid out stays in the cache: c is gone through once, a few rows at a time.
  void multiply_shallow() {
    const std::int64_t step = rows_per_part;
    parallel_for(pass_rows_, on_threads() ? rows_per_part : pass_rows_,
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t i = begin; i < end; i += step) {
                     for (std::int64_t j = 0; j < c_.cols; j += wide_cols()) {
                       table<T>().wide_rows(panel(i, std::min(step, end - i), j, wide_cols(), 0,
                                                  whole_ + j * depth_, nullptr),
                                            lists_);
                     }
                   }
                 });
  }

  void multiply_deep() {
    const Matrix<const T>& b = terms_[0].b;
    const std::int64_t step = table<T>().lanes * narrow_panel;
    const std::int64_t panels = (c_.cols + step - 1) / step;
    parallel_for(panels, on_threads() ? 1 : panels, [&](std::int64_t begin, std::int64_t end) {
      static thread_local Scratch memory;
      T* laid_out = memory.reserve<T>((depth_block + pass_rows_) * step);
      for (std::int64_t j = begin * step; j < std::min(end * step, c_.cols); j += step) {
        for (std::int64_t block = 0; block < parts_; ++block) {
          const std::int64_t k = block * depth_block;
          const auto part =
              b.block(k, j, std::min(depth_block, b.rows - k), std::min(step, c_.cols - j));
          if (!table<T>().lay_out_narrow(part, laid_out)) {
            failed_.store(true, std::memory_order_relaxed);
          }
          table<T>().narrow_rows(
              panel(0, pass_rows_, j, step, block, laid_out, laid_out + depth_block * step),
              lists_);
        }
      }
    });
  }

  std::span<const ScaledProduct<T>> terms_;
  T beta_;
  Matrix<const T> from_;
  Matrix<T> c_;
  std::int64_t depth_ = 0;  // rows of all b
  std::int64_t parts_ = 0;  // blocks of a deep b, or terms
  std::int64_t pass_ = 0;
  std::int64_t pass_rows_ = 0;
  SparseLists<T> lists_{};
  std::int32_t* starts_ = nullptr;
  const T* whole_ = nullptr;
  std::atomic<bool> failed_{false};
};

}  // namespace

bool gemm_if_sparse(std::span<const ScaledProduct<float>> products, float beta,
                    Matrix<const float> from, Matrix<float> c) {
  return SparseProduct<float>(products, beta, from, c).run();
}
bool gemm_if_sparse(std::span<const ScaledProduct<double>> products, double beta,
                    Matrix<const double> from, Matrix<double> c) {
  return SparseProduct<double>(products, beta, from, c).run();
}
bool gemm_if_sparse(float alpha, Matrix<const float> a, Matrix<const float> b, float beta,
                    Matrix<float> c) {
  const ScaledProduct<float> product{alpha, a, b};
  return gemm_if_sparse(std::span(&product, 1), beta, c, c);
}
bool gemm_if_sparse(double alpha, Matrix<const double> a, Matrix<const double> b, double beta,
                    Matrix<double> c) {
  const ScaledProduct<double> product{alpha, a, b};
  return gemm_if_sparse(std::span(&product, 1), beta, c, c);
}

}  // namespace damo
