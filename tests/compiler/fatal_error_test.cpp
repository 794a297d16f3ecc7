// LLVM ends the process where it meets what it cannot do; inside Leat that is an error of one kernel.
#include "compiler/codegen/fatal_error.h"

#include "tests/compiler/codegen_case.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#else
inline void __lsan_disable() {}
inline void __lsan_enable() {}
#endif

namespace leat::compiler {
namespace {

TEST(FatalError, OfLlvmIsAStatusAndTheKernelStaysOnTheTileTier) {
  Random random(3);
  KernelCase c;
  c.sizes = {100};
  c.AddInput(DType::f32, Level::element, runtime::draw_array(DType::f32, 100, ir::Domain::all, false, random),
             0, {1});
  c.AddOutput(c.AddInstruction(ir::Op::neg, DType::f32, Level::element, {0}));
  KernelCase expected = c;
  run_slowly(expected);

  const std::unique_ptr<CodeCache> cache = make_code_cache({});
  const auto code = cache->Get(c.kernel);
  codegen::raise_fatal_error_in_next_compilation();
  __lsan_disable();  // LLVM loses what it held: it is not made to be unwound
  const Status status = cache->CompileNow(code);
  __lsan_enable();
  EXPECT_EQ(status.code(), Code::internal);
  EXPECT_EQ(status.message(), "LLVM: asked for by a test");
  EXPECT_FALSE(code->compiled());
  EXPECT_EQ(cache->stats().failures, 1u);
  const ir::KernelLaunch launch = c.Launch();
  code->Run(launch, 0, 100);
  EXPECT_EQ(expected.buffers, c.buffers);

  // The next kernel compiles as ever.
  const std::unique_ptr<CodeCache> another = make_code_cache({});
  EXPECT_TRUE(another->CompileNow(another->Get(c.kernel)).ok());
}

}  // namespace
}  // namespace leat::compiler
