#include "leat/npy.h"

#include "compiler/frontend/npy_file.h"
#include "compiler/frontend/schedule.h"
#include "leat/create.h"

namespace leat {

Tensor load_npy(const std::string& path, SourceLocation where) {
  StatusOr<ir::Array> array = frontend::read_npy(path);
  if (!array.ok()) frontend::fail(array.status(), where);
  return from_memory(array->bytes.get(), array->type.dtype, array->type.shape, where);
}

void save_npy(const std::string& path, const Tensor& tensor, SourceLocation where) {
  const frontend::Node& node = frontend::node_of(tensor, "save_npy", where);
  const runtime::Ref<runtime::Value> value = frontend::read_value(tensor, "save_npy", where);
  const Status s = frontend::write_npy(path, {node.dtype, node.shape}, value->buffer()->data());
  if (!s.ok()) frontend::fail(s, where);
}

}  // namespace leat
