#pragma once
// Small files, such as those with keys, read in one piece.
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <expected>
#include <memory>
#include <span>
#include <string>

#include "ipsec/core/secret.hpp"

namespace command_line {

/// Octets of the longest file that is read: keys of a hundred thousand SAs fit.
inline constexpr std::size_t longest_file = std::size_t{64} << 20;

/// The text of a file; wiped when it goes, since it may hold keys.
class file_text {
public:
    /// @return the text, or what is wrong and what to do
    [[nodiscard]] static auto read(const std::string& name) -> std::expected<file_text, std::string> {
        struct closer {
            void operator()(std::FILE* f) const noexcept { std::fclose(f); }
        };
        errno = 0;
        const std::unique_ptr<std::FILE, closer> in{std::fopen(name.c_str(), "rb")};
        if (!in) return std::unexpected{name + ": " + std::strerror(errno) + ": give a file that can be read"};
        file_text all;
        std::array<char, 65536> piece{};
        std::size_t n = 0;
        while ((n = std::fread(piece.data(), 1, piece.size(), in.get())) > 0) {
            if (all.text_.size() + n > longest_file)
                return std::unexpected{name + ": longer than 64 MB: give a file of keys"};
            all.append({piece.data(), n});
        }
        ipsec::wipe(std::as_writable_bytes(std::span{piece}));
        if (std::ferror(in.get()) != 0)
            return std::unexpected{name + ": " + std::strerror(errno) + ": give a file that can be read"};
        return all;
    }
    file_text(file_text&& other) noexcept : text_{std::move(other.text_)} { other.clear(); }
    file_text(const file_text&) = delete;
    auto operator=(const file_text&) -> file_text& = delete;
    auto operator=(file_text&&) -> file_text& = delete;
    ~file_text() { clear(); }

    [[nodiscard]] auto view() const noexcept -> std::string_view { return text_; }

private:
    file_text() = default;
    void append(std::string_view more) {
        if (text_.capacity() - text_.size() < more.size()) {  // no copy is left behind where the text grows
            std::string longer;
            longer.reserve(2 * (text_.size() + more.size()));
            longer = text_;
            clear();
            text_.swap(longer);
        }
        text_ += more;
    }
    void clear() noexcept { ipsec::wipe(std::as_writable_bytes(std::span{text_})); }
    std::string text_;
};

}  // namespace command_line
