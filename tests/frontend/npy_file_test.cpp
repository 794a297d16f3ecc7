#include "compiler/frontend/npy_file.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <random>

namespace leat::frontend {
namespace {

std::string file_with(std::string header, const std::string& data) {
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += '\x01';
  bytes += '\0';
  bytes += static_cast<char>(header.size());
  bytes += '\0';
  return bytes + header + data;
}

TEST(NpyFile, EveryDTypeAndRankComesBack) {
  for (int t = 0; t < kDTypeCount; ++t) {
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{5}, Shape{2, 3}, Shape{2, 0, 3}, Shape{1, 2, 3, 4}}) {
      ir::Array array = ir::Array::Zeros({static_cast<DType>(t), shape});
      for (std::size_t i = 0; i < array.byte_count(); ++i) array.bytes[i] = std::byte(t == 0 ? i % 2 : i * 7);
      const std::string bytes = format_npy(array.type, array.bytes.get());
      const StatusOr<ir::Array> back = parse_npy(bytes, "f.npy");
      ASSERT_TRUE(back.ok()) << back.status().ToString();
      EXPECT_EQ(back->type.dtype, array.type.dtype);
      EXPECT_EQ(back->type.shape, array.type.shape);
      EXPECT_EQ(std::memcmp(back->bytes.get(), array.bytes.get(), array.byte_count()), 0);
    }
  }
}

TEST(NpyFile, ReadsBigEndianAndColumnMajor) {
  const std::string data = {0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6};
  const auto a =
      parse_npy(file_with("{'descr': '>i4', 'fortran_order': True, 'shape': (2, 3), }", data), "f");
  ASSERT_TRUE(a.ok()) << a.status().ToString();
  const std::vector<std::int32_t> got(a->as<std::int32_t>(), a->as<std::int32_t>() + 6);
  EXPECT_EQ(got, (std::vector<std::int32_t>{1, 3, 5, 2, 4, 6}));
}

TEST(NpyFile, ErrorsNameTheFileAndTheByte) {
  auto message = [](const std::string& bytes) {
    const auto a = parse_npy(bytes, "w.npy");
    EXPECT_FALSE(a.ok());
    EXPECT_EQ(a.status().code(), Code::data_loss);
    return a.status().message();
  };
  EXPECT_EQ(message(""), "w.npy: byte 0: not an .npy file");
  EXPECT_EQ(message(file_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "1234567")),
            "w.npy: byte 135: the shape [2] needs 8 bytes, there are 7");
  EXPECT_EQ(message(file_with("{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", "")),
            "w.npy: byte 25: header: dtype '<c8' is not supported");
  EXPECT_EQ(message(file_with("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", "")),
            "w.npy: byte 61: header: expected a non-negative extent");
  EXPECT_EQ(
      message(file_with("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9), }", "")),
      "w.npy: byte 10: the shape [9223372036854775807,9] is too large");
  EXPECT_EQ(message(file_with("{'descr': '<f4'}", "")),
            "w.npy: byte 26: header: descr, fortran_order or shape is missing");
}

TEST(NpyFile, AMissingFileIsNotFound) {
  const auto a = read_npy("/nowhere/x.npy");
  EXPECT_EQ(a.status().code(), Code::not_found);
  EXPECT_EQ(a.status().message(), "/nowhere/x.npy: cannot open: No such file or directory");
  const Status w = write_npy("/nowhere/x.npy", {DType::f32, {}}, "1234");
  EXPECT_EQ(w.message(), "/nowhere/x.npy: cannot write: No such file or directory");
}

TEST(NpyFile, MutatedFilesNeverCrash) {
  std::mt19937 random(1);
  const std::string good =
      file_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", std::string(24, 'x'));
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = good;
    for (int k = static_cast<int>(random() % 3); k >= 0; --k)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    accepted += parse_npy(bytes, "m").ok();
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace leat::frontend
