// A program that the tests of the command and of its page trace on the driver without a GPU.
#pragma once

namespace leat::test {

/// A part on a GPU, with copies there and back.
inline constexpr const char* kGpu = R"(graph @gpu(%x: f32[64,64]) -> (f32[64,64], f32[64]) {
  %there = copy %x {device="gpu:0"}
  %a = exp %there
  %s = reduce_sum %a {dims=[1]}
  %back = copy %a {device="cpu:0"}
  %y = add %back %x
  return %y, %s
}
)";

}  // namespace leat::test
