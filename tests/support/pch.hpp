#pragma once
// What nearly every test includes, parsed once per build. Tests still include what they use.
#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// GCC instantiates anew in each test what json.hpp has inline, half a second; Clang does so once, here.
#ifdef __clang__
#include <nlohmann/json.hpp>
#endif

#include "support/catch.hpp"
