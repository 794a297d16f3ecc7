// Every integer of ONNX's node tests at its extremes: attributes, extents of inputs and tensors, and the
// elements of integer inputs, which become initializers (starts, pads, repeats, axes, shapes, k ...). One at
// a time; the model that comes out is handled as a stranger's file is (fuzz_onnx).
//
//   LEAT_LONG=1 fuzz_test --gtest_filter='*OnnxExtremes*'     every model and number; else a sample of them
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "tests/fuzz/extremes.h"
#include "tests/fuzz/targets.h"
#include "tests/onnx/model_builder.h"

namespace leat::fuzz {
namespace {

namespace fs = std::filesystem;
using onnx::test::Message;

// Of onnx.proto: the messages on the way to an integer.
enum class Kind : std::uint8_t {
  none,
  model,
  graph,
  node,
  attribute,
  tensor,
  value,
  type,
  tensor_type,
  shape,
  dim
};

Kind kind_of(Kind parent, std::uint32_t field) {
  static const std::map<std::pair<Kind, std::uint32_t>, Kind> kFields = {
      {{Kind::model, 7}, Kind::graph},      {{Kind::graph, 1}, Kind::node},
      {{Kind::graph, 5}, Kind::tensor},     {{Kind::graph, 11}, Kind::value},
      {{Kind::graph, 12}, Kind::value},     {{Kind::graph, 13}, Kind::value},
      {{Kind::node, 5}, Kind::attribute},   {{Kind::attribute, 5}, Kind::tensor},
      {{Kind::attribute, 6}, Kind::graph},  {{Kind::attribute, 10}, Kind::tensor},
      {{Kind::attribute, 11}, Kind::graph}, {{Kind::value, 2}, Kind::type},
      {{Kind::type, 1}, Kind::tensor_type}, {{Kind::tensor_type, 2}, Kind::shape},
      {{Kind::shape, 1}, Kind::dim}};
  const auto found = kFields.find({parent, field});
  return found == kFields.end() ? Kind::none : found->second;
}

bool is_integers(Kind parent, std::uint32_t field) {
  return (parent == Kind::attribute && (field == 3 || field == 8)) ||
         (parent == Kind::tensor && (field == 1 || field == 5 || field == 7)) ||
         (parent == Kind::dim && field == 1);
}

struct Field {
  std::uint32_t number = 0, wire = 0;
  Kind kind = Kind::none;
  bool integer = false;         // one of those that are swept
  std::uint64_t varint = 0;     // wire type 0
  std::string bytes{};          // 1, 2 and 5
  std::vector<Field> fields{};  // of a known message
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool done() const { return rest_.empty(); }
  std::uint64_t Varint() {
    std::uint64_t value = 0;
    for (int shift = 0; !rest_.empty() && shift < 70; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(Take(1)[0]);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  }
  std::string_view Take(std::size_t n) {
    const std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view rest_;
};

std::vector<Field> parse(std::string_view bytes, Kind kind) {
  std::vector<Field> fields;
  std::uint64_t data_type = 0;
  for (Reader reader(bytes); !reader.done();) {
    const std::uint64_t tag = reader.Varint();
    Field f{.number = static_cast<std::uint32_t>(tag >> 3), .wire = static_cast<std::uint32_t>(tag & 7)};
    f.integer = is_integers(kind, f.number);
    if (f.wire == 0) {
      f.varint = reader.Varint();
      if (kind == Kind::tensor && f.number == 2) data_type = f.varint;
    } else {
      f.bytes = reader.Take(f.wire == 2 ? reader.Varint() : f.wire == 1 ? 8 : 4);
    }
    f.kind = f.wire == 2 ? kind_of(kind, f.number) : Kind::none;
    if (f.kind != Kind::none) f.fields = parse(f.bytes, f.kind);
    if (f.integer && f.wire == 2) {  // packed: one field each
      for (Reader packed(f.bytes); !packed.done();) {
        fields.push_back({.number = f.number, .wire = 0, .integer = true, .varint = packed.Varint()});
      }
      continue;
    }
    fields.push_back(std::move(f));
  }
  if (kind != Kind::tensor || (data_type != 7 && data_type != 6)) return fields;
  const auto raw = std::find_if(fields.begin(), fields.end(), [](const Field& f) { return f.number == 9; });
  if (raw == fields.end()) return fields;
  const std::string elements = std::move(raw->bytes);  // raw_data: said as int64_data or int32_data
  fields.erase(raw);
  for (std::size_t at = 0, size = data_type == 7 ? 8 : 4; at + size <= elements.size(); at += size) {
    std::int64_t value = 0;
    if (size == 8) {
      std::memcpy(&value, elements.data() + at, 8);
    } else {
      std::int32_t narrow = 0;
      std::memcpy(&narrow, elements.data() + at, 4);
      value = narrow;
    }
    fields.push_back({.number = data_type == 7 ? 7u : 5u,
                      .wire = 0,
                      .integer = true,
                      .varint = static_cast<std::uint64_t>(value)});
  }
  return fields;
}

std::string format(const std::vector<Field>& fields) {
  std::string out;
  for (const Field& f : fields) {
    if (f.wire == 0) {
      out += Message().Int(f.number, static_cast<std::int64_t>(f.varint)).bytes();
    } else if (f.wire == 2) {
      out += Message().Text(f.number, f.kind == Kind::none ? f.bytes : format(f.fields)).bytes();
    } else {
      out += static_cast<char>(f.number << 3 | f.wire);
      out += f.bytes;
    }
  }
  return out;
}

void collect(std::vector<Field>& fields, std::vector<Field*>& integers) {
  int of_a_list = 0;  // a few elements of a long list say what there is to say
  for (Field& f : fields) {
    if (f.integer && (f.number != 7 || ++of_a_list <= 8)) integers.push_back(&f);
    collect(f.fields, integers);
  }
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Field* find(std::vector<Field>& fields, std::uint32_t number, std::size_t index = 0) {
  for (Field& f : fields) {
    if (f.number == number && index-- == 0) return &f;
  }
  return nullptr;
}

// Integer inputs of the test data become initializers.
void fix_inputs(std::vector<Field>& graph, const fs::path& data) {
  for (std::size_t k = 0;; ++k) {
    Field* const input = find(graph, 11, k);
    const fs::path path = data / ("input_" + std::to_string(k) + ".pb");
    if (!input || !fs::exists(path)) return;
    std::vector<Field> tensor = parse(read_file(path), Kind::tensor);
    const Field* const type = find(tensor, 2);
    const Field* const name = find(input->fields, 1);
    if (!type || !name || (type->varint != 6 && type->varint != 7) || tensor.size() > 64) continue;
    std::erase_if(tensor, [](const Field& f) { return f.number == 8; });
    tensor.push_back({.number = 8, .wire = 2, .bytes = name->bytes});
    Field initializer{.number = 5, .wire = 2, .kind = Kind::tensor};
    initializer.fields = std::move(tensor);
    graph.push_back(std::move(initializer));
  }
}

constexpr int kShards = 8;
class OnnxExtremes : public ::testing::TestWithParam<int> {};

TEST_P(OnnxExtremes, AreErrorsOrModels) {
  const Watch watch(fuzz_onnx);
  const bool all = std::getenv("LEAT_LONG") != nullptr;
  std::vector<fs::path> folders;
  for (const char* group : {"node", "simple", "pytorch-operator"}) {
    const fs::path folder = fs::path("/usr/share/libonnx-testdata/data") / group;
    ASSERT_TRUE(fs::exists(folder)) << folder << ": tools/setup installs libonnx-testdata";
    for (const auto& entry : fs::directory_iterator(folder)) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  std::size_t handled = 0;
  for (std::size_t m = static_cast<std::size_t>(GetParam()); m < folders.size(); m += kShards) {
    const fs::path path = folders[m] / "model.onnx";
    if (!fs::exists(path) || fs::file_size(path) > 16 << 10) continue;
    std::vector<Field> model = parse(read_file(path), Kind::model);
    Field* const graph = find(model, 7);
    ASSERT_TRUE(graph) << path;
    fix_inputs(graph->fields, folders[m] / "test_data_set_0");
    watch(format(model));
    std::vector<Field*> integers;
    collect(model, integers);
    for (std::size_t n = 0; n < integers.size(); ++n) {
      const std::uint64_t before = integers[n]->varint;
      for (std::size_t v = 0; v < std::size(kExtremes); ++v) {
        if (!all && (m + n + v) % 16 != 0) continue;
        integers[n]->varint = static_cast<std::uint64_t>(kExtremes[v]);
        watch(format(model));
        ++handled;
      }
      integers[n]->varint = before;
    }
  }
  EXPECT_GT(handled, 500u);
}

INSTANTIATE_TEST_SUITE_P(Shard, OnnxExtremes, ::testing::Range(0, kShards));

}  // namespace
}  // namespace leat::fuzz
