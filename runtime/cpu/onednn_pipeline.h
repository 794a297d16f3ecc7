// One oneDNN primitive with the reorders around it: how onednn_*.cpp run the library.
//
// Included only by onednn*.cpp. A pipeline reads src and weights, writes dst, each at the user's layout;
// where the primitive wants another layout, a reorder through scratch of the calling thread stands between.
// Immutable; run by any number of threads at once, each with a Session (stream and memory objects) taken from
// a pool, so that a warm run creates nothing. OpenMP is held to one thread by OneOpenMpThread.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <vector>

#include "leat/dtype.h"
#include "leat/status.h"
#include "runtime/cpu/packed_constant.h"

namespace leat::runtime::cpu {

/// While it lives, OpenMP regions entered by this thread have one thread; then the host's setting is back.
/// Needed while creating a primitive (it bakes the number in) and while executing it.
class OneOpenMpThread {
 public:
  OneOpenMpThread();
  ~OneOpenMpThread();
  OneOpenMpThread(const OneOpenMpThread&) = delete;
  OneOpenMpThread& operator=(const OneOpenMpThread&) = delete;

 private:
  int saved_;
};

/// The CPU engine: one per process, never destroyed.
const dnnl::engine& onednn_engine();
/// Nothing where oneDNN has no such type on the CPU.
std::optional<dnnl::memory::data_type> onednn_type(DType dtype);

enum Tensor { kSource, kWeights, kResult };

class Pipeline {
 public:
  /// Takes the layouts of the primitive from its descriptor; `user` are the layouts of the three tensors.
  template <class PrimitiveDesc, class Primitive>
  static std::optional<Pipeline> Make(const PrimitiveDesc& desc, std::array<dnnl::memory::desc, 3> user,
                                      Primitive primitive) {
    return Build(std::move(primitive), {desc.src_desc(), desc.weights_desc(), desc.dst_desc()},
                 std::move(user), desc.scratchpad_desc(), desc.impl_info_str());
  }

  /// The stream and memory objects of one execution.
  struct Session {
    explicit Session(const Pipeline& pipeline);
    dnnl::stream stream;
    std::array<dnnl::memory, 3> user, inner, reorder_scratch;
    dnnl::memory scratch;
  };

  /// `weights` are the packed ones if `packed`. Throws dnnl::error, std::bad_alloc.
  void Run(Session& session, const void* source, const void* weights, bool packed, void* result) const;
  /// Whether weights need a reorder, the bytes of the reordered ones, and the reorder.
  bool packs_weights() const { return reorders(kWeights); }
  bool reorders(Tensor tensor) const { return reorders_[tensor].has_value(); }
  std::int64_t packed_bytes() const { return static_cast<std::int64_t>(inner_[kWeights].get_size()); }
  bool SameWeights(const Pipeline& other) const { return inner_[kWeights] == other.inner_[kWeights]; }
  void PackWeights(Session& session, const void* weights, void* packed) const;
  /// "jit:avx2", ...
  const std::string& implementation() const { return implementation_; }

 private:
  static std::optional<Pipeline> Build(dnnl::primitive primitive, std::array<dnnl::memory::desc, 3> inner,
                                       std::array<dnnl::memory::desc, 3> user, dnnl::memory::desc scratch,
                                       std::string implementation);
  void Reorder(Session& session, Tensor tensor, const void* from, void* to, void* scratch) const;

  dnnl::primitive primitive_;
  std::array<dnnl::memory::desc, 3> user_, inner_, reorder_scratch_;
  std::array<std::optional<dnnl::reorder>, 3> reorders_;
  dnnl::memory::desc scratch_;
  std::array<std::int64_t, 3> offset_{};  // of the inner tensors in the thread's scratch
  std::int64_t scratch_offset_ = 0, scratch_bytes_ = 0;
  std::string implementation_;
};

/// Pipelines and their idle sessions. Take() and Give() never block.
class SessionPool {
 public:
  using Sessions = std::vector<Pipeline::Session>;  // one per pipeline
  explicit SessionPool(std::vector<Pipeline> pipelines) : pipelines_(std::move(pipelines)) {}
  ~SessionPool();
  std::unique_ptr<Sessions> Take() const;
  void Give(std::unique_ptr<Sessions> sessions) const;
  const Pipeline& operator[](std::size_t i) const { return pipelines_[i]; }
  std::size_t size() const { return pipelines_.size(); }

 private:
  static constexpr std::size_t kKept = 32;  // idle sessions beyond this many are dropped
  std::vector<Pipeline> pipelines_;
  mutable std::array<std::atomic<Sessions*>, kKept> idle_{};
};

/// Runs `work` with sessions and one OpenMP thread; turns what oneDNN throws into a Status about `what`.
template <class Work>
Status with_sessions(const SessionPool& pool, const char* what, Work&& work) {
  const OneOpenMpThread one;
  try {
    std::unique_ptr<SessionPool::Sessions> sessions = pool.Take();
    Status status = work(*sessions);
    pool.Give(std::move(sessions));
    return status;
  } catch (const std::bad_alloc&) {
    return Status(Code::resource_exhausted, std::string("no memory for a ") + what);
  } catch (const dnnl::error& e) {
    const Code code = e.status == dnnl_out_of_memory ? Code::resource_exhausted : Code::internal;
    return Status(code, std::string("oneDNN failed in a ") + what + ": " + e.what());
  }
}

}  // namespace leat::runtime::cpu
