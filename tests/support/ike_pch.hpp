#pragma once
// What nearly every test of IKE includes, beside the rest: half of the time of such a test is in here.
#include "support/botan_ends.hpp"
#include "support/pch.hpp"
