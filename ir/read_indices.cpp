#include "ir/read_indices.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace leat::ir {
namespace {

template <class T>
std::int64_t to_index(T value) {
  if constexpr (std::is_same_v<T, std::uint64_t>) {
    constexpr auto kMost = static_cast<T>(std::numeric_limits<std::int64_t>::max());
    return static_cast<std::int64_t>(value > kMost ? kMost : value);
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<std::int64_t>(value);
  } else {
    return -1;  // inference admits integers only
  }
}

}  // namespace

std::int64_t read_index(const void* indices, DType dtype, std::int64_t i) {
  return visit_dtype(dtype, [&]<class T>(T) { return to_index(static_cast<const T*>(indices)[i]); });
}

Indices::Indices(const void* indices, const Type& type) {
  if (type.dtype == DType::i64) {
    data_ = static_cast<const std::int64_t*>(indices);
    return;
  }
  copy_.resize(static_cast<std::size_t>(type.shape.num_elements()));
  visit_dtype(type.dtype, [&]<class T>(T) {
    const T* p = static_cast<const T*>(indices);
    for (std::size_t i = 0; i < copy_.size(); ++i) copy_[i] = to_index(p[i]);
  });
  data_ = copy_.data();
}

Status index_fault(Op op, const void* indices, const Type& index_type, std::int64_t i, std::int64_t axis,
                   const Type& x) {
  std::string text;
  if (index_type.dtype == DType::u64) {
    text = absl::StrCat(static_cast<const std::uint64_t*>(indices)[i]);
  } else {
    text = absl::StrCat(read_index(indices, index_type.dtype, i));
  }
  std::vector<std::int64_t> position(index_type.shape.size());
  for (std::size_t d = position.size(); d-- > 0;) {
    position[d] = i % index_type.shape[d];
    i /= index_type.shape[d];
  }
  return Status(
      Code::out_of_range,
      absl::StrCat(std::string(name(op)), ": index ", text, " at [", absl::StrJoin(position, ","),
                   "] of the indices is outside axis ", axis, " of ", std::string(leat::name(x.dtype)),
                   x.shape.ToString(), " (extent ", x.shape[static_cast<std::size_t>(axis)], ")"));
}

}  // namespace leat::ir
