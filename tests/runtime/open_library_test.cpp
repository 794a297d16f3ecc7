#include "runtime/cuda/open_library.h"

#include <gtest/gtest.h>

namespace leat::runtime::cuda {
namespace {

// The C library stands for a version that is there and too old.
TEST(OpenLibrary, ALibraryThatLacksASymbolIsPassedOver) {
  static constexpr const char* kNeeds[] = {"sin", "cos"};
  const auto opened = open_library("LEAT_TEST_LIBRARY", {"libc.so.6", "libm.so.6"}, {.needs = kNeeds});
  ASSERT_TRUE(opened.ok()) << opened.status().ToString();
  EXPECT_EQ(opened->name(), "libm.so.6");
  const auto none = open_library("LEAT_TEST_LIBRARY", {"libc.so.6", "libnowhere.so"}, {.needs = kNeeds});
  EXPECT_EQ(none.status().code(), Code::not_found);
  EXPECT_EQ(none.status().message().find("libc.so.6 has no sin; libnowhere.so: "), 0u)
      << none.status().message();
}

}  // namespace
}  // namespace leat::runtime::cuda
