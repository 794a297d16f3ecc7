// A C++ function as an op: it gets dense arrays, runs on the pool between other ops, and its errors poison
// what depends on it.
#include <cstdint>
#include <stdexcept>
#include <string>

#include "check.h"
#include "leat/leat.h"

using leat::Code, leat::Context, leat::CustomArray, leat::DType, leat::Status, leat::Tensor;
using Arrays = std::span<const CustomArray>;

int main() {
  Context context;
  const Context::Scope scope(context);

  // Steps of the Collatz sequence until 1: a loop per element that no expression has.
  context.RegisterCustom("collatz", [](Arrays in, Arrays out) {
    const auto from = in[0].as<std::int64_t>(), to = out[0].as<std::int64_t>();
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (from[i] < 1) return Status(Code::invalid_argument, "element " + std::to_string(i) + " is below 1");
      to[i] = 0;
      for (std::int64_t n = from[i]; n != 1; n = n % 2 == 0 ? n / 2 : 3 * n + 1) ++to[i];
    }
    return Status();
  });
  const auto collatz = [](const Tensor& x, leat::SourceLocation at = leat::SourceLocation::current()) {
    return leat::custom("collatz", {x}, {DType::i64, x.shape()}, at);
  };

  const Tensor numbers = leat::arange(1, 10'001);
  const Tensor steps = collatz(numbers);
  CHECK(leat::max(steps).item<std::int64_t>() == 261);  // of 6171
  CHECK(leat::gather(numbers, leat::argmax(steps)).item<std::int64_t>() == 6171);

  // An error Status or an exception becomes the value's error, with the place of the call.
  const std::uint32_t line = __LINE__ + 1;
  const Tensor bad = collatz(leat::arange(-1, 3)) + 1;
  try {
    bad.wait();
    CHECK(!"reached");
  } catch (const leat::Error& error) {
    std::printf("%s\n", error.what());
    CHECK(error.code() == Code::custom_op_failed);
    CHECK(std::string(error.what()).find("element 0 is below 1") != std::string::npos);
    CHECK(error.status().where().line == line);
  }
  context.RegisterCustom("thrower", [](Arrays, Arrays) -> Status { throw std::runtime_error("no luck"); });
  const Tensor thrown = leat::custom("thrower", {numbers}, {DType::f32, {}});
  context.wait_all();  // never throws
  try {
    thrown.wait();
    CHECK(!"reached");
  } catch (const leat::Error& error) {
    CHECK(error.code() == Code::custom_op_failed);
    CHECK(std::string(error.what()).find("no luck") != std::string::npos);
  }
}
