// Exchange of tensors with other frameworks by DLPack, without a copy where the layout allows it.
//
// Include <dlpack/dlpack.h> beside this header to look inside a DLManagedTensor; Leat only needs the name.
#pragma once

#include "leat/tensor.h"

struct DLManagedTensor;

#pragma GCC visibility push(default)
namespace leat {

/// Takes the tensor over and calls its deleter once, when nothing uses it any more. Memory of the CPU that
/// is dense and aligned is used in place and must stay unchanged meanwhile; other layouts are copied.
/// Throws invalid_argument for dtypes that Leat lacks (complex, vectors of lanes) and other devices; then
/// the caller keeps the tensor.
Tensor from_dlpack(DLManagedTensor* managed, SourceLocation where = SourceLocation::current());

/// Evaluates, blocks, and exports without a copy. The consumer calls the deleter when it is done; the
/// memory is read-only for it, as the Tensor still shows it.
DLManagedTensor* to_dlpack(const Tensor& tensor, SourceLocation where = SourceLocation::current());

}  // namespace leat
#pragma GCC visibility pop
