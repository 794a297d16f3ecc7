#include "ir/kernel.h"

#include <gtest/gtest.h>

namespace leat::ir {
namespace {

using Input = Kernel::Input;
using Instruction = Kernel::Instruction;
using Level = Kernel::Level;
using Stride = Kernel::Stride;

Instruction instruction(Op op, DType dtype, Level level, std::initializer_list<std::uint16_t> operands,
                        std::uint16_t fault = 0) {
  Instruction i{op, dtype, level, static_cast<std::uint8_t>(operands.size()), {0, 0, 0}, fault};
  std::copy(operands.begin(), operands.end(), i.operands);
  return i;
}

Kernel softmax() {
  Kernel k;
  k.pattern = Kernel::Pattern::row_reduce;
  k.inputs = {Input{}};
  k.body = {instruction(Op::reduce_max, DType::f32, Level::row, {0}),
            instruction(Op::sub, DType::f32, Level::element, {0, 1}),
            instruction(Op::exp, DType::f32, Level::element, {2}),
            instruction(Op::reduce_sum, DType::f32, Level::row, {3}),
            instruction(Op::div, DType::f32, Level::element, {3, 4})};
  k.outputs = {{.value = 5, .lane_stride = Stride::one, .slot = 1, .access = 0}};
  k.pointer_count = 2;
  k.access_count = 1;
  return k;
}

TEST(Kernel, PrintsEveryPart) {
  EXPECT_EQ(print(softmax()),
            "kernel row_reduce p1 pointers=2 scalars=0 accesses=1 faults=0 {\n"
            "  %0 = input f32 memory slot0 access0 lane=one element\n"
            "  %1 = reduce_max %0 : f32 row\n"
            "  %2 = sub %0 %1 : f32 element\n"
            "  %3 = exp %2 : f32 element\n"
            "  %4 = reduce_sum %3 : f32 row\n"
            "  %5 = div %3 %4 : f32 element\n"
            "  store %5 slot1 access0 lane=one\n"
            "}\n");
  EXPECT_EQ(check(softmax()), "");
}

TEST(Kernel, PrintsScalarsIndicesAndFaults) {
  Kernel k;
  k.parallel_rank = 2;
  k.inputs = {Input{.kind = Input::Kind::index, .dtype = DType::i64, .lane_stride = Stride::any, .access = 1},
              Input{.kind = Input::Kind::scalar, .dtype = DType::i64, .slot = 3}};
  k.body = {instruction(Op::rem, DType::i64, Level::element, {0, 1}, 2)};
  k.outputs = {{.value = 2, .lane_stride = Stride::any, .slot = 0, .access = 0}};
  k.pointer_count = 1;
  k.scalar_count = 4;
  k.access_count = 2;
  k.fault_count = 2;
  EXPECT_EQ(print(k),
            "kernel map p2 pointers=1 scalars=4 accesses=2 faults=2 {\n"
            "  %0 = input i64 index access1 lane=any element\n"
            "  %1 = input i64 scalar3 element\n"
            "  %2 = rem %0 %1 : i64 element fault2\n"
            "  store %2 slot0 access0 lane=any\n"
            "}\n");
  EXPECT_EQ(check(k), "");
}

// Whatever is structure changes the text.
TEST(Kernel, TextTellsKernelsApart) {
  const std::string text = print(softmax());
  std::vector<void (*)(Kernel&)> changes = {
      [](Kernel& k) { k.pattern = Kernel::Pattern::column_reduce; },
      [](Kernel& k) { k.parallel_rank = 2; },
      [](Kernel& k) { k.inputs[0].dtype = DType::f64; },
      [](Kernel& k) { k.inputs[0].lane_stride = Stride::any; },
      [](Kernel& k) { k.inputs[0].slot = 1; },
      [](Kernel& k) { k.inputs[0].access = 1; },
      [](Kernel& k) { k.inputs[0].level = Level::row; },
      [](Kernel& k) { k.inputs[0].kind = Input::Kind::index; },
      [](Kernel& k) { k.body[1].op = Op::add; },
      [](Kernel& k) { k.body[1].dtype = DType::f64; },
      [](Kernel& k) { k.body[1].level = Level::row; },
      [](Kernel& k) { k.body[1].operands[1] = 0; },
      [](Kernel& k) { k.body[1].fault = 1; },
      [](Kernel& k) { k.outputs[0].value = 2; },
      [](Kernel& k) { k.outputs[0].lane_stride = Stride::any; },
      [](Kernel& k) { k.outputs[0].slot = 0; },
      [](Kernel& k) { k.outputs[0].access = 1; },
      [](Kernel& k) { k.pointer_count = 3; },
      [](Kernel& k) { k.scalar_count = 1; },
      [](Kernel& k) { k.access_count = 2; },
      [](Kernel& k) { k.fault_count = 1; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Kernel k = softmax();
    changes[i](k);
    EXPECT_NE(print(k), text) << i;
  }
}

TEST(Kernel, CheckComplains) {
  const auto complaint = [](void (*change)(Kernel&)) {
    Kernel k = softmax();
    change(k);
    return check(k);
  };
  EXPECT_EQ(complaint([](Kernel& k) { k.parallel_rank = 0; }),
            "a kernel has at least one parallel dimension");
  EXPECT_EQ(complaint([](Kernel& k) { k.outputs.clear(); }), "a kernel stores something");
  EXPECT_EQ(complaint([](Kernel& k) { k.inputs[0].slot = 2; }), "%0: slot 2 of 2");
  EXPECT_EQ(complaint([](Kernel& k) { k.inputs[0].access = 1; }), "%0: access 1 of 1");
  EXPECT_EQ(complaint([](Kernel& k) { k.inputs[0].kind = Input::Kind::scalar; }), "%0: scalar 0 of 0");
  EXPECT_EQ(complaint([](Kernel& k) { k.inputs[0].kind = Input::Kind::index; }),
            "%0: an index is i64, not f32");
  EXPECT_EQ(complaint([](Kernel& k) { k.body[0].operands[0] = 1; }),
            "%1: operand %1 is used before it is computed");
  EXPECT_EQ(complaint([](Kernel& k) { k.body[1].operand_count = 1; }), "%2: sub takes 2 operands, not 1");
  EXPECT_EQ(complaint([](Kernel& k) { k.body[1].level = Level::row; }),
            "%2: a row value depends on the element value %0");
  EXPECT_EQ(complaint([](Kernel& k) { k.body[0].level = Level::element; }),
            "%1: reduce_max takes an element value to a row value");
  EXPECT_EQ(complaint([](Kernel& k) { k.pattern = Kernel::Pattern::map; }), "%1: reduce_max in a map kernel");
  EXPECT_EQ(complaint([](Kernel& k) { k.body[1].op = Op::bit_and; }),
            "%2: bit_and wants an integer dtype or bool, has operands f32 f32 and result f32");
  EXPECT_EQ(complaint([](Kernel& k) { k.body[2].op = Op::reshape; }), "%3: reshape cannot stand in a kernel");
  EXPECT_EQ(complaint([](Kernel& k) { k.body[1].fault = 1; }), "%2: sub on f32 with fault flag 1 of 0");
  EXPECT_EQ(complaint([](Kernel& k) {
              k.inputs[0].dtype = DType::i32;
              for (Instruction& i : k.body) i.dtype = DType::i32;
              k.body[1].op = Op::div;
            }),
            "%2: div on i32 with fault flag 0 of 0");
  EXPECT_EQ(complaint([](Kernel& k) { k.outputs[0].value = 6; }), "store 0: %6 is never computed");
  EXPECT_EQ(complaint([](Kernel& k) { k.outputs[0].slot = 0; }),
            "store 0: slot 0 stands before an input's slot 0");
}

}  // namespace
}  // namespace leat::ir
