// Tensors as text, for people.
#pragma once

#include <string>

#include "leat/dtype.h"
#include "leat/shape.h"

namespace leat::frontend {

/// "f32[2,2] {{1, 2}, {3, 4}}"; dimensions longer than 8 show three elements at either end. Numbers print
/// shortest such that reading them back gives the same bits.
std::string format_tensor(DType dtype, const Shape& shape, const void* elements);

}  // namespace leat::frontend
