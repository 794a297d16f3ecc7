// Bias, residual and activations by cuBLASLt, played by a fake of it: which kernels become epilogues, what is
// said of the others, and that nothing of it happens where it is not allowed.
#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>

#include "compiler/frontend/context_state.h"
#include "leat/inspect.h"
#include "leat/leat.h"
#include "tests/cuda/fake/launches.h"

namespace leat {
namespace {

using fake_cuda::FakeGpu;
using ::testing::HasSubstr;
using ::testing::Not;

class LibraryEpilogues : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("LEAT_CUBLASLT", LEAT_FAKE_CUBLASLT, 1);
    Open({.library_epilogues = true});
  }
  void Open(ContextOptions options) {
    scope_.reset();
    context_.reset();
    options.workers = 2;
    options.gpu_devices = 1;
    options.cuda_driver = LEAT_FAKE_CUDA;
    context_ = std::make_unique<Context>(options);
    gpu_.Serve(context_->state()->engine());
    scope_ = std::make_unique<Context::Scope>(*context_);
  }
  std::string Program(const Tensor& t) { return context_->Dump(std::span(&t, 1), "program").value(); }
  std::int64_t Calls(const char* entry) { return gpu_.driver().calls()[entry]; }
  /// Why the kernel behind the product is none of its epilogues.
  static std::string Why(const Tensor& t) {
    auto seen = inspect(std::span(&t, 1));
    std::string why;
    for (const auto& b : seen.value().boundaries) why += b.why + "\n";
    return why;
  }

  FakeGpu gpu_{{.devices = 1}};
  std::unique_ptr<Context> context_;
  std::unique_ptr<Context::Scope> scope_;
};

// Small whole numbers: every order of the sums has the same bits.
Tensor whole(const Shape& shape, DType dtype, int of = 5) {
  const Tensor x = arange(shape.num_elements(), DType::f32);
  return astype(reshape(x - floor(x / of) * of - of / 2, shape), dtype).wait();
}
Tensor there(const Tensor& t) { return to_device(t, "gpu:0").wait(); }

struct EpilogueCase {
  const char* form;
  Tensor (*build)(const Tensor& product, const Tensor& bias, const Tensor& residual);
};
const EpilogueCase kEpilogues[] = {
    {"bias", [](const Tensor& p, const Tensor& b, const Tensor&) { return p + b; }},
    {"bias", [](const Tensor& p, const Tensor& b, const Tensor&) { return b + p; }},
    {"residual", [](const Tensor& p, const Tensor&, const Tensor& r) { return p + r; }},
    {"relu", [](const Tensor& p, const Tensor&, const Tensor&) { return relu(p); }},
    {"gelu", [](const Tensor& p, const Tensor&, const Tensor&) { return gelu(p, true); }},
    {"bias+relu", [](const Tensor& p, const Tensor& b, const Tensor&) { return relu(p + b); }},
    {"bias+gelu", [](const Tensor& p, const Tensor& b, const Tensor&) { return gelu(p + b, true); }},
    {"residual+bias", [](const Tensor& p, const Tensor& b, const Tensor& r) { return p + b + r; }},
    {"residual+bias+relu",
     [](const Tensor& p, const Tensor& b, const Tensor& r) { return relu(r + (p + b)); }},
    {"residual+bias+gelu",
     [](const Tensor& p, const Tensor& b, const Tensor& r) { return gelu(b + r + p, true); }},
};

TEST_F(LibraryEpilogues, AreOneStepAndHaveTheValues) {
  for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    const Tensor x = whole({6, 70}, dtype), y = whole({70, 12}, dtype, 3), b = whole({12}, dtype, 7),
                 r = whole({6, 12}, dtype, 4);
    const Tensor gx = there(x), gy = there(y), gb = there(b), gr = there(r);
    for (const EpilogueCase& c : kEpilogues) {
      SCOPED_TRACE(std::string(name(dtype)) + " " + c.form);
      const std::int64_t kernels = Calls("cuLaunchKernel"), products = Calls("cublasLtMatmul");
      const Tensor on_gpu = c.build(matmul(gx, gy), gb, gr);
      const std::string program = Program(on_gpu);
      EXPECT_THAT(program, HasSubstr("[6,70][70,12] with " + std::string(c.form) + " algorithm"));
      EXPECT_THAT(program, HasSubstr("dot_general+" + std::string(c.form)));
      const std::vector<double> got = astype(to_device(on_gpu, "cpu:0"), DType::f64).to_vector<double>();
      EXPECT_EQ(Calls("cublasLtMatmul"), products + 1);
      EXPECT_EQ(Calls("cuLaunchKernel"), kernels) << program;
      const std::vector<double> want = astype(c.build(matmul(x, y), b, r), DType::f64).to_vector<double>();
      const bool exact = std::string_view(c.form).find("gelu") == std::string_view::npos;
      const double ulp = dtype == DType::bf16 ? 0x1p-7 : dtype == DType::f16 ? 0x1p-10 : 0x1p-20;
      ASSERT_EQ(got.size(), want.size());
      for (std::size_t i = 0; i < want.size(); ++i)
        EXPECT_NEAR(got[i], want[i], exact ? 0 : ulp * std::fabs(want[i]) + 1e-6) << i;
    }
  }
}

TEST_F(LibraryEpilogues, BatchesAndReshapedProductsHaveThemToo) {
  const Tensor x = whole({3, 4, 20}, DType::f32), w = whole({20, 8}, DType::f32, 3),
               y = whole({3, 20, 8}, DType::f32, 7), b = whole({8}, DType::f32, 4),
               r = whole({3, 4, 8}, DType::f32, 6);
  const std::int64_t kernels = Calls("cuLaunchKernel");
  EXPECT_EQ(relu(matmul(there(x), there(y)) + there(b)).to_vector<float>(),
            relu(matmul(x, y) + b).to_vector<float>());
  const auto flat = [](const Tensor& a, const Tensor& m, const Tensor& bias, const Tensor& residual) {
    return reshape(matmul(reshape(a, {12, 20}), m), {3, 4, 8}) + bias + residual;
  };
  const Tensor at_once = flat(there(x), there(w), there(b), there(r));
  EXPECT_THAT(Program(at_once), HasSubstr("with residual+bias algorithm"));
  EXPECT_EQ(at_once.to_vector<float>(), flat(x, w, b, r).to_vector<float>());
  EXPECT_EQ(Calls("cuLaunchKernel"), kernels);
}

// f16 and bf16 are rounded once: 256 + 1 + 1 is 258 in bf16, where 256 + 1 is 256.
TEST_F(LibraryEpilogues, RoundOnce) {
  const auto sum = [](auto place) {
    const Tensor x = place(full({8, 16}, 16.0f)), y = place(full({16, 8}, 1.0f)),
                 one = place(full({8}, 1.0f)), ones = place(full({8, 8}, 1.0f));
    return astype((matmul(x, y) + one + ones).wait(), DType::f32).to_vector<float>()[9];
  };
  const auto bf16_there = [](const Tensor& t) { return there(astype(t, DType::bf16).wait()); };
  const auto bf16_here = [](const Tensor& t) { return astype(t, DType::bf16); };
  EXPECT_EQ(sum(bf16_here), 256);
  EXPECT_EQ(sum(bf16_there), 258);
  Open({});
  EXPECT_EQ(sum(bf16_there), 256);
}

TEST_F(LibraryEpilogues, AreNotTakenWhereTheyAreNotAllowed) {
  const auto linear_relu = [] {
    return relu(matmul(there(whole({4, 6}, DType::f32)), there(whole({6, 8}, DType::f32))) +
                there(whole({8}, DType::f32)));
  };
  Open({});
  EXPECT_THAT(Program(linear_relu()), Not(HasSubstr("with bias")));
  EXPECT_THAT(Why(linear_relu()),
              HasSubstr("it is no epilogue of the product: cuBLASLt's bias+relu has other bits, and "
                        "library_epilogues does not allow it\n"));
  Open({.exact_contractions = true, .library_epilogues = true});
  EXPECT_THAT(Program(linear_relu()), Not(HasSubstr("cuBLASLt")));
  Open({.library_epilogues = true, .fuse = false});
  EXPECT_THAT(Program(linear_relu()), Not(HasSubstr("with bias")));
}

TEST_F(LibraryEpilogues, OtherKernelsStayAndSayWhy) {
  const Tensor x = there(whole({4, 6}, DType::f32)), y = there(whole({6, 8}, DType::f32)),
               b = there(whole({8}, DType::f32)), column = there(whole({4, 1}, DType::f32));
  const auto refused = [&](const Tensor& t, const std::string& why) {
    EXPECT_THAT(Program(t), Not(HasSubstr(" with "))) << why;
    EXPECT_THAT(Why(t), HasSubstr("it is no epilogue of the product: " + why + "\n"));
  };
  const Tensor p = matmul(x, y);
  refused(gelu(p + b), "gelu by erf is not cuBLASLt's, which goes by tanh");
  refused(exp(p), "cuBLASLt has no epilogue with exp");
  refused(softmax(p + b), "cuBLASLt has no epilogue with div");
  refused(p + column, "cuBLASLt has no epilogue with broadcast");
  refused(p * b, "cuBLASLt has no epilogue with mul");
  refused(p + b + b * 2.0f, "cuBLASLt has no epilogue with broadcast");
  refused(astype(p + b, DType::bf16), "the kernel's result is no array like the product");
  // Whatever else reads the product needs it as it is.
  const Tensor both[] = {p, p + b};
  EXPECT_THAT(context_->Dump(both, "program").value(), Not(HasSubstr(" with ")));
  EXPECT_EQ((p + b).to_vector<float>(), (to_device(p, "cpu:0") + to_device(b, "cpu:0")).to_vector<float>());
}

// The product of two is the residual of the other.
TEST_F(LibraryEpilogues, OneKernelIsTheEpilogueOfOneProduct) {
  const Tensor x = whole({4, 6}, DType::f32), y = whole({6, 8}, DType::f32, 3), b = whole({8}, DType::f32);
  const auto sum = [](const Tensor& u, const Tensor& v, const Tensor& w) {
    return matmul(u, v) + matmul(u * 2.0f, v) + w;
  };
  const Tensor on_gpu = sum(there(x), there(y), there(b));
  EXPECT_THAT(Program(on_gpu), HasSubstr("with residual+bias algorithm"));
  EXPECT_EQ(on_gpu.to_vector<float>(), sum(x, y, b).to_vector<float>());
}

// The library refuses the epilogue: the kernel does it, and the plan says so.
TEST_F(LibraryEpilogues, WhatTheLibraryRefusesIsAKernel) {
  const Tensor x = there(whole({4, 6}, DType::f32)), y = there(whole({6, 8}, DType::f32)),
               b = there(whole({8}, DType::f32));
  gpu_.driver().FailCall("cublasLtMatmulAlgoGetHeuristic", 1, runtime::cuda::CuResult::not_found);
  const Tensor t = relu(matmul(x, y) + b);
  EXPECT_THAT(Why(t), HasSubstr("it is no epilogue of the product: gpu:0: cublasLtMatmulAlgoGetHeuristic: "
                                "CUBLAS_STATUS_NOT_SUPPORTED\n"));
  EXPECT_EQ(
      t.to_vector<float>(),
      relu(matmul(to_device(x, "cpu:0"), to_device(y, "cpu:0")) + to_device(b, "cpu:0")).to_vector<float>());
}

TEST_F(LibraryEpilogues, RunsAtOnceHaveTheirOwnBias) {
  const Tensor w = there(whole({64, 64}, DType::f32, 3)), x = there(whole({8, 64}, DType::f32));
  std::vector<Tensor> results;
  for (int i = 0; i < 30; ++i) {
    results.push_back(matmul(x, w) + there(full({64}, static_cast<float>(i))));
    results.back().eval();
  }
  const std::vector<float> plain = matmul(x, w).to_vector<float>();
  for (int i = 0; i < 30; ++i) {
    const std::vector<float> got = results[static_cast<std::size_t>(i)].to_vector<float>();
    EXPECT_EQ(got[77], plain[77] + static_cast<float>(i)) << i;
  }
}

}  // namespace
}  // namespace leat
