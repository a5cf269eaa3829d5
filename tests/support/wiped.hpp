#pragma once
// What is left in memory of a secret: in objects that were moved from or destroyed, and on the stack of a run of its own.
#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "ipsec/core/bytes.hpp"
#include "support/catch.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IPSECPP_STACK_IS_PLAIN 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define IPSECPP_STACK_IS_PLAIN 0
#endif
#endif
#if !defined(IPSECPP_STACK_IS_PLAIN)
#define IPSECPP_STACK_IS_PLAIN 1
#endif

namespace ipsec::test {

/// A sanitizer keeps frames where it likes, and for longer.
inline auto stack_is_plain() -> bool {
    if (IPSECPP_STACK_IS_PLAIN == 0) WARN("skipped: frames of a sanitizer do not lie on the stack");
    return IPSECPP_STACK_IS_PLAIN != 0;
}

/// Octets of storage, read so that the compiler cannot know what they are.
inline auto contents(const void* at, std::size_t n) -> std::vector<std::byte> {
    const volatile std::byte* p = static_cast<const std::byte*>(at);
    std::vector<std::byte> out(n);
    for (std::size_t i = 0; i < n; ++i) out[i] = p[i];
    return out;
}
/// Whether any eight octets of `key` that lie side by side are in `memory`.
inline auto holds_a_piece_of(byte_view memory, byte_view key) -> bool {
    constexpr std::size_t piece = 8;
    for (std::size_t i = 0; i + piece <= key.size(); ++i)  // memmem: a megabyte is searched for each piece
        if (::memmem(memory.data(), memory.size(), key.data() + i, piece) != nullptr) return true;
    return false;
}

/// Runs `work` on a stack of its own. @return that stack, as the work left it
inline auto stack_after(const std::function<void()>& work) -> std::vector<std::byte> {
    constexpr std::size_t size = std::size_t{1} << 20;
    struct freed {
        void operator()(void* p) const noexcept { std::free(p); }
    };
    const std::unique_ptr<void, freed> stack{std::aligned_alloc(4096, size)};
    std::fill_n(static_cast<std::byte*>(stack.get()), size, std::byte{0});
    pthread_attr_t attributes;
    REQUIRE(pthread_attr_init(&attributes) == 0);
    REQUIRE(pthread_attr_setstack(&attributes, stack.get(), size) == 0);
    pthread_t thread{};
    const auto run = [](void* f) -> void* {
        (*static_cast<const std::function<void()>*>(f))();
        return nullptr;
    };
    REQUIRE(pthread_create(&thread, &attributes, run, const_cast<std::function<void()>*>(&work)) == 0);
    REQUIRE(pthread_join(thread, nullptr) == 0);
    pthread_attr_destroy(&attributes);
    return contents(stack.get(), size);
}

/// No piece of `key` is on the stack of our run, unless that of the bare calls holds one as well.
inline void check_wiped(byte_view ours, byte_view bare, byte_view key) {
    if (!holds_a_piece_of(ours, key)) return;
    if (holds_a_piece_of(bare, key)) WARN("Botan itself leaves a piece");
    else FAIL_CHECK("a piece is left");
}

/// Octets that no code and no address looks like.
inline auto rare(std::size_t n, unsigned seed = 1) -> std::vector<std::byte> {
    std::vector<std::byte> out(n);
    std::uint64_t s = 0x9e3779b97f4a7c15U * seed;
    for (auto& b : out) {
        s = s * 6364136223846793005U + 1442695040888963407U;
        b = static_cast<std::byte>(s >> 56);
    }
    return out;
}

}  // namespace ipsec::test
