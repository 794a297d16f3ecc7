// What tests are instantiated for.
#pragma once

#include <vector>

#include "ir/ops.h"

namespace leat::emulator {

inline std::vector<DType> all_dtypes() {
  std::vector<DType> all;
  for (int t = 0; t < kDTypeCount; ++t) all.push_back(static_cast<DType>(t));
  return all;
}

inline std::vector<DType> dtypes_of(ir::Op op) {
  std::vector<DType> some;
  for (const DType dtype : all_dtypes()) {
    if (ir::accepts(ir::op_info(op).types, dtype)) some.push_back(dtype);
  }
  return some;
}

inline std::vector<ir::Op> elementwise_ops() {
  std::vector<ir::Op> ops;
  for (const ir::OpInfo& info : ir::all_ops()) {
    if (info.elementwise()) ops.push_back(info.op);
  }
  return ops;
}

}  // namespace leat::emulator
