// What is wrong with an expression is said at its line: the op, the shapes, the axis, file and line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "leat/leat.h"

namespace leat {
namespace {

using ::testing::HasSubstr;

template <class F>
Error error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e;
  }
  ADD_FAILURE() << "no error";
  return Error(Status(Code::internal, "no error"));
}

TEST(ExpressionErrors, ShapesThatDoNotBroadcastNameOpShapesAndLine) {
  const Tensor a = zeros({3, 4}), b = zeros({5});
  const std::uint32_t line = __LINE__ + 1;
  const Error e = error_of([&] { (void)(a + b); });
  EXPECT_EQ(e.code(), Code::invalid_argument);
  EXPECT_THAT(e.what(), HasSubstr("add: shapes [3,4] and [5] do not broadcast together"));
  EXPECT_EQ(e.status().where().line, line);
  EXPECT_THAT(e.what(), HasSubstr("expression_errors_test.cpp:" + std::to_string(line)));
}

TEST(ExpressionErrors, WeakScalars) {
  const Tensor bytes = zeros({2}, DType::u8), halves = zeros({2}, DType::f16),
               flags = zeros({2}, DType::bool_);
  EXPECT_THAT(error_of([&] { (void)(bytes + 256); }).what(),
              HasSubstr("add: u8 cannot hold the scalar 256: it is out of range"));
  EXPECT_THAT(error_of([&] { (void)(bytes + -1); }).what(), HasSubstr("u8 cannot hold the scalar -1"));
  EXPECT_THAT(error_of([&] { (void)(bytes * 1.5); }).what(),
              HasSubstr("mul: u8 cannot hold the scalar 1.5: a floating scalar needs a floating tensor"));
  EXPECT_THAT(error_of([&] { (void)(halves * 70000); }).what(),
              HasSubstr("f16 cannot hold the scalar 70000"));
  EXPECT_THAT(error_of([&] { (void)(flags == 1); }).what(), HasSubstr("bool cannot hold the scalar 1"));
  EXPECT_EQ((bytes + 255).dtype(), DType::u8);
  EXPECT_EQ((halves * 2).dtype(), DType::f16);
}

TEST(ExpressionErrors, MixedDtypes) {
  const Tensor u = zeros({2}, DType::u64), i = zeros({2}, DType::i8);
  EXPECT_THAT(error_of([&] { (void)(u + i); }).what(), HasSubstr("add: u64 and i8 have no common dtype"));
  EXPECT_EQ((zeros({2}, DType::f16) + zeros({2}, DType::bf16)).dtype(), DType::f32);
  EXPECT_EQ((zeros({2}, DType::i32) + zeros({2}, DType::f16)).dtype(), DType::f16);
  EXPECT_EQ((zeros({2}, DType::u8) + i).dtype(), DType::i16);
}

TEST(ExpressionErrors, DtypeRules) {
  EXPECT_THAT(error_of([] { (void)exp(zeros({2}, DType::i32)); }).what(), HasSubstr("[C5]"));
  EXPECT_THAT(error_of([] { (void)(zeros({2}, DType::f32) & zeros({2}, DType::f32)); }).what(),
              HasSubstr("bit_and"));
  EXPECT_THAT(error_of([] { (void)where(zeros({2}), 1.0f, zeros({2})); }).what(), HasSubstr("[C16]"));
  EXPECT_THAT(error_of([] { (void)softmax(zeros({2}, DType::i32)); }).what(),
              HasSubstr("softmax: takes a floating dtype, got i32[2]"));
}

TEST(ExpressionErrors, Axes) {
  const Tensor x = zeros({2, 3});
  EXPECT_THAT(error_of([&] { (void)sum(x, 2); }).what(),
              HasSubstr("reduce_sum: axis 2 of a tensor of rank 2 (-2 to 1)"));
  EXPECT_THAT(error_of([&] { (void)sum(x, {0, -2}); }).what(), HasSubstr("axis 0 is named twice"));
  EXPECT_THAT(error_of([&] { (void)argmax(zeros({})); }).what(), HasSubstr("(it has none)"));
  EXPECT_THAT(error_of([&] { (void)transpose(x, {0, 0}); }).what(), HasSubstr("transpose"));
}

TEST(ExpressionErrors, Shapes) {
  const Tensor x = zeros({2, 3});
  EXPECT_THAT(error_of([&] {
                (void)reshape(x, {4, -1});
              }).what(),
              HasSubstr("6 elements of shape [2,3] do not divide"));
  EXPECT_THAT(error_of([&] { (void)reshape(x, {-1, -1}); }).what(), HasSubstr("two extents of -1"));
  EXPECT_THAT(error_of([&] { (void)reshape(x, {7}); }).what(), HasSubstr("[C21]"));
  EXPECT_THAT(error_of([&] { (void)zeros({-1}); }).what(), HasSubstr("zeros: a negative extent"));
  EXPECT_THAT(error_of([&] { (void)zeros({std::int64_t{1} << 62, 8}); }).what(), HasSubstr("[C6]"));
  EXPECT_THAT(
      error_of([&] { (void)matmul(x, x); }).what(),
      HasSubstr("matmul: shapes [2,3] and [2,3]: the last axis of the first is 3, the last but one of the "
                "second is 2"));
  EXPECT_THAT(error_of([&] { (void)concat({x, zeros({2, 4})}, 0); }).what(), HasSubstr("[C27]"));
  EXPECT_THAT(error_of([&] { (void)slice(x, {2}); }).what(),
              HasSubstr("slice: index 2 on axis 0 of shape [2,3]"));
  EXPECT_THAT(error_of([&] {
                (void)tensor({{1, 2}, {3}});
              }).what(),
              HasSubstr("tensor: row 1 has 1 elements where the first has 2"));
  EXPECT_THAT(error_of([&] {
                (void)einsum("ij,jk->il", {x, x});
              }).what(),
              HasSubstr("label l is in no operand"));
}

TEST(ExpressionErrors, EmptyHandles) {
  const Tensor none;
  EXPECT_EQ(error_of([&] { (void)(none + 1); }).code(), Code::failed_precondition);
  EXPECT_EQ(error_of([&] { none.wait(); }).code(), Code::failed_precondition);
  EXPECT_EQ(error_of([&] { eval(none); }).code(), Code::failed_precondition);
  EXPECT_FALSE(none.ready());
}

TEST(ExpressionErrors, ReadingTheWrongType) {
  const Tensor x = zeros({2, 3});
  EXPECT_THAT(error_of([&] { (void)x.item<float>(); }).what(),
              HasSubstr("item: the tensor has 6 elements, shape [2,3]"));
  EXPECT_THAT(error_of([&] { (void)x.data<double>(); }).what(),
              HasSubstr("data: asked for f64 of a tensor of f32"));
}

TEST(ExpressionErrors, TwoContexts) {
  Context a({.workers = 1}), b({.workers = 1});
  Tensor x, y;
  {
    Context::Scope scope(a);
    x = zeros({2});
  }
  {
    Context::Scope scope(b);
    y = zeros({2});
  }
  EXPECT_THAT(error_of([&] { (void)(x + y); }).what(),
              HasSubstr("add: the operands belong to different Contexts"));
}

TEST(ExpressionErrors, AFaultPoisonsWhatDependsOnItAndSticks) {
  Context context({.workers = 2});
  Context::Scope scope(context);
  const Tensor x = tensor({1, 2, 3}), zero = tensor({1, 0, 1});
  const std::uint32_t line = __LINE__ + 1;
  const Tensor bad = x / zero;
  const Tensor after = bad + 1, fine = x * 2;
  eval(after, fine);
  const Error e = error_of([&] { after.wait(); });
  EXPECT_EQ(e.code(), Code::invalid_argument);
  EXPECT_THAT(e.what(), HasSubstr("div: integer division by zero"));
  EXPECT_THAT(e.what(), HasSubstr("in div i32[3] i32[3] -> i32[3]"));
  EXPECT_THAT(e.what(), HasSubstr("expression_errors_test.cpp:" + std::to_string(line)));
  EXPECT_EQ(error_of([&] { after.wait(); }).what(), std::string(e.what()));
  EXPECT_EQ(error_of([&] { (void)(after * 2).to_vector<int>(); }).code(), e.code());
  EXPECT_EQ(fine.to_vector<int>(), (std::vector<int>{2, 4, 6}));
}

TEST(ExpressionErrors, APlanServesManyPlacesAndErrorsNameTheirOwn) {
  Context context({.workers = 2});
  Context::Scope scope(context);
  const Tensor x = tensor({1, 2, 3});
  std::vector<std::uint32_t> lines;
  std::vector<Error> errors;
  lines.push_back(__LINE__ + 1);
  errors.push_back(error_of([&] { (x / tensor({1, 0, 1})).wait(); }));
  lines.push_back(__LINE__ + 1);
  errors.push_back(error_of([&] { (x / tensor({1, 1, 0})).wait(); }));
  EXPECT_EQ(context.stats().plans, 1u);
  EXPECT_EQ(errors[0].status().where().line, lines[0]);
  EXPECT_EQ(errors[1].status().where().line, lines[1]);
}

TEST(ExpressionErrors, Guards) {
  const Tensor x = zeros({2}) + 1;
  {
    BlockGuard guard(BlockGuard::Mode::forbid);
    const std::uint32_t line = __LINE__ + 1;
    const Error e = error_of([&] { (void)x.data<float>(); });
    EXPECT_EQ(e.code(), Code::would_deadlock);
    EXPECT_EQ(e.status().where().line, line);
  }
  std::vector<std::string> lines;
  {
    BlockGuard guard([&](std::string_view line) { lines.emplace_back(line); });
    x.wait();
    x.wait();  // it is there: nothing to report
    EXPECT_EQ(guard.count(), 2u);
  }
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr("wait blocks at "));
}

}  // namespace
}  // namespace leat
