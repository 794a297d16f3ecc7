#include "leat/dlpack.h"

#include <dlpack/dlpack.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/build.h"
#include "compiler/frontend/context_state.h"
#include "compiler/frontend/gpu_streams.h"
#include "compiler/frontend/schedule.h"
#include "leat/create.h"
#include "runtime/cuda/gpu.h"
#include "runtime/engine/engine_core.h"

namespace leat {
namespace {

DType dtype_from(const DLDataType& t, SourceLocation where) {
  if (t.lanes == 1) {
    for (int i = 0; i < kDTypeCount; ++i) {
      const auto d = static_cast<DType>(i);
      if (d == DType::bool_ || 8 * byte_size(d) != t.bits) continue;
      const int code = d == DType::bf16   ? kDLBfloat
                       : is_float(d)      ? kDLFloat
                       : is_signed_int(d) ? kDLInt
                                          : kDLUInt;
      if (code == t.code) return d;
    }
    if (t.code == 6 && t.bits == 8) return DType::bool_;  // kDLBool of later versions
  }
  frontend::fail(Code::invalid_argument,
                 absl::StrCat("from_dlpack: dtype (code ", t.code, ", ", t.bits, " bits, ", t.lanes,
                              " lanes) is none of Leat's"),
                 where);
}

DLDataType dtype_to(DType d) {
  DLDataType t;
  t.bits = static_cast<std::uint8_t>(8 * byte_size(d));
  t.lanes = 1;
  t.code = d == DType::bool_  ? 6
           : d == DType::bf16 ? kDLBfloat
           : is_float(d)      ? kDLFloat
           : is_signed_int(d) ? kDLInt
                              : kDLUInt;
  return t;
}

struct Export {
  DLManagedTensor managed;
  runtime::Ref<runtime::Buffer> buffer;
  std::vector<std::int64_t> shape, strides;
  frontend::GpuStreams gpus;  // of an export from a GPU
  CudaStream read_on;
  ~Export() {
    if (gpus.gpu == nullptr || gpus.QueueBehind(read_on).ok()) return;
    // A stream that is gone reads no more; else the memory must wait here.
    const runtime::cuda::Gpu::Current current(*gpus.gpu);
    gpus.gpu->driver().StreamSynchronize(frontend::stream_of(read_on));
  }
};

bool is_dense(const DLTensor& t) {
  if (t.strides == nullptr) return true;
  std::int64_t stride = 1;
  for (int d = t.ndim; d-- > 0;) {
    if (t.shape[d] != 1 && t.strides[d] != stride) return false;
    stride *= t.shape[d];
  }
  return true;
}

void copy_strided(const DLTensor& t, int level, const std::byte* from, std::byte*& to, std::size_t bytes) {
  if (level == t.ndim) {
    std::memcpy(to, from, bytes);
    to += bytes;
    return;
  }
  for (std::int64_t i = 0; i < t.shape[level]; ++i) {
    copy_strided(t, level + 1, from + i * t.strides[level] * static_cast<std::int64_t>(bytes), to, bytes);
  }
}

// Of a GPU: used in place, behind what `written_on` has to do.
Tensor borrow_on_gpu(DLManagedTensor* managed, DType dtype, const Shape& shape, CudaStream written_on,
                     SourceLocation where) {
  const DLTensor& t = managed->dl_tensor;
  runtime::Engine& engine = Context::Current().state()->engine();
  const auto& gpus = engine.core().gpus;
  std::size_t device = 0;
  while (device < gpus.size() && (gpus[device] == nullptr || gpus[device]->ordinal() != t.device.device_id))
    ++device;
  if (device == gpus.size()) {
    frontend::fail(Code::invalid_argument,
                   absl::StrCat("from_dlpack: memory of CUDA device ", t.device.device_id,
                                ", which is none of this Context's GPUs (ContextOptions::gpu_devices)"),
                   where);
  }
  frontend::check_stream(written_on, "from_dlpack", where);
  std::byte* const data = static_cast<std::byte*>(t.data) + t.byte_offset;
  constexpr std::uintptr_t kAlignment = 16;
  if (!is_dense(t) || reinterpret_cast<std::uintptr_t>(data) % kAlignment != 0) {
    frontend::fail(Code::invalid_argument,
                   absl::StrCat("from_dlpack: memory of a GPU must be dense and aligned to ", kAlignment,
                                " bytes; this is ", is_dense(t) ? "not aligned" : "strided",
                                ": make a contiguous copy where it comes from"),
                   where);
  }
  const frontend::GpuStreams streams(engine, static_cast<runtime::DeviceId>(device));
  if (const Status s = streams.QueueBehind(written_on); !s.ok())
    frontend::fail(s.WithNote("from_dlpack"), where);
  const std::size_t bytes = static_cast<std::size_t>(shape.num_elements()) * byte_size(dtype);
  auto buffer = runtime::Buffer::WrapOnDevice(static_cast<runtime::DeviceId>(device), data, bytes, [managed] {
    if (managed->deleter != nullptr) managed->deleter(managed);
  });
  return frontend::make_leaf(frontend::current_context_id(), dtype, shape,
                             runtime::Value::Ready(std::move(buffer)), where);
}

}  // namespace

Tensor from_dlpack(DLManagedTensor* managed, SourceLocation where) {
  return from_dlpack(managed, CudaStream(), where);
}

Tensor from_dlpack(DLManagedTensor* managed, CudaStream written_on, SourceLocation where) {
  if (managed == nullptr) frontend::fail(Code::invalid_argument, "from_dlpack: a null pointer", where);
  const DLTensor& t = managed->dl_tensor;
  const bool on_gpu = t.device.device_type == kDLCUDA || t.device.device_type == kDLCUDAManaged;
  if (!on_gpu && t.device.device_type != kDLCPU && t.device.device_type != kDLCUDAHost) {
    frontend::fail(Code::invalid_argument,
                   absl::StrCat("from_dlpack: memory of device type ", static_cast<int>(t.device.device_type),
                                ", neither of the CPU nor of a GPU of CUDA"),
                   where);
  }
  const DType dtype = dtype_from(t.dtype, where);
  if (t.ndim < 0 || (t.ndim > 0 && t.shape == nullptr)) {
    frontend::fail(Code::invalid_argument, "from_dlpack: a malformed shape", where);
  }
  const Shape shape(std::span<const std::int64_t>(t.shape, static_cast<std::size_t>(t.ndim)));
  frontend::check_shape(shape, dtype, "from_dlpack", where);
  if (on_gpu && shape.num_elements() > 0) return borrow_on_gpu(managed, dtype, shape, written_on, where);
  const std::byte* const data = static_cast<const std::byte*>(t.data) + t.byte_offset;
  const auto release = [managed] {
    if (managed->deleter != nullptr) managed->deleter(managed);
  };
  const bool empty = shape.num_elements() == 0;
  if (!empty && is_dense(t) && ir::is_aligned(data, dtype)) {
    return borrow(data, dtype, shape, release, where);
  }
  std::vector<std::byte> dense(static_cast<std::size_t>(shape.num_elements()) * byte_size(dtype));
  if (!empty) {
    if (is_dense(t)) {
      std::memcpy(dense.data(), data, dense.size());
    } else {
      std::byte* to = dense.data();
      copy_strided(t, 0, data, to, byte_size(dtype));
    }
  }
  const Tensor copy = from_memory(dense.data(), dtype, shape, where);
  release();
  return copy;
}

DLManagedTensor* to_dlpack(const Tensor& tensor, SourceLocation where) {
  return to_dlpack(tensor, CudaStream(), where);
}

DLManagedTensor* to_dlpack(const Tensor& tensor, CudaStream read_on, SourceLocation where) {
  frontend::check_stream(read_on, "to_dlpack", where);
  const frontend::Node& node = frontend::node_of(tensor, "to_dlpack", where);
  runtime::Ref<runtime::Value> value = frontend::await_value(tensor, "to_dlpack", where);
  const bool on_gpu = value->content().on_device();
  auto e = std::make_unique<Export>();
  if (on_gpu) {
    const std::shared_ptr<frontend::ContextState>& state = frontend::ContextState::Get(node.context, where);
    e->gpus = frontend::GpuStreams(state->engine(), value->content().device());
    e->read_on = read_on;
  }
  e->buffer = value->buffer();
  e->shape.assign(node.shape.begin(), node.shape.end());
  e->strides.resize(e->shape.size());
  std::int64_t stride = 1;
  for (std::size_t d = e->shape.size(); d-- > 0;) {
    e->strides[d] = stride;
    stride *= e->shape[d];
  }
  DLTensor& t = e->managed.dl_tensor;
  t.data = e->buffer->data();
  t.device = on_gpu ? DLDevice{kDLCUDA, e->gpus.gpu->ordinal()} : DLDevice{kDLCPU, 0};
  t.ndim = node.shape.rank();
  t.dtype = dtype_to(node.dtype);
  t.shape = e->shape.data();
  t.strides = e->strides.data();
  t.byte_offset = 0;
  e->managed.manager_ctx = e.get();
  e->managed.deleter = [](DLManagedTensor* self) { delete static_cast<Export*>(self->manager_ctx); };
  return &e.release()->managed;
}

}  // namespace leat
