// .npy files: NumPy's format for one dense array (NEP 1; versions 1.0 to 3.0), read and written.
//
// Both byte orders and both element orders are read; files are written little-endian, row-major. bfloat16,
// which NumPy does not know, is written as 2-byte voids ('<V2'), as ml_dtypes does, and read back from them.
// A malformed file is an error (data_loss) that names the file and the byte.
#pragma once

#include <string>
#include <string_view>

#include "ir/interpreter.h"

namespace leat::frontend {

StatusOr<ir::Array> read_npy(const std::string& path);
/// `bytes` is the content of a file; `name` stands for it in errors.
StatusOr<ir::Array> parse_npy(std::string_view bytes, std::string_view name);

/// Writes to a file beside `path` and renames it, so that no reader sees half of it.
Status write_npy(const std::string& path, const ir::Type& type, const void* elements);
std::string format_npy(const ir::Type& type, const void* elements);

}  // namespace leat::frontend
