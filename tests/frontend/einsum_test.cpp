// Einsum against values that NumPy computed (integers, so every order of summation gives the same).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "leat/leat.h"

namespace leat {
namespace {

// 1, 2, 3, ... modulo 7, less 3.
Tensor operand(const Shape& shape) {
  return reshape((arange(shape.num_elements(), DType::f32) + 1) % 7 - 3, shape);
}

struct Case {
  std::string formula;
  std::vector<Shape> shapes;
  Shape shape;
  std::vector<float> values;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.formula; }

class Einsums : public ::testing::TestWithParam<Case> {};

TEST_P(Einsums, AsNumPy) {
  std::vector<Tensor> operands;
  for (const Shape& s : GetParam().shapes) operands.push_back(operand(s));
  const Tensor y = einsum(GetParam().formula, operands);
  EXPECT_EQ(y.shape(), GetParam().shape);
  EXPECT_EQ(y.to_vector<float>(), GetParam().values);
}

INSTANTIATE_TEST_SUITE_P(
    All, Einsums,
    ::testing::Values(
        Case{"ij,jk->ki", {Shape{2, 3}, Shape{3, 2}}, Shape{2, 2}, {4, 4, 1, 10}},
        Case{"ij->j", {Shape{2, 3}}, Shape{3}, {-1, 1, 3}},
        Case{"bi,bi->b", {Shape{2, 3}, Shape{2, 3}}, Shape{2}, {5, 14}},
        Case{"ii->i", {Shape{3, 3}}, Shape{3}, {-2, 2, -1}}, Case{"ii->", {Shape{3, 3}}, Shape{}, {-1}},
        Case{"ii", {Shape{3, 3}}, Shape{}, {-1}},
        Case{"ij,jk", {Shape{2, 3}, Shape{3, 2}}, Shape{2, 2}, {4, 1, 4, 10}},
        Case{"ijj->i", {Shape{2, 3, 3}}, Shape{2}, {-1, -2}},
        Case{"iij->ji", {Shape{2, 2, 3}}, Shape{3, 2}, {-2, 0, -1, 1, 0, 2}},
        Case{"b...,b...->...", {Shape{2, 2, 3}, Shape{2, 3}}, Shape{2, 3}, {1, -3, -3, -2, 0, 6}},
        Case{"...ij,...jk->...ik",
             {Shape{2, 1, 2, 3}, Shape{2, 3, 2}},
             Shape{2, 2, 2, 2},
             {4, 1, 4, 10, 7, 4, -2, 4, 4, -2, 4, 7, 10, 4, 1, 4}},
        Case{"...i->...", {Shape{2, 2, 3}}, Shape{2, 2}, {-3, 6, -6, 3}},
        Case{"i,j,k->ijk",
             {Shape{2}, Shape{2}, Shape{3}},
             Shape{2, 2, 3},
             {-8, -4, 0, -4, -2, 0, -4, -2, 0, -2, -1, 0}},
        Case{"ij,jk,kl->il", {Shape{2, 3}, Shape{3, 4}, Shape{4, 2}}, Shape{2, 2}, {2, 6, -13, -9}},
        Case{
            "ij,jk,kl,lm", {Shape{2, 3}, Shape{3, 4}, Shape{4, 2}, Shape{2, 2}}, Shape{2, 2}, {-4, 4, 26, 4}},
        Case{"ab,b,b,ac->c", {Shape{2, 3}, Shape{3}, Shape{3}, Shape{2, 2}}, Shape{2}, {18, 15}},
        Case{"...,...", {Shape{2, 3}, Shape{3}}, Shape{2, 3}, {4, 1, 0, -2, -2, 0}},
        Case{"i...i->...", {Shape{2, 3, 2}}, Shape{3}, {-4, 0, 4}},
        Case{"ij,ij->", {Shape{2, 3}, Shape{2, 3}}, Shape{}, {19}},
        Case{"i,->i", {Shape{3}, Shape{}}, Shape{3}, {4, 2, 0}},
        Case{"iji,jk->k", {Shape{2, 3, 2}, Shape{3, 2}}, Shape{2}, {16, 16}},
        Case{"...,...->...", {Shape{2, 1}, Shape{1, 3}}, Shape{2, 3}, {4, 2, 0, 2, 1, 0}},
        Case{"i...,i...->...", {Shape{2, 1}, Shape{2, 1}}, Shape{1}, {5}}));

TEST(EinsumErrors, SayWhatIsWrong) {
  const Tensor x = operand({2, 3});
  const auto message = [&](std::string_view formula, const std::vector<Tensor>& operands) -> std::string {
    try {
      static_cast<void>(einsum(formula, operands));
    } catch (const Error& e) {
      EXPECT_EQ(e.status().code(), Code::invalid_argument);
      return std::string(e.status().message());
    }
    return "no error";
  };
  EXPECT_EQ(message("ij,jk->ik", {x}), "einsum \"ij,jk->ik\": 2 terms for 1 operand");
  EXPECT_EQ(message("ij,jk->ik", {x, x}), "einsum \"ij,jk->ik\": label j has extents 3 and 2");
  EXPECT_EQ(message("ij->ik", {x}), "einsum \"ij->ik\": label k is in no operand");
  EXPECT_EQ(message("ij->ii", {x}), "einsum \"ij->ii\": label i repeats in the result");
  EXPECT_EQ(message("ijk->i", {x}), "einsum \"ijk->i\": term ijk for an operand of shape [2,3]");
  EXPECT_EQ(message("ijk...->i", {x}), "einsum \"ijk...->i\": term ijk... for an operand of shape [2,3]");
  EXPECT_EQ(message("i1->i", {x}), "einsum \"i1->i\": unexpected '1' at 1");
  EXPECT_EQ(message("......->", {x}), "einsum \"......->\": two ellipses in one term");
  EXPECT_EQ(message("i...->i", {x}), "einsum \"i...->i\": the result has no ellipsis");
  EXPECT_EQ(message("...,...->...", {x, operand({2, 2})}),
            "einsum \"...,...->...\": the ellipsis has extents 3 and 2");
}

}  // namespace
}  // namespace leat
