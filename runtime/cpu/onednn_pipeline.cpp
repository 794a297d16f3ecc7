// oneDNN primitives as pipelines; see onednn_pipeline.h.
#include "runtime/cpu/onednn_pipeline.h"

#include <omp.h>

#include <algorithm>

#include "runtime/cpu/contraction.h"
#include "runtime/cpu/micro_kernel.h"

namespace leat::runtime::cpu {
namespace {

std::int64_t align(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }
std::int64_t bytes_of(const dnnl::memory::desc& desc) { return static_cast<std::int64_t>(desc.get_size()); }

dnnl::memory unbound(const dnnl::memory::desc& desc) { return {desc, onednn_engine(), DNNL_MEMORY_NONE}; }

void execute(const dnnl::primitive& primitive, const dnnl::stream& stream, const dnnl_exec_arg_t* arguments,
             int count) {
  dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive.get(), stream.get(), count, arguments),
                          "could not execute a primitive");
}

}  // namespace

OneOpenMpThread::OneOpenMpThread() : saved_(omp_get_max_threads()) {
  if (saved_ != 1) omp_set_num_threads(1);
}
OneOpenMpThread::~OneOpenMpThread() {
  if (saved_ != 1) omp_set_num_threads(saved_);
}

const dnnl::engine& onednn_engine() {
  static const dnnl::engine& engine = *new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

std::optional<dnnl::memory::data_type> onednn_type(DType dtype) {
  if (dtype == DType::f32) return dnnl::memory::data_type::f32;
  if (dtype == DType::bf16) return dnnl::memory::data_type::bf16;
  return std::nullopt;
}

std::optional<Pipeline> Pipeline::Build(dnnl::primitive primitive, std::array<dnnl::memory::desc, 3> inner,
                                        std::array<dnnl::memory::desc, 3> user, dnnl::memory::desc scratch,
                                        std::string implementation) {
  // The reference implementations are slower than the micro-kernel.
  if (implementation.find("ref") != std::string::npos) return std::nullopt;
  Pipeline p;
  p.primitive_ = std::move(primitive);
  p.inner_ = std::move(inner);
  p.user_ = std::move(user);
  p.scratch_ = std::move(scratch);
  p.implementation_ = std::move(implementation);
  std::int64_t bytes = 0, scratch_bytes = bytes_of(p.scratch_);
  for (const Tensor t : {kSource, kWeights, kResult}) {
    if (p.inner_[t] == p.user_[t]) continue;
    const bool in = t != kResult;
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::reorder::primitive_desc desc(onednn_engine(), in ? p.user_[t] : p.inner_[t], onednn_engine(),
                                             in ? p.inner_[t] : p.user_[t], attributes);
    p.reorders_[t] = dnnl::reorder(desc);
    p.reorder_scratch_[t] = desc.scratchpad_desc();
    scratch_bytes = std::max(scratch_bytes, bytes_of(p.reorder_scratch_[t]));
    p.offset_[t] = bytes;
    bytes += align(bytes_of(p.inner_[t]));
  }
  p.scratch_offset_ = bytes;
  p.scratch_bytes_ = bytes + align(scratch_bytes);
  return p;
}

Pipeline::Session::Session(const Pipeline& p) : stream(onednn_engine()), scratch(unbound(p.scratch_)) {
  for (const Tensor t : {kSource, kWeights, kResult}) {
    user[t] = unbound(p.user_[t]);
    inner[t] = unbound(p.inner_[t]);
    if (p.reorders_[t]) reorder_scratch[t] = unbound(p.reorder_scratch_[t]);
  }
}

void Pipeline::Reorder(Session& s, Tensor tensor, const void* from, void* to, void* scratch) const {
  const bool in = tensor != kResult;
  dnnl::memory& source = in ? s.user[tensor] : s.inner[tensor];
  dnnl::memory& target = in ? s.inner[tensor] : s.user[tensor];
  source.set_data_handle(const_cast<void*>(from));
  target.set_data_handle(to);
  s.reorder_scratch[tensor].set_data_handle(scratch);
  const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, source.get()},
                                       {DNNL_ARG_TO, target.get()},
                                       {DNNL_ARG_SCRATCHPAD, s.reorder_scratch[tensor].get()}};
  execute(*reorders_[tensor], s.stream, arguments, 3);
}

void Pipeline::PackWeights(Session& s, const void* weights, void* packed) const {
  Reorder(s, kWeights, weights, packed, thread_scratch(scratch_bytes_) + scratch_offset_);
}

void Pipeline::Run(Session& s, const void* source, const void* weights, bool packed, void* result) const {
  std::byte* scratch = thread_scratch(scratch_bytes_);
  const void* operands[] = {source, weights};
  for (const Tensor t : {kSource, kWeights}) {
    const bool reorders = reorders_[t] && !(t == kWeights && packed);
    void* inner = reorders ? scratch + offset_[t] : const_cast<void*>(operands[t]);
    if (reorders) Reorder(s, t, operands[t], inner, scratch + scratch_offset_);
    s.inner[t].set_data_handle(inner);
  }
  void* inner = reorders_[kResult] ? scratch + offset_[kResult] : result;
  s.inner[kResult].set_data_handle(inner);
  s.scratch.set_data_handle(scratch + scratch_offset_);
  const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, s.inner[kSource].get()},
                                       {DNNL_ARG_WEIGHTS, s.inner[kWeights].get()},
                                       {DNNL_ARG_DST, s.inner[kResult].get()},
                                       {DNNL_ARG_SCRATCHPAD, s.scratch.get()}};
  execute(primitive_, s.stream, arguments, 4);
  if (reorders_[kResult]) Reorder(s, kResult, inner, result, scratch + scratch_offset_);
}

SessionPool::~SessionPool() {
  for (std::atomic<Sessions*>& place : idle_) delete place.load();
}

std::unique_ptr<SessionPool::Sessions> SessionPool::Take() const {
  for (std::atomic<Sessions*>& place : idle_) {
    if (place.load(std::memory_order_relaxed) == nullptr) continue;
    if (Sessions* sessions = place.exchange(nullptr, std::memory_order_acquire)) {
      return std::unique_ptr<Sessions>(sessions);
    }
  }
  auto sessions = std::make_unique<Sessions>();
  for (const Pipeline& p : pipelines_) sessions->emplace_back(p);
  return sessions;
}

void SessionPool::Give(std::unique_ptr<Sessions> sessions) const {
  for (std::atomic<Sessions*>& place : idle_) {
    Sessions* expected = nullptr;
    if (place.compare_exchange_strong(expected, sessions.get(), std::memory_order_release,
                                      std::memory_order_relaxed)) {
      sessions.release();
      return;
    }
  }
}

std::string describe_contraction_library() {
  const dnnl_version_t* v = dnnl_version();
  return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." +
         std::to_string(v->patch);
}

}  // namespace leat::runtime::cpu
