// Arrays compared: to the bit, or within a tolerance for each element.
#pragma once

#include <string>

#include "ir/interpreter.h"

namespace leat::compiler {

/// Where they differ first, "element 5 of 12 is 2.5, expected 2"; empty if all bits are equal, any NaN being
/// equal to any NaN. REQUIRES: one type.
std::string compare_bits(const ir::Array& actual, const ir::Array& expected);

/// The same where a difference is more than share * largest finite magnitude of `expected`; of floats.
std::string compare_to_largest(const ir::Array& actual, const ir::Array& expected, double share);

/// The same where a difference is more than 2 (terms + 2) u * magnitudes[i] and two roundings to the dtype:
/// two sums of `terms` products, whose magnitudes sum up to magnitudes[i], in any two orders. Of floats.
std::string compare_sums(const ir::Array& actual, const ir::Array& expected, const ir::Array& magnitudes,
                         std::int64_t terms);

}  // namespace leat::compiler
