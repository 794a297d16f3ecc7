// compile(f): traces a function once per structure of its arguments, then runs the plan.
//
// f takes Tensors and returns a Tensor or a std::vector<Tensor>. It is called with placeholders the first
// time that each combination of dtypes and shapes is seen. Tensors that it captures become hidden inputs
// (their value at that time); captured C++ scalars freeze; asking for a value inside (item(), wait(), ...)
// throws failed_precondition with its line. A captured Generator becomes a hidden input that advances per
// call; one that is made inside starts anew each call. A call hands its work over and returns at once.
// Thread-safe if f is.
//
//   auto step = compile([&](const Tensor& x) { return relu(matmul(x, w)); });
//   Tensor y = step(x);
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat {

/// The part of a compiled function that does not depend on f's type.
class CompiledBody {
 public:
  using Body = std::function<std::vector<Tensor>(std::span<const Tensor>)>;
  explicit CompiledBody(Body body);
  ~CompiledBody();
  std::vector<Tensor> Call(std::span<const Tensor> arguments, SourceLocation where);
  /// The graphs traced so far, as text.
  std::string Dump() const;
  /// Structures traced so far.
  std::size_t traces() const;

 private:
  struct [[gnu::visibility("hidden")]] State;
  std::unique_ptr<State> state_;
};

template <class F, std::size_t kArguments>
class CompiledFunction;

/// A function of `kArguments` Tensors, compiled. Copies share their traces.
template <std::size_t kArguments, class F>
auto compile_n(F f) {
  return CompiledFunction<F, kArguments>(std::move(f));
}

template <class F, std::size_t kArguments>
class CompiledFunction {
  template <std::size_t... I>
  static auto Apply(F& f, std::span<const Tensor> a, std::index_sequence<I...>) {
    return f(a[I]...);
  }
  using Result =
      decltype(Apply(std::declval<F&>(), std::span<const Tensor>(), std::make_index_sequence<kArguments>()));
  static constexpr bool kSingle = std::is_same_v<std::decay_t<Result>, Tensor>;

 public:
  explicit CompiledFunction(F f)
      : body_(std::make_shared<CompiledBody>(
            [f = std::move(f)](std::span<const Tensor> arguments) mutable -> std::vector<Tensor> {
              if constexpr (kSingle) {
                return {Apply(f, arguments, std::make_index_sequence<kArguments>())};
              } else {
                return Apply(f, arguments, std::make_index_sequence<kArguments>());
              }
            })) {}

  template <class... Arguments>
  requires(sizeof...(Arguments) == kArguments && (std::is_convertible_v<Arguments, Tensor> && ...)) Result
  operator()(const Arguments&... arguments) const {
    const std::vector<Tensor> list{arguments...};
    std::vector<Tensor> results = body_->Call(list, {});
    if constexpr (kSingle) {
      return std::move(results[0]);
    } else {
      return results;
    }
  }
  std::string Dump() const { return body_->Dump(); }
  std::size_t traces() const { return body_->traces(); }

 private:
  std::shared_ptr<CompiledBody> body_;
};

/// How many Tensors F takes: the least number that it can be called with.
template <class F>
constexpr std::size_t argument_count() {
  if constexpr (std::is_invocable_v<F&>) {
    return 0;
  } else if constexpr (std::is_invocable_v<F&, const Tensor&>) {
    return 1;
  } else if constexpr (std::is_invocable_v<F&, const Tensor&, const Tensor&>) {
    return 2;
  } else if constexpr (std::is_invocable_v<F&, const Tensor&, const Tensor&, const Tensor&>) {
    return 3;
  } else if constexpr (std::is_invocable_v<F&, const Tensor&, const Tensor&, const Tensor&, const Tensor&>) {
    return 4;
  } else {
    static_assert(
        std::is_invocable_v<F&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&>,
        "compile(f) takes functions of up to five Tensors; compile_n<N>(f) any number");
    return 5;
  }
}

template <class F>
auto compile(F f) {
  return compile_n<argument_count<F>()>(std::move(f));
}

}  // namespace leat
#pragma GCC visibility pop
