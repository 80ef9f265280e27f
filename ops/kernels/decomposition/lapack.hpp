#pragma once
#include <cstddef>

// LAPACK, a library that is loaded when the first decomposition runs: a program without any neither
// has it nor waits for it.
namespace damo {

/// The routines for float or double. Matrices lie column by column; the last arguments are the
/// lengths of texts, as Fortran wants them.
template <class T>
struct Lapack {
  using Int = int;
  using Text = const char*;
  using Size = std::size_t;
  void (*potrf)(Text uplo, const Int* n, T* a, const Int* lda, Int* info, Size);
  void (*getrf)(const Int* m, const Int* n, T* a, const Int* lda, Int* pivots, Int* info);
  void (*getri)(const Int* n, T* a, const Int* lda, const Int* pivots, T* work, const Int* lwork,
                Int* info);
  void (*trsm)(Text side, Text uplo, Text trans, Text diag, const Int* m, const Int* n,
               const T* alpha, const T* a, const Int* lda, T* b, const Int* ldb, Size, Size, Size,
               Size);
  void (*geqrf)(const Int* m, const Int* n, T* a, const Int* lda, T* tau, T* work, const Int* lwork,
                Int* info);
  void (*orgqr)(const Int* m, const Int* n, const Int* k, T* a, const Int* lda, const T* tau,
                T* work, const Int* lwork, Int* info);
  void (*syevd)(Text jobz, Text uplo, const Int* n, T* a, const Int* lda, T* w, T* work,
                const Int* lwork, Int* iwork, const Int* liwork, Int* info, Size, Size);
  void (*gesdd)(Text jobz, const Int* m, const Int* n, T* a, const Int* lda, T* s, T* u,
                const Int* ldu, T* vt, const Int* ldvt, T* work, const Int* lwork, Int* iwork,
                Int* info, Size);
  void (*geev)(Text jobvl, Text jobvr, const Int* n, T* a, const Int* lda, T* wr, T* wi, T* vl,
               const Int* ldvl, T* vr, const Int* ldvr, T* work, const Int* lwork, Int* info, Size,
               Size);
};

/// Loads the library when first called: OpenBLAS where there is one, with its kernels for the
/// instruction set in use, or LAPACK; the file that the environment variable DAMO_LAPACK names, if
/// it does. Throws IoError when there is none.
template <class T>
const Lapack<T>& lapack();

/// While one is alive, in whichever thread, the library runs on the calling thread alone: on
/// several, OpenBLAS gives other bits.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
};

}  // namespace damo
