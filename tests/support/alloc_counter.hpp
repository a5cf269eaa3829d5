#pragma once
// Counts every allocation of the program, and what is held: malloc, calloc, realloc, the aligned ones, and new, which ends there.
//
// Include it in exactly one source file of a test program. Under a sanitizer, which brings an allocator of its own, nothing is
// counted and `available` is false.
#include <cerrno>
#include <cstddef>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IPSECPP_ALLOC_COUNTER 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define IPSECPP_ALLOC_COUNTER 0
#endif
#endif
#if !defined(IPSECPP_ALLOC_COUNTER)
#if defined(__GLIBC__)
#define IPSECPP_ALLOC_COUNTER 1
#else
#define IPSECPP_ALLOC_COUNTER 0
#endif
#endif

namespace ipsec::test {

inline constexpr bool allocations_are_counted = IPSECPP_ALLOC_COUNTER != 0;
inline thread_local std::size_t allocation_count = 0;
/// Octets that this thread allocated and has not freed, as the allocator rounds them; only differences mean something.
inline thread_local std::ptrdiff_t octets_held = 0;

/// Allocations of this thread since it was made.
class allocations {
public:
    allocations() noexcept : start_{allocation_count} {}
    [[nodiscard]] auto count() const noexcept -> std::size_t { return allocation_count - start_; }

private:
    std::size_t start_;
};

}  // namespace ipsec::test

#if IPSECPP_ALLOC_COUNTER
#include <malloc.h>
// glibc lets a program replace its allocator whole; these hand on to glibc's own, which operator new calls as well.
extern "C" {
void* __libc_malloc(std::size_t) noexcept;
void* __libc_calloc(std::size_t, std::size_t) noexcept;
void* __libc_realloc(void*, std::size_t) noexcept;
void* __libc_memalign(std::size_t, std::size_t) noexcept;
void __libc_free(void*) noexcept;

static void* ipsecpp_counted(void* p) noexcept {
    ++ipsec::test::allocation_count;
    ipsec::test::octets_held += static_cast<std::ptrdiff_t>(malloc_usable_size(p));
    return p;
}
static void ipsecpp_given_back(void* p) noexcept {
    ipsec::test::octets_held -= static_cast<std::ptrdiff_t>(malloc_usable_size(p));
}
void* malloc(std::size_t n) noexcept { return ipsecpp_counted(__libc_malloc(n)); }
void* calloc(std::size_t n, std::size_t size) noexcept { return ipsecpp_counted(__libc_calloc(n, size)); }
void* realloc(void* p, std::size_t n) noexcept {
    ipsecpp_given_back(p);
    return ipsecpp_counted(__libc_realloc(p, n));
}
void* memalign(std::size_t alignment, std::size_t n) noexcept { return ipsecpp_counted(__libc_memalign(alignment, n)); }
void* aligned_alloc(std::size_t alignment, std::size_t n) noexcept { return ipsecpp_counted(__libc_memalign(alignment, n)); }
int posix_memalign(void** out, std::size_t alignment, std::size_t n) noexcept {
    void* p = ipsecpp_counted(__libc_memalign(alignment, n));
    if (p == nullptr) return ENOMEM;
    *out = p;
    return 0;
}
void free(void* p) noexcept {
    ipsecpp_given_back(p);
    __libc_free(p);
}
}
#endif
