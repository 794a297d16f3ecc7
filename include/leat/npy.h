// .npy files: NumPy's format for one array. Reading blocks; writing evaluates, blocks, and writes.
//
// All dtypes, both byte orders and both element orders are read (bf16 as ml_dtypes stores it); files are
// written little-endian and row-major, under another name first, so that no reader sees half of one.
//
//   Tensor x = load_npy("images.npy");     save_npy("result.npy", softmax(x));
#pragma once

#include <string>

#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat {

/// Throws not_found, or data_loss naming the file and the byte.
Tensor load_npy(const std::string& path, SourceLocation where = SourceLocation::current());
void save_npy(const std::string& path, const Tensor& tensor,
              SourceLocation where = SourceLocation::current());

}  // namespace leat
#pragma GCC visibility pop
