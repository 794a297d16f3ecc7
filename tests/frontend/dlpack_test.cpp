// DLPack out and in: the same memory, layouts that need a copy, deleters that run once.
#include <dlpack/dlpack.h>
#include <gtest/gtest.h>

#include "leat/leat.h"

namespace leat {
namespace {

TEST(Dlpack, RoundTripSharesMemory) {
  const Tensor x = reshape(arange(6, DType::f32), {2, 3}) + 1;
  DLManagedTensor* const out = to_dlpack(x);
  EXPECT_EQ(out->dl_tensor.ndim, 2);
  EXPECT_EQ(out->dl_tensor.shape[1], 3);
  EXPECT_EQ(out->dl_tensor.strides[0], 3);
  EXPECT_EQ(out->dl_tensor.data, x.data<float>().data());
  const Tensor back = from_dlpack(out);
  EXPECT_EQ(back.data<float>().data(), x.data<float>().data());
  EXPECT_EQ((back * 2).to_vector<float>(), (std::vector<float>{2, 4, 6, 8, 10, 12}));
}

struct Foreign {
  DLManagedTensor managed{};
  std::vector<float> data{0, 1, 2, 3, 4, 5};
  std::int64_t shape[2] = {3, 2}, strides[2] = {1, 3};  // the transpose of [2,3]
  int deleted = 0;
  Foreign() {
    managed.dl_tensor = {data.data(), {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, strides, 0};
    managed.manager_ctx = this;
    managed.deleter = [](DLManagedTensor* self) { ++static_cast<Foreign*>(self->manager_ctx)->deleted; };
  }
};

TEST(Dlpack, AStridedLayoutIsCopied) {
  Foreign f;
  const Tensor x = from_dlpack(&f.managed);
  EXPECT_EQ(f.deleted, 1);
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{0, 3, 1, 4, 2, 5}));
}

TEST(Dlpack, WhatLeatLacksIsRefused) {
  Foreign f;
  f.managed.dl_tensor.dtype = {kDLFloat, 32, 4};
  try {
    from_dlpack(&f.managed);
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.status().message(), "from_dlpack: dtype (code 2, 32 bits, 4 lanes) is none of Leat's");
  }
  EXPECT_EQ(f.deleted, 0);
}

}  // namespace
}  // namespace leat
