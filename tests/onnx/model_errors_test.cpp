// Models that are wrong, hostile or too much: a Status that names the node, never a crash, a hang or a heap
// of memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "leat/context.h"
#include "leat/create.h"
#include "leat/onnx.h"
#include "tests/onnx/model_builder.h"

namespace leat::onnx {
namespace {

namespace fs = std::filesystem;
using namespace test;  // NOLINT: the builders
using ::testing::HasSubstr;

std::span<const std::byte> model_bytes(const std::string& s) { return std::as_bytes(std::span(s)); }

// Loads and runs on ones of the declared (static) shapes; the first error.
Status run(const std::string& bytes, LoadOptions options = {}) {
  StatusOr<Model> model = load(model_bytes(bytes), options);
  if (!model.ok()) return model.status();
  std::map<std::string, Tensor> inputs;
  for (const ValueInfo& v : model->inputs()) {
    if (v.has_default) continue;
    Shape shape;
    for (const Dim& d : v.dims) shape.push_back(std::max<std::int64_t>(1, d.extent));
    if (shape.num_elements() > 1 << 20) return Status(Code::resource_exhausted, "the test's own bound");
    inputs[v.name] = ones(shape, v.dtype);
  }
  StatusOr<std::map<std::string, Tensor>> outputs = model->Run(inputs);
  if (!outputs.ok()) return outputs.status();
  for (auto& [name, tensor] : *outputs) {
    if (tensor.byte_count() > 1 << 26) return Status(Code::resource_exhausted, "the test's own bound");
    try {
      tensor.wait();
    } catch (const Error& e) {
      return e.status();
    }
  }
  return {};
}

std::string one_node(const Message& n, const std::vector<Message>& initializers = {},
                     std::int64_t version = 17) {
  return model({n}, {value("x", kF32, {"2", "3"})}, {output("y")}, initializers, version);
}

struct BadModel {
  const char* name;
  std::string bytes;
  Code code;
  const char* message;
};

class Bad : public ::testing::TestWithParam<BadModel> {};

TEST_P(Bad, IsAStatusThatNamesTheNode) {
  const Status s = run(GetParam().bytes);
  EXPECT_EQ(s.code(), GetParam().code) << s.ToString();
  EXPECT_THAT(s.ToString(), HasSubstr(GetParam().message));
}

const auto kWrongAttribute = node("Flatten", {"x"}, {"y"}, {float_attribute("axis", 1)}, "flat");
const auto kHugeShape = test::tensor<std::int64_t>("s", kI64, {3}, {1 << 30, 1 << 30, 1 << 30});
const auto kLargeShape = test::tensor<std::int64_t>("s", kI64, {2}, {1 << 14, 1 << 14});
const auto kLimit = test::tensor<std::int64_t>("m", kI64, {}, {std::int64_t{1} << 60});
const Message kSpin = graph({node("Identity", {"c"}, {"c2"}), node("Identity", {"v"}, {"v2"})},
                            {value("i", kI64, {}), value("c", kBool, {}), value("v", kF32, {"2", "3"})},
                            {output("c2"), output("v2")});
const Message kRecursive = function("F", "mine", {"a"}, {"b"}, {}, {node("F", {"a"}, {"b"}, {}, "", "mine")});

INSTANTIATE_TEST_SUITE_P(
    Models, Bad,
    ::testing::Values(
        BadModel{"no_graph", Message().Int(1, 8).bytes(), Code::data_loss, "it has no graph"},
        BadModel{"empty", "", Code::data_loss, "it has no graph"},
        BadModel{"text", "this is no model", Code::data_loss, "not a valid ONNX file"},
        BadModel{"unknown_op", one_node(node("Frobnicate", {"x"}, {"y"}, {}, "f")), Code::unimplemented,
                 "\"f\" (Frobnicate, node 1): operator Frobnicate of operator set 17 is not supported"},
        BadModel{"unknown_domain", one_node(node("Gelu", {"x"}, {"y"}, {}, "f", "com.microsoft")),
                 Code::unimplemented, "\"f\" (Gelu, node 1): operators of domain com.microsoft"},
        BadModel{"op_too_new", one_node(node("GridSample", {"x", "x"}, {"y"}), {}, 13), Code::unimplemented,
                 "operator GridSample of operator set 13"},
        BadModel{"attribute_type", one_node(kWrongAttribute), Code::invalid_argument,
                 "\"flat\" (Flatten, node 1): attribute axis must be an integer"},
        BadModel{"attribute_missing", one_node(node("Cast", {"x"}, {"y"})), Code::invalid_argument,
                 "(Cast, node 1): attribute to, an integer, is missing"},
        BadModel{"input_missing", one_node(node("Add", {"x"}, {"y"})), Code::invalid_argument,
                 "(Add, node 1): input 1 is missing"},
        BadModel{"undefined_name", one_node(node("Add", {"x", "z"}, {"y"})), Code::invalid_argument,
                 "(Add, node 1): \"z\" is not defined before it is used"},
        BadModel{"undefined_output", one_node(node("Relu", {"x"}, {"z"})), Code::invalid_argument,
                 "\"y\" is not defined before it is used"},
        BadModel{"absent_output", one_node(node("Dropout", {"x"}, {"z", "", "y"})), Code::invalid_argument,
                 "\"y\" is not defined before it is used"},
        BadModel{"shapes_clash",
                 one_node(node("Add", {"x", "w"}, {"y"}, {}, "sum"),
                          {test::tensor<float>("w", kF32, {2}, {1, 2})}),
                 Code::invalid_argument, "\"sum\" (Add, node 1): add: "},
        BadModel{"place",
                 one_node(node("Add", {"x", "w"}, {"y"}), {test::tensor<float>("w", kF32, {2}, {1, 2})}),
                 Code::invalid_argument, "(at <onnx>:1)"},
        BadModel{"axis", one_node(node("Softmax", {"x"}, {"y"}, {int_attribute("axis", 9)})),
                 Code::invalid_argument, "(Softmax, node 1): axis 9 of a tensor of rank 2"},
        BadModel{"string_cast", one_node(node("Cast", {"x"}, {"y"}, {int_attribute("to", 8)})),
                 Code::unimplemented, "elements of type string are not supported"},
        BadModel{"float8_cast", one_node(node("Cast", {"x"}, {"y"}, {int_attribute("to", 17)})),
                 Code::unimplemented, "elements of type float8e4m3fn are not supported"},
        BadModel{"string_input",
                 model({node("Identity", {"s"}, {"y"})}, {value("s", kString, {"1"})}, {output("y")}),
                 Code::unimplemented, "input \"s\": elements of type string are not supported"},
        BadModel{"short_tensor",
                 one_node(node("Add", {"x", "w"}, {"y"}), {test::tensor<float>("w", kF32, {4}, {1})}),
                 Code::data_loss, "tensor \"w\": it holds 4 bytes, its shape says 16"},
        BadModel{"negative_extent",
                 one_node(node("Add", {"x", "w"}, {"y"}), {test::tensor<float>("w", kF32, {-4}, {1})}),
                 Code::data_loss, "tensor \"w\": a negative extent, -4"},
        BadModel{
            "overflowing_extents",
            one_node(node("Add", {"x", "w"}, {"y"}),
                     {test::tensor<float>("w", kF32, {std::int64_t{1} << 40, std::int64_t{1} << 40}, {1})}),
            Code::data_loss, "tensor \"w\": its shape has too many elements"},
        BadModel{"huge_constant_of_shape", one_node(node("ConstantOfShape", {"s"}, {"y"}), {kHugeShape}),
                 Code::invalid_argument, "(ConstantOfShape, node 1)"},
        BadModel{"huge_expand", one_node(node("Expand", {"x", "s"}, {"y"}), {kHugeShape}),
                 Code::invalid_argument, "(Expand, node 1)"},
        BadModel{"endless_loop",
                 one_node(node("Loop", {"m", "", "x"}, {"y"}, {graph_attribute("body", kSpin)}), {kLimit}),
                 Code::resource_exhausted, "counting each turn of a loop"},
        BadModel{"recursive_function",
                 model_of(graph({node("F", {"x"}, {"y"}, {}, "", "mine")}, {value("x", kF32, {"2"})},
                                {output("y")}),
                          17, {kRecursive})
                     .bytes(),
                 Code::resource_exhausted, "functions call each other too deeply"},
        BadModel{"divide_by_zero_in_shapes",
                 one_node(node("Div", {"a", "b"}, {"y"}), {test::tensor<std::int64_t>("a", kI64, {1}, {1}),
                                                           test::tensor<std::int64_t>("b", kI64, {1}, {0})}),
                 Code::invalid_argument, "(Div, node 1): div: integer division by zero"},
        BadModel{"zero_stride",
                 model({node("MaxPool", {"x"}, {"y"},
                             {ints_attribute("kernel_shape", {2}), ints_attribute("strides", {0})})},
                       {value("x", kF32, {"1", "1", "8"})}, {output("y")}),
                 Code::invalid_argument, "(MaxPool, node 1)"},
        BadModel{"external_data",
                 one_node(node("Add", {"x", "w"}, {"y"}),
                          {Message().Int(1, 1).Int(2, kF32).Text(8, "w").Int(14, 1).Add(
                              13, Message().Text(1, "location").Text(2, "w.bin"))}),
                 Code::failed_precondition, "LoadOptions::external_data allows that"}),
    [](const auto& info) { return info.param.name; });

TEST(Budgets, NodesAreCounted) {
  std::vector<Message> nodes;
  for (int i = 0; i < 100; ++i) nodes.push_back(node("Relu", {"x"}, {"y"}));
  const std::string bytes = model(nodes, {value("x", kF32, {"2"})}, {output("y")});
  EXPECT_TRUE(run(bytes).ok());
  EXPECT_EQ(run(bytes, {.max_nodes = 99}).code(), Code::resource_exhausted);
}

TEST(Budgets, GraphsWithinGraphsEnd) {
  Message deep = graph({node("Relu", {"x"}, {"y"})}, {}, {output("y")});
  for (int i = 0; i < 300; ++i) {
    deep = graph({node("If", {"c"}, {"y"}, {graph_attribute("then_branch", deep)})}, {}, {output("y")});
  }
  EXPECT_EQ(run(model_of(deep).bytes()).code(), Code::resource_exhausted);
}

// A GiB of constants from 152 bytes: they become part of the program instead, and nothing is computed.
TEST(Budgets, ConstantsAreNotBlownUpWhileImporting) {
  const std::string bytes =
      model({node("ConstantOfShape", {"s"}, {"big"}), node("Neg", {"big"}, {"c"}),
             node("ReduceSum", {"c"}, {"r"}, {int_attribute("keepdims", 0)}), node("Add", {"x", "r"}, {"y"})},
            {value("x", kF32, {"2"})}, {output("y")}, {kLargeShape});
  Context context({.memory_limit = std::int64_t{1} << 30});
  const Context::Scope scope(context);
  const Status s = run(bytes, {.max_constant_bytes = 1 << 20});
  EXPECT_TRUE(s.ok() || s.code() == Code::resource_exhausted) << s.ToString();
  EXPECT_LE(context.stats().bytes_peak, std::int64_t{1} << 30);
}

// What an op writes into memory while it is imported, a table of its own, comes out of the same budget.
TEST(Budgets, TablesOfAnOpAreCounted) {
  const auto number = [](const char* name, std::int64_t v) {
    return test::tensor<std::int64_t>(name, kI64, {}, {v});
  };
  const auto hertz = [](const char* name, float v) { return test::tensor<float>(name, kF32, {}, {v}); };
  const Message large = value("x", kF32, {"1", "1", "1024", "512"}),
                small = value("x", kF32, {"1", "4", "1"});
  const auto tensor_of = [](const char* name, std::vector<std::int64_t> v) {
    return test::tensor<std::int64_t>(name, kI64, {static_cast<std::int64_t>(v.size())}, v);
  };
  const struct {
    std::string op;
    Message node, input;
    std::vector<Message> constants{};
  } kCases[] = {
      {"HannWindow", node("HannWindow", {"n"}, {"y"}), small, {number("n", std::int64_t{1} << 61)}},
      {"DFT", node("DFT", {"x", "n"}, {"y"}), small, {number("n", 2048)}},
      {"MelWeightMatrix",
       node("MelWeightMatrix", {"b", "n", "r", "l", "h"}, {"y"}),
       small,
       {number("b", std::int64_t{1} << 40), number("n", std::int64_t{1} << 40), number("r", 1), hertz("l", 0),
        hertz("h", 1)}},
      {"MaxPool", node("MaxPool", {"x"}, {"m", "y"}, {ints_attribute("kernel_shape", {2, 2})}), large},
      {"Resize",
       node("Resize", {"x", "", "", "s"}, {"y"}),
       small,
       {tensor_of("s", {1, std::int64_t{1} << 40, 1})}},
      {"Pad",
       node("Pad", {"x", "p"}, {"y"}, {test::text_attribute("mode", "reflect")}),
       small,
       {tensor_of("p", {0, 0, 0, 0, 1 << 20, 0})}},
      {"SplitToSequence", node("SplitToSequence", {"x"}, {"y"}, {int_attribute("axis", 2)}), large},
  };
  for (const auto& c : kCases) {
    const Status s = run(model({c.node}, {c.input}, {output("y")}, c.constants),
                         {.max_constant_bytes = c.op == "SplitToSequence" ? 1 << 12 : 1 << 20});
    EXPECT_EQ(s.code(), Code::resource_exhausted) << s.ToString();
    EXPECT_THAT(s.message(), ::testing::AllOf(HasSubstr("(" + c.op + ", node 1)"),
                                              HasSubstr("(LoadOptions::max_constant_bytes)")));
  }
  const Status far =
      run(model({node("MelWeightMatrix", {"b", "n", "r", "l", "h"}, {"y"})}, {small}, {output("y")},
                {number("b", 8), number("n", 16), number("r", 1), hertz("l", 0), hertz("h", 1e30F)}));
  EXPECT_EQ(far.code(), Code::invalid_argument) << far.ToString();
  EXPECT_THAT(far.message(), HasSubstr("frequencies from 0 to 1"));
}

std::string rich_model() {
  const Message twice = graph({node("Add", {"x", "x"}, {"t"})}, {}, {output("t")});
  return model({node("Conv", {"x", "w"}, {"c"}, {ints_attribute("pads", {1, 1, 1, 1})}, "conv"),
                node("Shape", {"c"}, {"s"}), node("Reshape", {"c", "s"}, {"r"}),
                node("If", {"k"}, {"i"},
                     {graph_attribute("then_branch", twice), graph_attribute("else_branch", twice)}),
                node("Softmax", {"r"}, {"y"}, {int_attribute("axis", 1)})},
               {value("x", kF32, {"1", "1", "4", "4"})}, {output("y"), output("i")},
               {test::tensor<float>("w", kF32, {1, 1, 3, 3}, std::vector<float>(9, 1)),
                test::tensor<std::uint8_t>("k", kBool, {}, {1})});
}

TEST(Bytes, CutOffAnywhereAreAStatus) {
  const std::string whole = rich_model();
  ASSERT_TRUE(run(whole).ok()) << run(whole).ToString();
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(run(whole.substr(0, n)).ok()) << n << " bytes";
}

TEST(Bytes, ChangedAnywhereDoNoHarm) {
  const std::string whole = rich_model();
  std::mt19937 random(7);
  int errors = 0;
  for (int i = 0; i < 1500; ++i) {
    std::string bytes = whole;
    for (int k = random() % 3; k >= 0; --k) bytes[random() % bytes.size()] = static_cast<char>(random());
    errors += run(bytes, {.max_nodes = 1000, .max_constant_bytes = 1 << 20}).ok() ? 0 : 1;
  }
  EXPECT_GT(errors, 500);
}

class ExternalData : public ::testing::Test {
 protected:
  ExternalData() {
    fs::remove_all(root_);
    fs::create_directories(root_ / "model/sub");
    const float data[] = {1, 2, 3, 4};
    for (const fs::path& p : {root_ / "outside.bin", root_ / "model/w.bin", root_ / "model/sub/w.bin"}) {
      std::ofstream(p, std::ios::binary).write(reinterpret_cast<const char*>(data), sizeof data);
    }
    fs::create_symlink("w.bin", root_ / "model/link.bin");
    fs::create_symlink(root_ / "outside.bin", root_ / "model/link_out.bin");
    fs::create_directory_symlink(root_, root_ / "model/up");
    fs::create_directory_symlink("sub", root_ / "model/same");
    fs::create_hard_link(root_ / "outside.bin", root_ / "model/hard.bin");
  }
  ~ExternalData() override { fs::remove_all(root_); }

  Status Load(std::string_view location, const std::vector<Message>& more = {}, bool allowed = true) {
    Message w = Message().Int(1, 2).Int(2, kF32).Text(8, "w").Int(14, 1);
    w.Add(13, Message().Text(1, "location").Text(2, location));
    for (const Message& m : more) w.Add(13, m);
    const std::string bytes = model({node("Identity", {"w"}, {"y"})}, {}, {output("y")}, {w});
    const fs::path path = root_ / "model/m.onnx";
    std::ofstream(path, std::ios::binary) << bytes;
    StatusOr<Model> m = load(path.string(), {.external_data = allowed});
    if (!m.ok()) return m.status();
    const StatusOr<std::map<std::string, Tensor>> y = m->Run({});
    if (!y.ok()) return y.status();
    value_ = (*y).at("y").to_vector<float>();
    return {};
  }

  std::vector<float> value_;
  const fs::path root_ =
      fs::path(::testing::TempDir()) / ("leat_external_data_" + std::to_string(::getpid()));
};

TEST_F(ExternalData, LiesBeneathTheModelsFolder) {
  EXPECT_TRUE(Load("w.bin").ok());
  EXPECT_EQ(value_, (std::vector<float>{1, 2}));
  EXPECT_TRUE(Load("sub/w.bin", {Message().Text(1, "offset").Text(2, "8")}).ok());
  EXPECT_EQ(value_, (std::vector<float>{3, 4}));
  EXPECT_TRUE(Load("./sub/w.bin").ok());
  EXPECT_EQ(Load("w.bin", {}, false).code(), Code::failed_precondition);
}

TEST_F(ExternalData, LeavesItByNoPath) {
  for (const std::string& location :
       {std::string("../outside.bin"), std::string("sub/../../outside.bin"), std::string("sub/../w.bin"),
        std::string(".."), (root_ / "outside.bin").string(), (root_ / "model/w.bin").string(),
        std::string("//etc/passwd"), std::string("link.bin"), std::string("link_out.bin"),
        std::string("up/outside.bin"), std::string("same/w.bin"), std::string("hard.bin"), std::string(""),
        std::string("w.bin\0x", 7), std::string("./../outside.bin"),
        std::string("sub/./../../outside.bin")}) {
    EXPECT_EQ(Load(location).code(), Code::invalid_argument) << location;
  }
  EXPECT_EQ(Load("nowhere.bin").code(), Code::not_found);
  EXPECT_EQ(Load("..\\outside.bin").code(), Code::not_found);  // a name like any other here
}

// What is no file, and names that no file has; none of them is waited for.
TEST_F(ExternalData, IsAPlainFile) {
  ASSERT_EQ(::mkfifo((root_ / "model/fifo").c_str(), 0600), 0);
  fs::create_symlink("/dev/zero", root_ / "model/zero");
  std::ofstream(root_ / "model/empty.bin");
  for (const std::string& location :
       {std::string("sub"), std::string("."), std::string("sub/"), std::string("w.bin/"),
        std::string("w.bin/w.bin"), std::string("fifo"), std::string(300, 'x'), std::string(5000, 'x')}) {
    EXPECT_EQ(Load(location).code(), Code::failed_precondition) << location << Load(location).ToString();
  }
  EXPECT_EQ(Load("zero").code(), Code::invalid_argument);
  EXPECT_EQ(Load("empty.bin").code(), Code::data_loss);
  if (::mknod((root_ / "model/null").c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0) {  // as root
    EXPECT_EQ(Load("null").code(), Code::failed_precondition);
  }
}

// Nothing is looked at before it is opened: a name that turns into a link meanwhile gives its old file or
// none.
TEST_F(ExternalData, IsNotReplacedByALink) {
  const float secret[] = {77, 77, 77, 77};
  std::ofstream(root_ / "outside.bin", std::ios::binary)
      .write(reinterpret_cast<const char*>(secret), sizeof secret);
  std::atomic<bool> stop{false};
  std::thread swapper([&] {
    for (int i = 0; !stop; ++i) {
      const fs::path next = root_ / "model/next";
      fs::remove(next);
      if (i % 2 == 0) {
        fs::create_symlink(root_ / "outside.bin", next);
      } else {
        fs::copy_file(root_ / "model/w.bin", next);
      }
      fs::rename(next, root_ / "model/turning.bin");
    }
  });
  int loaded = 0, refused = 0;
  for (int i = 0; i < 20'000 && (i < 200 || loaded == 0 || refused == 0); ++i) {
    value_.clear();
    const Status s = Load("turning.bin");
    loaded += s.ok();
    refused += s.code() == Code::invalid_argument;
    if (s.ok()) {
      EXPECT_EQ(value_, (std::vector<float>{1, 2}));
    }
  }
  stop = true;
  swapper.join();
  EXPECT_GT(loaded, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(ExternalData, MayBeSharedByTensors) {
  const auto external = [](std::string_view name, std::string_view offset) {
    Message w = Message().Int(1, 2).Int(2, kF32).Text(8, name).Int(14, 1);
    w.Add(13, Message().Text(1, "location").Text(2, "w.bin"));
    return w.Add(13, Message().Text(1, "offset").Text(2, offset));
  };
  const std::string bytes = model({node("Add", {"v", "w"}, {"y"})}, {}, {output("y")},
                                  {external("v", "0"), external("w", "4")});  // elements 0, 1 and 1, 2
  std::ofstream(root_ / "model/m.onnx", std::ios::binary) << bytes;
  const Model m = load((root_ / "model/m.onnx").string(), {.external_data = true}).value();
  EXPECT_EQ(m.Run({}).value().at("y").to_vector<float>(), (std::vector<float>{3, 5}));
}

TEST_F(ExternalData, IsAsLongAsItSays) {
  const auto entry = [](const char* key, const char* number) {
    return Message().Text(1, key).Text(2, number);
  };
  EXPECT_EQ(Load("w.bin", {entry("offset", "12")}).code(), Code::data_loss);
  EXPECT_EQ(Load("w.bin", {entry("offset", "9223372036854775807")}).code(), Code::data_loss);
  EXPECT_EQ(Load("w.bin", {entry("offset", "-1")}).code(), Code::data_loss);
  EXPECT_EQ(Load("w.bin", {entry("length", "4")}).code(), Code::data_loss);
  EXPECT_EQ(Load("w.bin", {entry("offset", "many")}).code(), Code::data_loss);
  EXPECT_EQ(Load("w.bin", {entry("offset", "99999999999999999999")}).code(), Code::data_loss);
  EXPECT_EQ(Load("w.bin", {entry("length", "9223372036854775807")}).code(), Code::data_loss);
  EXPECT_EQ(Load("w.bin", {entry("offset", "8"), entry("length", "9223372036854775800")}).code(),
            Code::data_loss);
  fs::resize_file(root_ / "model/w.bin", 7);
  EXPECT_EQ(Load("w.bin").code(), Code::data_loss);
}

}  // namespace
}  // namespace leat::onnx
