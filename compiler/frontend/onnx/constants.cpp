#include "compiler/frontend/onnx/constants.h"

#include <charconv>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/build.h"
#include "ir/inference.h"
#include "leat/create.h"

namespace leat::onnx {
namespace {

[[noreturn]] void fail(const TensorProto& t, Code code, std::string_view what) {
  throw Error(Status(code, absl::StrCat("tensor \"", std::string(t.name), "\": ", std::string(what))));
}

// The shape, if its elements can be there at all.
Shape checked_shape(const TensorProto& t, std::span<const std::int64_t> dims, DType dtype) {
  std::int64_t bytes = static_cast<std::int64_t>(byte_size(dtype));
  for (const std::int64_t d : dims) {
    if (d < 0) fail(t, Code::data_loss, absl::StrCat("a negative extent, ", d));
    const std::optional<std::int64_t> product = ir::checked_mul(bytes, d);
    if (!product) fail(t, Code::data_loss, "its shape has too many elements");
    bytes = *product;
  }
  if (dims.size() > 64) fail(t, Code::data_loss, absl::StrCat("rank ", dims.size()));
  return Shape(dims);
}

void check_count(const TensorProto& t, std::size_t have, std::int64_t want, std::string_view of) {
  if (have != static_cast<std::size_t>(want)) {
    fail(t, Code::data_loss,
         absl::StrCat("it holds ", have, " ", std::string(of), ", its shape says ", want));
  }
}

std::int64_t number_of(const TensorProto& t, std::string_view key, std::string_view text) {
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    fail(t, Code::data_loss,
         absl::StrCat("external data: ", std::string(key), " \"", std::string(text), "\" is no size"));
  }
  return value;
}

struct Bytes {
  std::shared_ptr<const void> owner;
  std::string_view bytes;
};

Bytes external_bytes(const TensorProto& t, const ModelBytes& file, std::int64_t want) {
  std::string_view location;
  std::int64_t offset = 0, length = want;
  for (const auto& [key, value] : t.external_data) {
    if (key == "location") location = value;
    if (key == "offset") offset = number_of(t, key, value);
    if (key == "length") length = number_of(t, key, value);
  }
  if (!file.external_data) {
    fail(t, Code::failed_precondition,
         absl::StrCat("its data lie in another file, \"", std::string(location),
                      "\"; LoadOptions::external_data allows that"));
  }
  if (file.path.empty()) {
    fail(t, Code::failed_precondition, "its data lie in another file, but the model came from memory");
  }
  const ModelBytes data = open_external_data(file.path, location);
  const auto size = static_cast<std::int64_t>(data.bytes.size());
  if (offset > size || length > size - offset) {
    fail(t, Code::data_loss,
         absl::StrCat("bytes ", offset, " to ", offset, " + ", length, " of \"", std::string(location),
                      "\", which has ", size));
  }
  return {data.owner, data.bytes.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(length))};
}

template <class From>
Tensor converted(const TensorProto& t, const std::vector<From>& data, DType dtype, const Shape& shape) {
  const std::int64_t count = shape.num_elements();
  check_count(t, data.size(), count, "elements");
  std::vector<char> bytes(static_cast<std::size_t>(count) * byte_size(dtype) + 1);
  visit_dtype(dtype, [&]<class To>(To) {
    To* const to = reinterpret_cast<To*>(bytes.data());
    for (std::size_t i = 0; i < data.size(); ++i) {
      if constexpr (std::is_same_v<To, float16> || std::is_same_v<To, bfloat16>) {
        to[i] = To::FromBits(static_cast<std::uint16_t>(data[i]));  // as onnx.proto stores them
      } else if constexpr (std::is_same_v<To, bool>) {
        to[i] = data[i] != 0;
      } else {
        to[i] = static_cast<To>(data[i]);
      }
    }
  });
  return from_memory(bytes.data(), dtype, shape);
}

}  // namespace

std::optional<DType> dtype_of(std::int32_t data_type) {
  switch (static_cast<ElementType>(data_type)) {
    case ElementType::f32: return DType::f32;
    case ElementType::u8: return DType::u8;
    case ElementType::i8: return DType::i8;
    case ElementType::u16: return DType::u16;
    case ElementType::i16: return DType::i16;
    case ElementType::i32: return DType::i32;
    case ElementType::i64: return DType::i64;
    case ElementType::boolean: return DType::bool_;
    case ElementType::f16: return DType::f16;
    case ElementType::f64: return DType::f64;
    case ElementType::u32: return DType::u32;
    case ElementType::u64: return DType::u64;
    case ElementType::bf16: return DType::bf16;
    default: return std::nullopt;
  }
}

std::string describe_data_type(std::int32_t data_type) {
  if (const std::optional<DType> dtype = dtype_of(data_type)) return std::string(name(*dtype));
  constexpr std::string_view kOthers[] = {"float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz",
                                          "uint4",        "int4",           "float4e2m1"};
  switch (data_type) {
    case 0: return "undefined";
    case 8: return "string";
    case 14: return "complex64";
    case 15: return "complex128";
    default:
      if (data_type >= 17 && data_type < 24) return std::string(kOthers[data_type - 17]);
      return absl::StrCat("number ", data_type);
  }
}

Tensor make_constant(const TensorProto& t, const ModelBytes& file) {
  const std::optional<DType> dtype = dtype_of(t.data_type);
  if (!dtype) {
    fail(t, Code::unimplemented,
         "elements of type " + describe_data_type(t.data_type) + " are not supported");
  }
  const Shape shape = checked_shape(t, t.dims, *dtype);
  const std::int64_t count = shape.num_elements();
  if (!t.has_raw && !t.is_external) {
    if (*dtype == DType::f32) {
      check_count(t, t.float_data.size(), count, "elements");
      return from_memory(t.float_data.data(), *dtype, shape);
    }
    if (*dtype == DType::f64) {
      check_count(t, t.double_data.size(), count, "elements");
      return from_memory(t.double_data.data(), *dtype, shape);
    }
    return converted(t, t.int_data, *dtype, shape);
  }
  const std::int64_t want = count * static_cast<std::int64_t>(byte_size(*dtype));
  const Bytes data = t.is_external ? external_bytes(t, file, want) : Bytes{file.owner, t.raw_data};
  check_count(t, data.bytes.size(), want, "bytes");
  if (*dtype == DType::bool_) {  // any byte is a truth value in the file, only 0 and 1 are here
    std::vector<std::int64_t> truth(data.bytes.begin(), data.bytes.end());
    return converted(t, truth, *dtype, shape);
  }
  // 4096: a copy of less costs nothing, and lies better.
  if (data.owner == nullptr || want < 4096) return from_memory(data.bytes.data(), *dtype, shape);
  if (ir::is_aligned(data.bytes.data(), *dtype)) {
    return borrow(data.bytes.data(), *dtype, shape, [owner = data.owner] {});
  }
  frontend::check_shape(shape, *dtype, "tensor", {});
  return frontend::make_leaf(frontend::current_context_id(), *dtype, shape,
                             runtime::Value::Ready(runtime::Buffer::WrapUnaligned(
                                 data.bytes.data(), data.bytes.size(), [owner = data.owner] {})),
                             {});
}

Tensor make_constant(const SparseTensorProto& sparse, const ModelBytes& file, std::int64_t max_bytes) {
  const TensorProto& values = sparse.values;
  const std::optional<DType> dtype = dtype_of(values.data_type);
  if (!dtype) fail(values, Code::unimplemented, "sparse, of type " + describe_data_type(values.data_type));
  const Shape shape = checked_shape(values, sparse.dims, *dtype);
  const std::size_t width = byte_size(*dtype);
  if (shape.num_elements() > max_bytes / static_cast<std::int64_t>(width)) {
    fail(values, Code::resource_exhausted, "sparse, of shape " + shape.ToString() + ": too large when dense");
  }
  const Tensor v = make_constant(values, file), at = make_constant(sparse.indices, file);
  const std::int64_t count = v.num_elements();
  const bool linear = at.rank() == 1;
  if (v.rank() != 1 || at.dtype() != DType::i64 ||
      !(at.shape() == (linear ? Shape{count} : Shape{count, shape.rank()}))) {
    fail(values, Code::data_loss,
         "sparse: values " + v.shape().ToString() + " and indices " + at.shape().ToString() + " do not fit");
  }
  std::vector<char> dense(static_cast<std::size_t>(shape.num_elements()) * width + 1);
  const DataView<std::int64_t> index = at.data<std::int64_t>();
  visit_dtype(*dtype, [&]<class T>(T) {
    const DataView<T> from = v.data<T>();
    for (std::int64_t i = 0; i < count; ++i) {
      std::int64_t place = 0;
      const int parts = linear ? 1 : shape.rank();
      for (int d = 0; d < parts; ++d) {
        const std::int64_t extent = linear ? shape.num_elements() : shape[static_cast<std::size_t>(d)];
        const std::int64_t one = index[static_cast<std::size_t>(i * parts + d)];
        if (one < 0 || one >= extent) fail(values, Code::data_loss, absl::StrCat("sparse: an index ", one));
        place = place * extent + one;
      }
      std::memcpy(dense.data() + static_cast<std::size_t>(place) * width, &from[static_cast<std::size_t>(i)],
                  width);
    }
  });
  return from_memory(dense.data(), *dtype, shape);
}

}  // namespace leat::onnx
