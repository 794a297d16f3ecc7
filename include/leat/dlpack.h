// Exchange of tensors with other frameworks by DLPack, without a copy where the layout allows it.
//
// A tensor is exported where it is: on a CPU (virtual ones too) as kDLCPU, on gpu:k as kDLCUDA with the
// number that the CUDA driver gives the device. Imported memory of a GPU stays there. Who needs it elsewhere
// asks for to_device() first, or afterwards.
//
// Streams: the exported value is there for every stream by the time that to_dlpack returns. An imported value
// may still be written by the stream that from_dlpack is told of, the legacy default stream where it is told
// of none: what Leat queues comes after that, and no thread waits. When the consumer of an export calls the
// deleter, its stream may still read: Leat uses the memory again only after what is on that stream by then.
//
// Include <dlpack/dlpack.h> beside this header to look inside a DLManagedTensor; Leat only needs the name.
#pragma once

#include "leat/cuda.h"
#include "leat/tensor.h"

struct DLManagedTensor;

#pragma GCC visibility push(default)
namespace leat {

/// Takes the tensor over and calls its deleter once, when nothing uses it any more. Memory of the CPU that
/// is dense and aligned is used in place and must stay unchanged meanwhile; other layouts are copied. Memory
/// of a GPU must be dense, aligned to 16 bytes, of the CUDA context that the engine uses (EngineOptions) and
/// of a device of the current Context. `written_on`: the stream, of that context, that writes it; of the
/// CPU's memory it says nothing. Throws invalid_argument for dtypes that Leat lacks (complex, vectors of
/// lanes) and for memory that does not fit; then the caller keeps the tensor.
Tensor from_dlpack(DLManagedTensor* managed, CudaStream written_on,
                   SourceLocation where = SourceLocation::current());
Tensor from_dlpack(DLManagedTensor* managed, SourceLocation where = SourceLocation::current());

/// Evaluates, blocks, and exports without a copy. The consumer calls the deleter when all that reads the
/// memory is queued on `read_on`, of the CUDA context that the engine uses; of the CPU's memory, when it is
/// done. The memory is read-only for it, as the Tensor still shows it.
DLManagedTensor* to_dlpack(const Tensor& tensor, CudaStream read_on,
                           SourceLocation where = SourceLocation::current());
DLManagedTensor* to_dlpack(const Tensor& tensor, SourceLocation where = SourceLocation::current());

}  // namespace leat
#pragma GCC visibility pop
