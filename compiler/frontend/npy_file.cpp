#include "compiler/frontend/npy_file.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>

#include "absl/strings/str_cat.h"
#include "ir/inference.h"

namespace leat::frontend {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kLargestHeader = 1 << 20;

struct Header {
  DType dtype = DType::f32;
  bool swapped = false;  // big-endian
  bool column_major = false;
  Shape shape;
};

// The header is a Python dict literal with exactly three keys.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::size_t offset, std::string_view name)
      : text_(text), offset_(offset), name_(name) {}

  StatusOr<Header> Parse() {
    Header header;
    bool have_descr = false, have_order = false, have_shape = false;
    if (!Take('{')) return Fail("'{'");
    while (!Take('}')) {
      std::string_view key;
      if (!TakeString(&key)) return Fail("a key in quotes");
      if (!Take(':')) return Fail("':'");
      if (key == "descr") {
        std::string_view descr;
        if (!TakeString(&descr)) return Fail("a dtype in quotes (structured dtypes are not supported)");
        if (!ParseDescr(descr, &header)) {
          return Error(absl::StrCat("dtype '", std::string(descr), "' is not supported"));
        }
        have_descr = true;
      } else if (key == "fortran_order") {
        if (TakeWord("True")) {
          header.column_major = true;
        } else if (!TakeWord("False")) {
          return Fail("True or False");
        }
        have_order = true;
      } else if (key == "shape") {
        if (!Take('(')) return Fail("'('");
        while (!Take(')')) {
          std::int64_t extent = 0;
          if (!TakeNumber(&extent)) return Fail("a non-negative extent");
          header.shape.push_back(extent);
          if (header.shape.rank() > 64) return Error("more than 64 dimensions");
          if (!Take(',') && Peek() != ')') return Fail("',' or ')'");
        }
        have_shape = true;
      } else {
        return Error(absl::StrCat("unknown key '", std::string(key), "'"));
      }
      if (!Take(',') && Peek() != '}') return Fail("',' or '}'");
    }
    if (!have_descr || !have_order || !have_shape) return Error("descr, fortran_order or shape is missing");
    return header;
  }

 private:
  char Peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool Take(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  bool TakeWord(std::string_view word) {
    Peek();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  bool TakeString(std::string_view* s) {
    const char quote = Peek();
    if (quote != '\'' && quote != '"') return false;
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return false;
    *s = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return true;
  }
  bool TakeNumber(std::int64_t* n) {
    Peek();
    const char* first = text_.data() + at_;
    const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), *n);
    if (error != std::errc() || *n < 0) return false;
    at_ += static_cast<std::size_t>(end - first);
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote longs so
    return true;
  }
  static bool ParseDescr(std::string_view d, Header* header) {
    if (d.size() < 2) return false;
    const char order = d[0];
    if (order == '<' || order == '>' || order == '|' || order == '=') d.remove_prefix(1);
    header->swapped = order == '>';
    static constexpr std::pair<std::string_view, DType> kTypes[] = {
        {"b1", DType::bool_}, {"?", DType::bool_}, {"i1", DType::i8},  {"i2", DType::i16}, {"i4", DType::i32},
        {"i8", DType::i64},   {"u1", DType::u8},   {"u2", DType::u16}, {"u4", DType::u32}, {"u8", DType::u64},
        {"f2", DType::f16},   {"f4", DType::f32},  {"f8", DType::f64}, {"V2", DType::bf16}};
    for (const auto& [text, dtype] : kTypes) {
      if (d != text) continue;
      header->dtype = dtype;
      return true;
    }
    return false;
  }
  Status Fail(std::string_view expected) { return Error(absl::StrCat("expected ", std::string(expected))); }
  Status Error(std::string message) {
    return Status(Code::data_loss,
                  absl::StrCat(std::string(name_), ": byte ", offset_ + at_, ": header: ", message));
  }

  std::string_view text_;
  std::size_t offset_;
  std::string_view name_;
  std::size_t at_ = 0;
};

void swap_bytes(std::byte* data, std::size_t count, std::size_t width) {
  for (std::size_t i = 0; i < count; ++i) std::reverse(data + i * width, data + (i + 1) * width);
}

// Column-major elements to row-major.
void copy_transposed(const std::byte* from, std::byte* to, const Shape& shape, std::size_t width) {
  const std::int64_t n = shape.num_elements();
  std::vector<std::int64_t> index(shape.size(), 0), stride(shape.size(), 1);
  for (std::size_t d = 1; d < shape.size(); ++d) stride[d] = stride[d - 1] * shape[d - 1];
  for (std::int64_t i = 0; i < n; ++i) {
    std::int64_t at = 0;
    for (std::size_t d = 0; d < shape.size(); ++d) at += index[d] * stride[d];
    std::memcpy(to + static_cast<std::size_t>(i) * width, from + static_cast<std::size_t>(at) * width, width);
    for (std::size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}

}  // namespace

StatusOr<ir::Array> parse_npy(std::string_view bytes, std::string_view name) {
  const std::string file(name);
  auto error = [&](std::size_t at, std::string_view message) {
    return Status(Code::data_loss, absl::StrCat(file, ": byte ", at, ": ", std::string(message)));
  };
  if (bytes.size() < 10 || bytes.substr(0, kMagic.size()) != kMagic) return error(0, "not an .npy file");
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i]));
  };
  const std::size_t major = byte(6);
  if (major < 1 || major > 3) return error(6, absl::StrCat("version ", major, " is not supported"));
  std::size_t begin = 10, length = byte(8) | byte(9) << 8;
  if (major >= 2) {
    if (bytes.size() < 12) return error(bytes.size(), "the file ends in the header");
    begin = 12;
    length |= byte(10) << 16 | byte(11) << 24;
  }
  if (length > kLargestHeader) return error(8, "the header is too long");
  if (bytes.size() < begin + length) return error(bytes.size(), "the file ends in the header");
  StatusOr<Header> header = HeaderParser(bytes.substr(begin, length), begin, name).Parse();
  if (!header.ok()) return header.status();
  const std::size_t width = byte_size(header->dtype);
  std::int64_t total = static_cast<std::int64_t>(width);
  for (std::int64_t extent : header->shape) {
    const auto product = ir::checked_mul(total, extent);
    if (!product) return error(begin, absl::StrCat("the shape ", header->shape.ToString(), " is too large"));
    total = *product;
  }
  const std::size_t data = begin + length, have = bytes.size() - data;
  if (have != static_cast<std::size_t>(total)) {
    return error(bytes.size(), absl::StrCat("the shape ", header->shape.ToString(), " needs ", total,
                                            " bytes, there are ", have));
  }
  ir::Array array;
  try {
    array = ir::Array::Zeros({header->dtype, header->shape});
  } catch (const std::bad_alloc&) {
    return Status(Code::resource_exhausted, absl::StrCat(file, ": no memory for ", total, " bytes"));
  }
  const auto* from = reinterpret_cast<const std::byte*>(bytes.data() + data);
  if (header->column_major && header->shape.rank() > 1) {
    copy_transposed(from, array.bytes.get(), header->shape, width);
  } else if (total > 0) {
    std::memcpy(array.bytes.get(), from, static_cast<std::size_t>(total));
  }
  if (header->swapped) swap_bytes(array.bytes.get(), static_cast<std::size_t>(total) / width, width);
  if (header->dtype == DType::bool_) {  // any byte but 0 is true; ours are 0 and 1
    for (std::int64_t i = 0; i < total; ++i) array.bytes[i] = std::byte{array.bytes[i] != std::byte{0}};
  }
  return array;
}

StatusOr<ir::Array> read_npy(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return Status(Code::invalid_argument, absl::StrCat(path, ": cannot read: ", std::strerror(EISDIR)));
  }
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return Status(Code::not_found, absl::StrCat(path, ": cannot open: ", std::strerror(errno)));
  const std::streamoff size = in.tellg();
  if (size < 0) return Status(Code::invalid_argument, absl::StrCat(path, ": cannot read: not a plain file"));
  std::string bytes;
  try {
    bytes.resize(static_cast<std::size_t>(size));
  } catch (const std::exception&) {  // bad_alloc or length_error
    return Status(Code::resource_exhausted, absl::StrCat(path, ": no memory for its ", size, " bytes"));
  }
  in.seekg(0);
  if (!in.read(bytes.data(), size)) return Status(Code::data_loss, absl::StrCat(path, ": cannot read"));
  return parse_npy(bytes, path);
}

std::string format_npy(const ir::Type& type, const void* elements) {
  static constexpr std::string_view kDescr[kDTypeCount] = {"|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2",
                                                           "<u4", "<u8", "<f2", "<V2", "<f4", "<f8"};
  std::string header = absl::StrCat("{'descr': '", std::string(kDescr[static_cast<int>(type.dtype)]),
                                    "', 'fortran_order': False, 'shape': (");
  for (std::int64_t extent : type.shape)
    absl::StrAppend(&header, extent, ",", type.shape.rank() > 1 ? " " : "");
  if (type.shape.rank() > 1) header.resize(header.size() - 2);
  header += "), }";
  const std::size_t prefix = kMagic.size() + 4;
  header.append(63 - (prefix + header.size()) % 64, ' ');  // the data starts at a multiple of 64
  header += '\n';
  std::string out(kMagic);
  out += '\x01';
  out += '\0';
  out += static_cast<char>(header.size() & 0xff);
  out += static_cast<char>(header.size() >> 8);
  out += header;
  const std::size_t bytes = static_cast<std::size_t>(type.shape.num_elements()) * byte_size(type.dtype);
  if (bytes > 0) out.append(static_cast<const char*>(elements), bytes);
  return out;
}

namespace {

Status cannot_write(const std::string& path) {
  return Status(Code::failed_precondition, absl::StrCat(path, ": cannot write: ", std::strerror(errno)));
}

bool write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  return static_cast<bool>(out);
}

}  // namespace

Status write_npy(const std::string& path, const ir::Type& type, const void* elements) {
  static std::atomic<unsigned> ordinal{0};  // two threads may write one file: the last to finish stays
  const std::string bytes = format_npy(type, elements);
  std::error_code ignored;
  const std::filesystem::file_status there = std::filesystem::symlink_status(path, ignored);
  // A file appears as a whole or not at all. A device, a pipe or a link is written to and stays what it is.
  if (std::filesystem::exists(there) && there.type() != std::filesystem::file_type::regular) {
    return write_bytes(path, bytes) ? Status() : cannot_write(path);
  }
  const std::string temporary = absl::StrCat(path, ".", ::getpid(), ".", ordinal.fetch_add(1), ".part");
  if (write_bytes(temporary, bytes) && std::rename(temporary.c_str(), path.c_str()) == 0) return {};
  Status status = cannot_write(path);
  std::remove(temporary.c_str());
  return status;
}

}  // namespace leat::frontend
