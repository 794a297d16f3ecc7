// ONNX's own test cases (Debian's libonnx-testdata), each on the interpreter and on the compiled CPU backend.
//
// pass_interpreter.txt and pass_compiled.txt say which cases pass, excluded.txt which are not run, and why. A
// case that is listed and fails is a regression; one that passes and is not listed fails too, so that the
// lists stay true (LEAT_UPDATE=1 writes them anew). `--root DIR` runs the cases of another folder of the same
// form instead: there all must pass, and how far each is from what was expected is printed. `--atol X` is for
// deep models, whose smallest values are what is left of large ones.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "compiler/frontend/onnx/constants.h"
#include "leat/context.h"
#include "leat/create.h"
#include "leat/onnx.h"

namespace leat::onnx {
namespace {

namespace fs = std::filesystem;

constexpr char kData[] = "/usr/share/libonnx-testdata/data";
const fs::path kLists = fs::path(LEAT_SOURCE_DIR) / "tests/onnx";

enum class Backend { interpreter, compiled };
std::string name_of(Backend b) { return b == Backend::interpreter ? "interpreter" : "compiled"; }

struct Expectations {
  std::map<Backend, std::set<std::string>> passes;
  std::map<std::string, std::string> excluded;  // case -> reason
  bool strict = false;                          // no lists: all must pass
  double atol = 1e-7;                           // ONNX's own
};
Expectations& expectations() {
  static Expectations e;
  return e;
}
std::map<Backend, std::set<std::string>>& passed() {
  static std::map<Backend, std::set<std::string>> p;
  return p;
}
bool updating() { return std::getenv("LEAT_UPDATE") != nullptr; }

std::string read_bytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<Tensor> read_tensors(const fs::path& folder, const std::string& stem) {
  std::vector<Tensor> tensors;
  for (int i = 0;; ++i) {
    const fs::path path = folder / (stem + "_" + std::to_string(i) + ".pb");
    if (!fs::exists(path)) return tensors;
    const std::string bytes = read_bytes(path);
    tensors.push_back(make_constant(read_tensor(bytes), ModelBytes{}));
  }
}

// The data say u16 where the model says bf16: NumPy has no bf16.
Tensor as_declared(const Tensor& t, const ValueInfo& declared) {
  if (!t.defined() || t.dtype() != DType::u16 || declared.dtype != DType::bf16) return t;
  return from_memory(t.data<std::uint16_t>().data(), DType::bf16, t.shape());
}

// The largest difference of the floating outputs of a case, and their largest value.
struct Distance {
  double difference = 0, largest = 0;
};

// ONNX's tolerances for floating values; everything else is exact.
std::string compare(const Tensor& have, const Tensor& want, Distance* distance) {
  const auto type = [](const Tensor& t) { return std::string(name(t.dtype())) + t.shape().ToString(); };
  if (have.dtype() != want.dtype() || !(have.shape() == want.shape())) {
    return "is " + type(have) + ", expected " + type(want);
  }
  return visit_dtype(want.dtype(), [&]<class T>(T) -> std::string {
    const DataView<T> a = have.data<T>(), b = want.data<T>();
    for (std::size_t i = 0; i < a.size(); ++i) {
      if constexpr (std::is_integral_v<T>) {
        if (a[i] == b[i]) continue;
        return "element " + std::to_string(i) + " is " + std::to_string(a[i]) + ", expected " +
               std::to_string(b[i]);
      } else {
        using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;
        const double x = static_cast<Wide>(a[i]), y = static_cast<Wide>(b[i]);
        if (std::isfinite(x) && std::isfinite(y)) {
          distance->difference = std::max(distance->difference, std::fabs(x - y));
          distance->largest = std::max(distance->largest, std::fabs(y));
        }
        if (x == y || (std::isnan(x) && std::isnan(y)) ||
            std::fabs(x - y) <= expectations().atol + 1e-3 * std::fabs(y))
          continue;
        return "element " + std::to_string(i) + " is " + std::to_string(x) + ", expected " +
               std::to_string(y);
      }
    }
    return "";
  });
}

// One Context for all cases: kernels that are equal are compiled once.
Context& context() {
  static Context* const c = new Context({.tier = Tier::machine_code});
  return *c;
}

// What is wrong with a case; empty if it passes.
std::string run_case(const fs::path& folder, Backend backend, Distance* distance) {
  const Context::Scope scope(context());
  StatusOr<Model> model =
      load((folder / "model.onnx").string(), {.interpret = backend == Backend::interpreter});
  if (!model.ok()) return model.status().ToString();
  for (int set = 0;; ++set) {
    const fs::path data = folder / ("test_data_set_" + std::to_string(set));
    if (!fs::exists(data)) return set == 0 ? "it has no test_data_set_0" : "";
    try {
      std::vector<Tensor> inputs = read_tensors(data, "input");
      inputs.resize(model->inputs().size());
      for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i] = as_declared(inputs[i], model->inputs()[i]);
      const std::vector<Tensor> want = read_tensors(data, "output");
      for (int repeat = 0; repeat < 2; ++repeat) {  // traced, and again with the plan that was found
        const std::uint64_t runs = context().stats().runs;
        const std::vector<Tensor> have = (*model)(inputs);
        if (want.size() > have.size()) return "it has too few outputs";
        for (std::size_t o = 0; o < want.size(); ++o) {
          const std::string difference =
              compare(have[o], as_declared(want[o], model->outputs()[o]), distance);
          if (!difference.empty()) return "output " + model->outputs()[o].name + " " + difference;
        }
        const bool executed = context().stats().runs > runs;
        if (backend == Backend::interpreter && executed) return "the interpreter is not what computed it";
        if (backend == Backend::interpreter) break;
      }
    } catch (const Error& e) {
      return e.status().ToString();
    }
  }
}

class Case : public testing::Test {
 public:
  Case(fs::path folder, std::string name, Backend backend)
      : folder_(std::move(folder)), name_(std::move(name)), backend_(backend) {}
  void TestBody() override {
    const Expectations& e = expectations();
    if (const auto it = e.excluded.find(name_); it != e.excluded.end() && !e.strict) {
      GTEST_SKIP() << it->second;
    }
    Distance distance;
    const std::string wrong = run_case(folder_, backend_, &distance);
    if (e.strict) {
      std::printf("%-24s %-12s largest difference %.2e, largest value %.2e\n", name_.c_str(),
                  name_of(backend_).c_str(), distance.difference, distance.largest);
    }
    if (wrong.empty()) passed()[backend_].insert(name_);
    if (updating()) {
      if (!wrong.empty()) GTEST_SKIP() << wrong;
      return;
    }
    const bool listed = e.strict || e.passes.at(backend_).contains(name_);
    if (listed) {
      EXPECT_EQ(wrong, "") << name_ << " on the " << name_of(backend_);
    } else if (wrong.empty()) {
      ADD_FAILURE() << name_ << " passes on the " << name_of(backend_) << " and is not in pass_"
                    << name_of(backend_) << ".txt: add it (LEAT_UPDATE=1 does)";
    } else {
      GTEST_SKIP() << wrong;
    }
  }

 private:
  const fs::path folder_;
  const std::string name_;
  const Backend backend_;
};

// "name reason" lines; '#' begins a comment.
std::map<std::string, std::string> read_list(const fs::path& path) {
  std::map<std::string, std::string> list;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t space = line.find(' ');
    list[line.substr(0, space)] = space == std::string::npos ? "" : line.substr(space + 1);
  }
  return list;
}

std::set<std::string> find_cases(const fs::path& root) {
  std::set<std::string> cases;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(root, ignored)) {
    if (entry.path().filename() == "model.onnx") {
      cases.insert(fs::relative(entry.path().parent_path(), root).string());
    }
  }
  return cases;
}

// Names in the lists that are no cases, and cases that are excluded and pass.
TEST(Lists, NameCasesThatAreThere) {
  const Expectations& e = expectations();
  if (e.strict) GTEST_SKIP() << "another folder";
  const std::set<std::string> cases = find_cases(kData);
  for (const auto& [backend, names] : e.passes) {
    for (const std::string& n : names) {
      EXPECT_TRUE(cases.contains(n)) << n << " in pass_" << name_of(backend) << ".txt";
      EXPECT_FALSE(e.excluded.contains(n))
          << n << " is in pass_" << name_of(backend) << ".txt and excluded.txt";
    }
  }
  for (const auto& [n, reason] : e.excluded) {
    EXPECT_TRUE(cases.contains(n)) << n << " in excluded.txt";
    EXPECT_FALSE(reason.empty()) << n << " in excluded.txt has no reason";
  }
}

TEST(Data, IsThere) {
  const Expectations& e = expectations();
  if (e.strict) GTEST_SKIP() << "another folder";
  EXPECT_GE(find_cases(kData).size(), 1072u)
      << "no ONNX test data at " << kData << ": tools/setup installs it (Debian's package libonnx-testdata)";
}

void register_cases(const fs::path& root) {
  for (const std::string& name : find_cases(root)) {
    for (const Backend backend : {Backend::interpreter, Backend::compiled}) {
      std::string test = name;
      for (char& c : test) c = c == '/' ? '_' : c;
      testing::RegisterTest(("Onnx_" + name_of(backend)).c_str(), test.c_str(), nullptr, nullptr, __FILE__,
                            __LINE__,
                            [=]() -> testing::Test* { return new Case(root / name, name, backend); });
    }
  }
}

void write_lists() {
  for (const auto& [backend, names] : passed()) {
    std::ofstream out(kLists / ("pass_" + name_of(backend) + ".txt"));
    out << "# Cases of libonnx-testdata that pass on the " << name_of(backend) << ": " << names.size()
        << ".\n";
    for (const std::string& n : names) out << n << "\n";
  }
}

}  // namespace
}  // namespace leat::onnx

int main(int argc, char** argv) {
  using namespace leat::onnx;
  testing::InitGoogleTest(&argc, argv);
  fs::path root = kData;
  Expectations& e = expectations();
  for (int i = 1; i < argc; i += 2) {
    const std::string_view option = argv[i];
    if ((option != "--root" && option != "--atol") || i + 1 == argc) {
      std::fprintf(stderr, "usage: %s [--root DIR] [--atol X]\n", argv[0]);
      return 2;
    }
    if (option == "--atol") {
      e.atol = std::atof(argv[i + 1]);
    } else {
      root = argv[i + 1];
      e.strict = true;
    }
  }
  for (const Backend b : {Backend::interpreter, Backend::compiled}) {
    e.passes[b] = {};
    for (const auto& [name, rest] : read_list(kLists / ("pass_" + name_of(b) + ".txt")))
      e.passes[b].insert(name);
  }
  e.excluded = read_list(kLists / "excluded.txt");
  register_cases(root);
  const int result = RUN_ALL_TESTS();
  if (updating() && !e.strict) write_lists();
  return result;
}
