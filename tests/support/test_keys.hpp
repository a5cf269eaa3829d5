#pragma once
// Keys for tests, and what OpenSSL 3.0 made with them. The bodies of PEM files, without their first and last lines.
#include <string>
#include <string_view>
#include <vector>

#include "ipsec/core/bytes.hpp"

namespace ipsec::test::keys {

/// PKCS#1: `openssl genrsa -traditional`.
inline constexpr std::string_view rsa_2048 =
    "MIIEowIBAAKCAQEA7+aW5i1FYHTpZrk8WhB1rPW0fbF6B6fbiYbfKE3toFoFH331K1I5LfTiPRj/359zF6+w4p/3h4lFkJFETwWXoYOBMIF/DR"
    "MGsMryMngumhkX9jgd38SA7oeuXwjrkPtUqJCkD7xK6PTIIHI6LSsdXMxts7zcg4LBE0wLg2XV7KJ58Ozug70BoVCfnZpb25Y7DnC3bvrazQRi"
    "XkmJmuP3jJi+Z9e9KDoZrzJD5F6zOmSIEo237J7uvCxr/4k40M+E1GvjdRLUykQQHMEVXCUGrAqxYOSYhEzG/RVojmnmNFW8ILlIfxcTH4/k2T"
    "bqfAzQy95Ep8GR3YAKE03ZDZWjFQIDAQABAoIBAAMs7rdqRv5RXduNvSZGDIC3GeYGCOL8DlRiNCcA7RHPzzyM+sdRhc89bBc58v0fS7M3EKTX"
    "UDv7ja+ttJVFMi4hov6k4C0ooNCLRyxy2c8RYPdR49dX7wr5Qc4hPJkFMqgujfVlXSp7PwDq8ikx5mgZjqQv7k1RWEPsoERjfzLsJxhVe6iL7A"
    "LcE5LacIoPz8PSYUyizCGkiOn8BWqo8BnfvzCEzG/DTEDp9QSmDSA4h8TAgtSzfHsRwmkAy7MNyMHoZhC46eqguPQkoxpzZML5busrUQUM6AIR"
    "R6JLnf+g5hD4AvTXJjubfv37yUpKYb+IOZkQAyEu9fBKpiyvbmsCgYEA+2Yng4iM3ovMDOSF9x8S4H6cdqHS0peGSqZ+JL1MP7alFObtmbjBh+"
    "jYBiPPy0UOzkv0CaPxlwDGfroRMlH6ud7sYmBLuxGUKyWNb2PDi3qOV9kh0RCZiaw9f6P/HvO1w13miJNhgZvSmDeoGJzrXlc9qkL5obkd+dXh"
    "9UrOdKcCgYEA9EqQTVCYlfFXlwXNTk7tWJq0fnkGKgQDm+rduC2bn/zzM2KF0TtRBWRRHPb73WbnEOUPjJRsqXVjbK1uX/SUz8V/gxx037jLKs"
    "vxU1DpdcXdLKUN05ciU+YUWJbUVnOPY3ql6ptDV78ifVQoyBxQNYrqVwacgGOCC70smb1JleMCgYAsIg3TwHgCZYZHySJfdJwKvw9WoCfzglg3"
    "6KyCZJzrHnQyjCuv7chDxLOPuF+1LoVf3+OSga5atO8jtiRosg2S7biPuJny2C4ruObwZBIi/TvZ3itamVBq48rUCoUx+NSy3FwpI75dU26P/E"
    "1NLNcA883GgwVxx56kilClkCFYRwKBgQC3gpe57JRi9uQ0Z8BdVf8Hs1dpNmLCBzfq1VjvNRuV6H+NFzKtBWEMqtof5w02uUlUsK2ojgq+lZc1"
    "mWazoFh1Z8gs5qCJOxkrsf479ykZNqS6F9c2Hm9EFS8tiUhDFRYexZCDl1TUQpmXCjSEdnhucEcvTqEb9SRIyzgI2V/AvwKBgA+C/ySmqt62YS"
    "p47vDvzEt7Ib2GYcgBn+UlOlC+1XvFfOHg6sxDSvKO4VMzWhzJbXVVnQhh+rjR4ULHWaZ5WD+pO7zfrDD1CYozuXRj8IcIlZepFwpZDv4u5aJc"
    "mswCPscPHsTHARLffvmDRK5LbgF26aAMJq8rypkeePzAPiDe";
/// Another, PKCS#8: `openssl genrsa`.
inline constexpr std::string_view rsa_2048_pkcs8 =
    "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQDu+4AUyN6aaI2+QfpBrSAvttq+U3xTcY4klzyhkRunGpovagH7KssdSOdPXc"
    "mCBjd9twLm7uOiVdJvTjskYfXYPymEJxronvfTfQZmoSBQ1ftQOiC0LdL7INT37qNORaxhjdH4TNi4Ry951xo1q8FjjRTM3sMdL0THjdVERykU"
    "fP1j9CSm6aJ4NzC+IJZPgEGeK7YNvo2+73w9gkeG4zVfAKzJde3z87rNpwG6QDsUG5tLhm1H2LTtAmWronx/r4KBgssOZNwkP5dov1W1SCWmKw"
    "48nAB9//nMIkTXm4F8zlpHNXA1bsJIC5oBYHYv3dkoCAaBnr+gz/65mIQFelnRAgMBAAECggEABiJU+hy98kV1ZRSKYzgZtpM/Egw1CY+zJaTv"
    "InAYGqXm1ZunE7jzuTb1A44J+K29q/aCWz0t3IkYVJEhmNlwInlukJ8iMhOSykBwHDrEvy+Rv0cariZrrNSQA/+T6kqpdhdsj3gO60uwLc/4YK"
    "WCSBKepvOx0gtYTv+tYXNPbnLBKDIAfKJZz2y2BRVi36w9B4Hx6Et1ngBKiCME3EdBohHdPKy+xeoePdZbz1mB1RIYcTsc5jHhO8q2YmCNECeA"
    "fkMthd5Lbu7SpUGa1HgqzuldZ8eme74fKrCFAjzfFrH5lXwK+aGh4hsQlVbXh62x5ql21kFIwUJyLbvB906hNQKBgQD/QmqKThQwGmfpNRiHBv"
    "clFfr60kHcKIOp73rgTEvSfA16yTT9hYSLfTwrSutUMIQefYFVQH2Kcrle4w5Gcq7b/f+4T5owe/olhZ9/9Flq1vTxLGN6vsL1HZk8SOcjdiuv"
    "gIVipq/XVRiAblDBTxeIZDBMUZLpwP4vPNGdJR/yRQKBgQDvrP66uaAhkyb5CjCbWTcaRusaoDnIy9BDWwcHVGa7zfRZi+aw/XAwNPMCOKCzH7"
    "cbbD0s6wNQAh9ujFiIGdHN6o1lA+Zhv5er/5lUYBssizab2o/pcCm4l23rhZji8rpMzxT9S93QcvtjChXzHjY1DofvMLfSuePMn3qk0Z7IHQKB"
    "gCn0rLZW5xKRBItcYs+u4WiDGGGptZGORzXjWvsLD1tlcIHCGKejDoou53jmM4/++XhZgKyWkQv0l2t1Pp9tsjgOo72Tt/BIMHGCaRkK/LeG5X"
    "POq/s856aKWumBwhweDEgog8QXScfHAOP7PeLIMUIF1bp1ngQ16JGzGXEO7RVRAoGAcY96Mmb5ZG8grCcT2MdwwFaR1s/MEUPgrclXjzWCZ8Gx"
    "4SvUZk/u9Chia88A9V41mBy07696plIbKnn9CJ+TNQnJbO9oHTB2YNx+fef7eCOOAFKSlXy7h+bYAhwO0JlJhFMqEsn7k2Snj8mblNHfxUvZRI"
    "/EyWeic7WsmqNnpFECgYAitk2UGihFY3lySO+yxjd+sObMz1ry9lFROEkJJxTIwcLdlrMFtARw2MQLXR5X0ZJ4j0kQmbfexRh3SFLdRYe+zy1J"
    "CU+hhaa3CienCTh41b5P3/wUrYTqfP1wyMcckJ3HGyuYHDfUifnJSbgq+BnCZsB38HGd+Bj21cCVvv0xsQ==";
/// PKCS#1.
inline constexpr std::string_view rsa_1024 =
    "MIICXgIBAAKBgQDhtGPE4B/mvgipot7S+tnebgX3DN173aZCbdGggCByDLQM75Kgcs7yS0sPeaz3LlXGj4QNgfARY198KuuCbJ0784eLOPEmmb"
    "2AfOhOdpC+ObtRnNKBIRI/E1khrAg7PPCzLOnewKgVUQFJB/pa6xV/7wIPm1ECEnnicU8fwS3CBQIDAQABAoGBAJzLjGPAr2jEq4/tLY6z5Za4"
    "KDywG01pdY7Aa9hsKh4Q5SP3ao08NLftxn9Br/8nmT8PhFU952CtADBqQKGigrdNQ08A8fFHOUB1D7ddesE2jPzP1NyTofxVhQVjzYZmLUb84f"
    "l7L1ZV2bpAbo45s+8c04LAW5JHlOHAqdcbqUsBAkEA8Yzn+Y5P2RUpdi7y4up4OmzEwcz7fLwOes8q5crb/TT0Fo5ECemVpUIWkD0bm472evO0"
    "/3amWfTyNNhFguU52QJBAO800nTGpPMR091LH6y8/1I4n9s8sRfRIR/XUaLSTKZo269ALHnJgtXlV6gjAdEnwKTCHA9srJVB0NoFRVzTIg0CQQ"
    "DRTOoYuHKBxK93g3jcnJRu856N2yMy0vSs/2PJV7zFK6QxAzb7a9ZKKvjIJNsOMJNsuE1mapX8Lp3MonWg1SUJAkBEhxZvu+TPeeD/OaFWZEKk"
    "9HHfZfC6CQB7Vb0eby7kUY/2EeVr8m3YBz7ofTbtC31l9fIB/Tkn/VXuz6nCYP4VAkEApO5MnVF6oG8+Pv/s0wK/CFwP0Of3x7jmHodODLeIRy"
    "/kFHaMw9sw6saAa2ZfUN27kUx4dkaZw9YTafqvXLoA4w==";
/// PKCS#1; too weak.
inline constexpr std::string_view rsa_512 =
    "MIIBOgIBAAJBAKamc3RNTazuAF8e1sUbmfbE7N+icjKYEEbwgxvzVDVbkxBSPjFApPA4Tg1ehnKpyMP0Y+gdfe3UiUwkIK5sUk0CAwEAAQJAT5"
    "K5HDZxOXpnaQPzryhvytna9Sm+95OOaiEbqXP1qIftFo1gC7+lPrdOV/jZ5zU4aaWVo59VBO9DRiRdrV4NgQIhANJ668B91bOk2wuYH1+yFXxE"
    "XI0eK4nTLIhqWMr73eYtAiEAyrDqpWJ2sK4PegLaj928BPmqi8k96A9U8VGk88KC0KECIEMIctyzNsQn1Ls0j4lipgUVoIQw/5y9bIlllTHQVT"
    "NhAiAWpsbSTLqu7ATWwdLjGQiWFcC1dnvwnyYDAfjJNQehgQIhALxOnEXlr+atWhFLzRIC1mG4PZdUAE4fLkskDDQpgVz1";
/// The traditional form of OpenSSL; q has 160 bits.
inline constexpr std::string_view dsa_1024 =
    "MIIBugIBAAKBgQCAvOgza54cTKSHePhsmhveQTwlnZVMTxycFOGAV3LfGurxq3+q5S1MkpCtny+euM0leLlaNe41/XIu9mfRRDaR9a71/xcZh6"
    "9Os2ymPSt5fxb8DimkaSaJgrlSzWljTijYxrNw1zu4nv0GGPuNL2auvEIx+0tUyeoc0oReZVqSOwIVAOpgCUTpO9VZVpUU91kQyndg6qUZAoGA"
    "E27ILhMKxvKACsUbKkmiXJNur8q4Ic2MNpWiAP4k3K67jL0CS428trzpW6aQDiGxbT1O3n+LcPC3PhFrFKBnbtEVd/S74KHi6ORwq6tZalU/Da"
    "92nVYHwllYcDOGQcZa+1/RKDZC5fnDVA8uGtQ5Genwp+FQ2BP/fLp7xj8BWNgCgYBmihjWIEhwTwRKLcKpJf9ZIe5RmTkXjwiCeO8+kr5fQJui"
    "d/x1s5ZErgLhqulVgfjG2bHccTFiaTJ3kMnSO2SnvWBxJ6SPGAXVkpv/Qb6tHS+GkhgKOmt1aoVBehncTjfSTKPtrEHyID4hIV84R4xe2iU92Q"
    "aJTwZuR9SSWgu1LgIURrmT5yRZhO+51vhQYapSsB5aIMw=";
/// SEC 1: `openssl ecparam -genkey`.
inline constexpr std::string_view p256 =
    "MHcCAQEEIKcupyZcH6gnkux6VKcBxUKUMTJR5oiTcnZbvgmo4q+ToAoGCCqGSM49AwEHoUQDQgAEwVMqb/8yhbpc4ztja/8yuxER+6/WxKqdIB"
    "KvHyPRv8Yor2g8HSo7uaf4YHVJ1obneTba7hANjc37pzmvZMlC+w==";
/// SEC 1.
inline constexpr std::string_view p384 =
    "MIGkAgEBBDA/1KEATtoo9yAIS/jOgHkoV49PXf/guOpPK4F3IaAW75U8cAN/tNduggRpF26HMwagBwYFK4EEACKhZANiAAQgI0cDkfiCtjOYdm"
    "LHLsHvVzn1Ksw3UyI4vGo+kU6nJ1ba0JkVsvJYywocRiWgsAPcrrnZDwv3GwjfKPeJFL1FT76evE/hgvCq1A3nfRm6APC1m3+7GipxoXX/VjOz"
    "FHM=";
/// SEC 1.
inline constexpr std::string_view p521 =
    "MIHcAgEBBEIBiWvEYNp4I3XJo8aLeGfb4661W1vg0VOC9xvNn9YpVo5LElblfCzjP/UqqPpNgp/rmQwhSv2D90kDyhy7rMWyRZKgBwYFK4EEAC"
    "OhgYkDgYYABAHziyV/s2UcpV2gzAgIFZcSbMROTlppsdKxo/KrZlWs8CdATbVkph5uc+QJQeV2krUrnWVSIRZDRC695l1VzVZwXgDvoJRCwmSl"
    "75tjOQbsnege36DdcIl8zxBWHHZDi9yDB/66xc7PgfXw6rOTnA0kWeCJ/6JZU3fIxprUn9JFXszSfQ==";
/// `openssl pkeyutl -sign` over twenty letters A with `rsa_2048`: PKCS#1 type 1, no DigestInfo.
inline constexpr std::string_view rsa_2048_signature =
    "GqPTygHUtvDI6i/c4H6UqD6sEgb/fe/2jVKEfoYUbt6oqsoUq0KDc43KpDqachybqsnufZv1iYZKzdWGmElTUlFbyJt2BV4rNv5nqTeWwxwYZa"
    "ZlK+mgLhfv9a5JAv3V2oe/Qge1MCVu34Lk2GPa9pFUXvj8DQ/q5oAFGI92EQPUHTgz1FRl705Bpsrb8tmtOltWn+eiSB/uuAIOqFfkwY28HeAO"
    "S5PVanMQIQN/Ru8jYcF/guZNmrWf2dPEsxJIzOeP3oziQLdvRburjAGsjAtuehcTWUdZY3CRPM8WXSOMbOuGvYNTftbFJlQNPBqtmO3WsNsyo9"
    "/8zSSo61HOUQ==";
/// `openssl pkeyutl -sign` over twenty letters A with `dsa_1024`; r and s taken out of the DER.
inline constexpr std::string_view dsa_1024_signature =
    "xn6x68HA+Hsdxsw7q8+d1r3yK9NLcWvymlM1Gtc9qnVzYAcY5C4Bog==";
/// `openssl pkeyutl -encrypt` of "nonce of an initiator" for `rsa_2048_pkcs8`: PKCS#1 type 2.
inline constexpr std::string_view nonce_for_pkcs8 =
    "Bpng2ESJcDL9Q43p5+m1q5tzANZsoOHTVu+2hb7qNEu4gTQ7+ZYWwJHuz5Su/9mp36/8b1SadtgCK4XZZLk1X/sUV9bCjEp3UjRm886mJpS7WB"
    "0aLWJ0RokTLAzBpJter7JjtqLXaKcPFSqppKntDXiy3WfTXBSCHrIW6SCvTv8PzoxefC+E+FAqsgy721aBpelysLg9vFnM141ztcWYeq5ieJoC"
    "q0Yxf7V5sBWpS8UiNDB5y3scInq69evTDJXArS6OaRxEz1OY4tZ6K5kNoGHN0TY5YcrDeTic3SFb+RjWyZUNt1vLVxm7yYO6SZcEYQk+2ExncP"
    "0LzTwnTDVp5w==";

/// The octets of a string in base64.
[[nodiscard]] inline auto unbase64(std::string_view text) -> std::vector<std::byte> {
    std::vector<std::byte> out;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        if (c == '=') break;
        bits = bits << 6 | static_cast<std::uint32_t>(
            std::string_view{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"}.find(c));
        if ((count += 6) < 8) continue;
        count -= 8;
        out.push_back(static_cast<std::byte>(bits >> count & 0xffU));
    }
    return out;
}
/// A file as people have it.
[[nodiscard]] inline auto pem(std::string_view label, std::string_view base64) -> std::string {
    std::string out = "-----BEGIN " + std::string{label} + "-----\n";
    for (std::size_t at = 0; at < base64.size(); at += 64) out += std::string{base64.substr(at, 64)} + "\n";
    return out + "-----END " + std::string{label} + "-----\n";
}

}  // namespace ipsec::test::keys
