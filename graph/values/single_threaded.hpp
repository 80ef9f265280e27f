#pragma once
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define DAMO_SINGLE_THREADED (__libc_single_threaded != 0)
#else
#define DAMO_SINGLE_THREADED false
#endif

namespace damo {

/// Whether the process has no second thread, so that counting needs no locked instructions. False
/// where the C library does not tell.
inline bool is_single_threaded() { return DAMO_SINGLE_THREADED; }

}  // namespace damo

#undef DAMO_SINGLE_THREADED
