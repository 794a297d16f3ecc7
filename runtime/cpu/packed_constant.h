// A constant operand packed once per plan, by the first execution that comes along.
//
// While it packs, the others go on without (packing changes no bits), so nobody waits. If there is no memory
// for the packed copy, all go on without for good. The copy lives as long as the plan: as large as the
// operand, twice that for f16, bf16 and 16-bit integers, four times for bytes. The operand itself is not read
// again by this plan: pages of it that a file backs (a model's, mapped) are given back, and read again where
// somebody asks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "runtime/block.h"
#include "runtime/page_out.h"

namespace leat::runtime::cpu {

class PackedConstant {
 public:
  /// The packed bytes; null: read the operand, which keeps its pages until this ends.
  class Use {
   public:
    Use() = default;
    Use(Use&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), reads_(std::exchange(other.reads_, nullptr)) {}
    Use& operator=(Use&&) = delete;
    ~Use() {
      if (reads_ != nullptr) reads_->Leave();
    }
    const std::byte* data() const { return data_; }

   private:
    friend class PackedConstant;
    explicit Use(const std::byte* data) : data_(data) {}
    explicit Use(const PackedConstant* reads) : reads_(reads) {}
    const std::byte* data_ = nullptr;
    const PackedConstant* reads_ = nullptr;
  };

  /// pack(std::byte*) fills `bytes` bytes from the operand, `source_bytes` from `source` on.
  template <class Pack>
  Use Get(std::int64_t bytes, const void* source, std::int64_t source_bytes, Pack&& pack) const {
    if (state_.load(std::memory_order_acquire) == State::ready) return Use(block_.get());
    readers_.fetch_add(1, std::memory_order_relaxed);
    Use use(this);
    State state = State::unpacked;
    if (!state_.compare_exchange_strong(state, State::packing)) return use;
    block_ = make_block(static_cast<std::size_t>(bytes));
    if (block_ == nullptr) return use;  // stays `packing`: never tried again
    pack(block_.get());
    source_ = source;
    source_bytes_ = source_bytes;
    state_.store(State::ready, std::memory_order_release);
    return Use(block_.get());
  }

 private:
  enum class State : int { unpacked, packing, ready };
  // Whoever reads the operand last gives its pages back.
  void Leave() const {
    if (readers_.fetch_sub(1, std::memory_order_acq_rel) == 1 &&
        state_.load(std::memory_order_acquire) == State::ready) {
      page_out(source_, source_bytes_);
    }
  }

  mutable std::atomic<State> state_{State::unpacked};
  mutable std::atomic<int> readers_{0};
  mutable OwnedBlock block_;
  mutable const void* source_ = nullptr;
  mutable std::int64_t source_bytes_ = 0;
};

}  // namespace leat::runtime::cpu
