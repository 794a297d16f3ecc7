// Shared ownership by a count inside the object: one word per handle, one allocation per object.
//
// Ref<T> owns one count of a T, which derives from RefCounted; the object dies with its last Ref, on the
// thread that drops it. Counting is thread-safe; one Ref object itself belongs to one thread at a time.
//
//   Ref<Value> v = make_ref<Value>();
//   Ref<Value> w = v;           // shares
//   Value* raw = w.get();       // borrows: valid while some Ref lives
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace leat::runtime {

class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;
  void AddRef() const noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
  void Release() const noexcept {
    // A sole owner needs no read-modify-write: nobody else can add a count meanwhile.
    if (count_.load(std::memory_order_acquire) == 1 || count_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      const_cast<RefCounted*>(this)->Destroy();
    }
  }
  std::uint32_t use_count() const noexcept { return count_.load(std::memory_order_acquire); }

 protected:
  virtual ~RefCounted() = default;
  /// What happens with the last count gone; a recycled object overrides it.
  virtual void Destroy() noexcept { delete this; }
  /// For a recycled object, before it is handed out again.
  void Revive() noexcept { count_.store(1, std::memory_order_relaxed); }

 private:
  mutable std::atomic<std::uint32_t> count_{1};
};

template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}  // NOLINT: implicit
  /// Shares `object`, or takes over the count that its creation left.
  static Ref Share(T* object) {
    if (object) object->AddRef();
    return Adopt(object);
  }
  static Ref Adopt(T* object) {
    Ref r;
    r.object_ = object;
    return r;
  }
  Ref(const Ref& o) : object_(o.object_) {
    if (object_) object_->AddRef();
  }
  Ref(Ref&& o) noexcept : object_(std::exchange(o.object_, nullptr)) {}
  template <class U>
  requires std::is_convertible_v<U*, T*> Ref(Ref<U> o)
  noexcept : object_(o.Leak()) {}  // NOLINT: implicit, as for pointers
  Ref& operator=(Ref o) noexcept {
    std::swap(object_, o.object_);
    return *this;
  }
  ~Ref() {
    if (object_) object_->Release();
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  friend bool operator==(const Ref& a, const Ref& b) { return a.object_ == b.object_; }
  friend bool operator==(const Ref& a, std::nullptr_t) { return a.object_ == nullptr; }
  /// Gives the count up to the caller.
  T* Leak() noexcept { return std::exchange(object_, nullptr); }

 private:
  T* object_ = nullptr;
};

template <class T, class... A>
Ref<T> make_ref(A&&... arguments) {
  return Ref<T>::Adopt(new T(std::forward<A>(arguments)...));
}

}  // namespace leat::runtime
