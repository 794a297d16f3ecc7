#include "compiler/frontend/name_table.h"

#include <gtest/gtest.h>

namespace leat::frontend {
namespace {

TEST(NameTable, EqualNamesAreOneNumber) {
  NameTable table(1000);
  const std::uint32_t loss = table.Intern("loss"), layer = table.Intern("layer");
  EXPECT_NE(loss, layer);
  EXPECT_EQ(table.Intern(std::string("lo") + "ss"), loss);
  EXPECT_EQ(table.NameOf(loss), "loss");
  EXPECT_EQ(table.NameOf(layer), "layer");
  EXPECT_EQ(table.Intern(""), NameTable::kNone);
  EXPECT_EQ(table.NameOf(NameTable::kNone), "");
}

TEST(NameTable, ThereIsABoundAndWhatIsThereStays) {
  NameTable table(100'000);
  const std::uint32_t first = table.Intern("step 0");
  std::uint32_t last = first, known = 1;
  for (int i = 1; i < 100'000; ++i) {
    last = table.Intern("step " + std::to_string(i));
    known += last != NameTable::kMany;
  }
  EXPECT_EQ(last, NameTable::kMany);
  EXPECT_GT(known, 900u);
  EXPECT_LT(known, 1000u);  // a hundred bytes each
  EXPECT_EQ(table.NameOf(last), "<many names>");
  EXPECT_EQ(table.Intern("step 0"), first);
  EXPECT_EQ(table.NameOf(first), "step 0");
}

}  // namespace
}  // namespace leat::frontend
