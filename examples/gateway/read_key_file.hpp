#pragma once
// A key or certificate in a file that a setting names.
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "credentials.hpp"
#include "reading.hpp"

namespace gateway {

/// What `Read` makes of the file that a setting names.
template <auto Read> auto read_file(const setting& s, const std::string& where, const char* folder, const key_files& files) {
    using made = decltype(Read(std::string_view{}));
    std::expected<typename made::value_type, fault> out;
    const auto refuse_file = [&](std::string_view why) {
        out = std::unexpected{at_value(s, where, {in_quotes(s.value) + " " + std::string{why}})};
    };
    if (s.value.find(',') != std::string::npos) {
        refuse_file("is not supported: write one file");
        return out;
    }
    auto text = files ? files(folder, s.value) : std::unexpected{std::string{"no files are read here"}};
    if (!text) {
        refuse_file("cannot be read in " + std::string{folder} + ": " + text.error());
        return out;
    }
    auto read = Read(*text);
    ipsec::wipe(std::as_writable_bytes(std::span{*text}));
    if (read) out = std::move(*read);
    else refuse_file(read.error());
    return out;
}

}  // namespace gateway
