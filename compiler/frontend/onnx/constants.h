// Tensors that stand in the file: initialisers, values of Constant nodes, external data.
//
// From 4 KB on they are borrowed from the file, wherever their bytes lie there; smaller ones are copied.
// Dims, sizes and types are checked against the bytes that are there before anything is allocated; what does
// not fit throws leat::Error naming the tensor. Values belong to the current Context.
#pragma once

#include <optional>

#include "compiler/frontend/onnx/proto.h"
#include "leat/tensor.h"

namespace leat::onnx {

/// The file that a model was read from.
struct ModelBytes {
  std::shared_ptr<const void> owner;  // keeps `bytes` there
  std::string_view bytes;
  std::string path;            // of the model; empty for bytes from memory
  bool external_data = false;  // whether tensors may lie in files beneath the model's folder
};

/// Maps a file for reading. Throws not_found or failed_precondition naming it.
ModelBytes map_file(const std::string& path);

/// The dtype of a TensorProto.DataType; none for those that Leat has not (string, complex, 8-bit floats,
/// ...).
std::optional<DType> dtype_of(std::int32_t data_type);
/// "string", "complex64", "number 42".
std::string describe_data_type(std::int32_t data_type);

Tensor make_constant(const TensorProto& tensor, const ModelBytes& file);
/// Dense. At most `max_bytes`.
Tensor make_constant(const SparseTensorProto& tensor, const ModelBytes& file, std::int64_t max_bytes);

/// The bytes of a tensor in another file. `location` is relative to the model's folder and stays beneath it:
/// no "..", no absolute path, no link on the way.
ModelBytes open_external_data(const std::string& model_path, std::string_view location);

}  // namespace leat::onnx
