// Index arithmetic beyond 2^31 elements, on memory that is mapped but never filled.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "tests/ir/evaluate_text.h"

namespace leat::ir {
namespace {

constexpr std::int64_t kCount = (std::int64_t{1} << 32) + 100;

/// u8[2^32 + 100] of zeros but for a 7 at `at`. Pages come into being when they are touched.
class Sparse {
 public:
  explicit Sparse(std::int64_t at) {
    void* p =
        mmap(nullptr, kCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return;
    bytes_ = static_cast<std::uint8_t*>(p);
    bytes_[at] = 7;
  }
  ~Sparse() {
    if (bytes_ != nullptr) munmap(bytes_, kCount);
  }
  const std::uint8_t* bytes() const { return bytes_; }

 private:
  std::uint8_t* bytes_ = nullptr;
};

/// Runs the last node of `text` on x and the other operands; one u8 of the result, or the error.
std::string run(const std::string& text, const Sparse& x, std::initializer_list<const void*> others,
                std::size_t count, std::size_t element) {
  const StatusOr<Graph> graph = parse(text);
  if (!graph.ok()) return graph.status().ToString();
  const Node& node = graph->nodes.back();
  std::vector<Type> types;
  for (Value v : node.inputs) types.push_back(graph->type(v));
  std::vector<const void*> inputs = {x.bytes()};
  inputs.insert(inputs.end(), others);
  std::vector<std::uint8_t> result(count);
  void* outputs[] = {result.data()};
  const Status status = interpret_op(node, types, inputs, outputs);
  return status.ok() ? std::to_string(result[element]) : status.ToString();
}

TEST(InterpretLarge, IndicesBeyondThirtyTwoBits) {
  const std::int64_t far = kCount - 4;
  const Sparse x(far);
  if (x.bytes() == nullptr) GTEST_SKIP() << "no address space";
  const std::string type = "%x: u8[" + std::to_string(kCount) + "]\n";
  const std::int64_t indices[] = {0, far};
  EXPECT_EQ(run(type + "%i: i64[2]\n%y = gather %x %i {axis=0}", x, {indices}, 2, 1), "7");
  EXPECT_EQ(run(type + "%i: i64[2]\n%y = gather_elements %x %i {axis=0}", x, {indices}, 2, 1), "7");
  EXPECT_EQ(run(type + "%i: i64[2,1]\n%y = gather_nd %x %i", x, {indices}, 2, 1), "7");
  EXPECT_EQ(run(type + "%s: i64[]\n%y = dynamic_slice %x %s {sizes=[5]}", x, {&far}, 5, 1), "7");
  const std::string slice = "%y = slice %x {starts=[" + std::to_string(far - (std::int64_t{1} << 31)) +
                            "], limits=[" + std::to_string(kCount) + "], strides=[2147483648]}";
  EXPECT_EQ(run(type + slice, x, {}, 2, 1), "7");
  const std::int64_t past[] = {0, kCount};
  EXPECT_EQ(
      run(type + "%i: i64[2]\n%y = gather %x %i {axis=0}", x, {past}, 2, 1),
      "out_of_range: gather: index 4294967396 at [1] of the indices is outside axis 0 of u8[4294967396] "
      "(extent 4294967396)");
}

TEST(InterpretLarge, RowsOfATallMatrix) {
  // 2^32 + 100 = 4 * 1073741849: row 3 starts beyond 2^31 elements.
  const Sparse x(std::int64_t{3} * 1073741849 + 2);
  if (x.bytes() == nullptr) GTEST_SKIP() << "no address space";
  const std::string type = "%x: u8[4,1073741849]\n";
  EXPECT_EQ(run(type + "%y = slice %x {starts=[0,2], limits=[4,3], strides=[1,1]}", x, {}, 4, 3), "7");
  const std::int64_t column = 2;
  EXPECT_EQ(run(type + "%i: i64[]\n%y = gather %x %i {axis=1}", x, {&column}, 4, 3), "7");
}

// Nothing is to be done, whatever stands beside the 0: no loop and no buffer has 2^40 turns.
TEST(InterpretLarge, NothingBesideALargeExtent) {
  for (const char* text :
       {"%x: f32[1099511627776,0]\n%y = sort %x {axis=1}", "%x: f32[0,1099511627776]\n%y = sort %x {axis=1}",
        "%x: f32[1099511627776,0]\n%y = cumulative_sum %x {axis=1}",
        "%x: f32[1099511627776,0,4]\n%y = transpose %x {dims=[2, 0, 1]}",
        "%x: f32[1099511627776,0]\n%y = concat %x %x {axis=0}",
        "%x: f32[1099511627776,3,0]\n%y = arg_max %x {axis=1}",
        "%x: f32[0,1099511627776]\n%y = reduce_sum %x {dims=[1]}"}) {
    const Graph graph = *parse(text);
    const Array x = Array::Zeros(graph.nodes[0].type());
    const StatusOr<std::vector<Array>> y = interpret(graph, std::span(&x, 1));
    ASSERT_TRUE(y.ok()) << text << y.status().ToString();
    EXPECT_EQ((*y)[0].byte_count(), 0u);
  }
}

}  // namespace
}  // namespace leat::ir
