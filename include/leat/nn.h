// Neural composites: built from the primitives, made fast by fusion.
//
// On f16 and bf16 they compute in f32 inside and round once. x is a floating tensor; axes may be
// negative. Wrong shapes or dtypes throw leat::Error (invalid_argument) with the place of the call.
//
//   Tensor h = relu(linear(x, w, b));
#pragma once

#include "leat/ops.h"

#pragma GCC visibility push(default)
namespace leat {

// --- activations ---
Tensor relu(const Tensor& x, Here at = Here::current());                             // maximum(x, 0)
Tensor relu6(const Tensor& x, Here at = Here::current());                            // clamp(x, 0, 6)
Tensor leaky_relu(const Tensor& x, double slope = 0.01, Here at = Here::current());  // x < 0 ? slope x : x
Tensor elu(const Tensor& x, double alpha = 1, Here at = Here::current());  // x < 0 ? alpha (e^x - 1) : x
Tensor selu(const Tensor& x, Here at = Here::current());                   // Klambauer and others, 2017
Tensor silu(const Tensor& x, Here at = Here::current());                   // x sigmoid(x)
Tensor softplus(const Tensor& x, Here at = Here::current());      // log(1 + e^x) as max(x, 0) + log1p(e^-|x|)
Tensor softsign(const Tensor& x, Here at = Here::current());      // x / (1 + |x|)
Tensor mish(const Tensor& x, Here at = Here::current());          // x tanh(softplus(x))
Tensor hard_sigmoid(const Tensor& x, Here at = Here::current());  // clamp(x / 6 + 1/2, 0, 1)
Tensor hard_swish(const Tensor& x, Here at = Here::current());    // x hard_sigmoid(x)
/// x/2 (1 + erf(x / sqrt 2)), or with `approximate` x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
/// (Hendrycks and Gimpel, 2016).
Tensor gelu(const Tensor& x, bool approximate = false, Here at = Here::current());
/// e^(x - max) / sum(e^(x - max)) along the axis.
Tensor softmax(const Tensor& x, int axis = -1, Here at = Here::current());
/// x - max - log(sum(e^(x - max))).
Tensor log_softmax(const Tensor& x, int axis = -1, Here at = Here::current());

// --- normalisation ---
/// (x - mean) / sqrt(variance + epsilon) over the last `scale.rank()` axes (the last, without scale), then
/// * scale + shift where they are given (Ba and others, 2016).
Tensor layer_norm(const Tensor& x, const Tensor& scale = {}, const Tensor& shift = {}, double epsilon = 1e-5,
                  Here at = Here::current());
/// x / sqrt(mean(x^2) + epsilon) * scale over the last axis (Zhang and Sennrich, 2019).
Tensor rms_norm(const Tensor& x, const Tensor& scale = {}, double epsilon = 1e-6, Here at = Here::current());
/// Inference: (x - mean) / sqrt(variance + epsilon) * scale + shift, all [c] for x [n, c, ...].
Tensor batch_norm(const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& scale = {},
                  const Tensor& shift = {}, double epsilon = 1e-5, Here at = Here::current());

// --- layers ---
/// x w + b: x [..., k], w [k, n], b [n] (may be undefined).
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b = {}, Here at = Here::current());
/// softmax(q k^T scale + mask) v over the last two axes; scale 0 means 1 / sqrt(d). mask [..., m, n] is
/// added; a bool mask keeps where it is true.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask = {},
                 bool causal = false, double scale = 0, Here at = Here::current());

/// Of convolutions and pools, per spatial axis; a list that is empty means 1 (low, high: 0) throughout.
struct WindowOptions {
  std::vector<std::int64_t> strides{}, low{}, high{}, dilation{};
};
struct ConvolutionOptions {
  std::vector<std::int64_t> strides{}, low{}, high{}, input_dilation{}, dilation{};
  std::int64_t groups = 1;
};
/// x [n, c, spatial...] with w [o, c / groups, spatial...], 1 to 3 spatial axes; b [o] may be undefined.
Tensor conv(const Tensor& x, const Tensor& w, const Tensor& b = {}, const ConvolutionOptions& options = {},
            Here at = Here::current());
/// The transpose of conv in x (a gradient; "deconvolution"): w [c, o / groups, spatial...].
Tensor conv_transpose(const Tensor& x, const Tensor& w, const Tensor& b = {},
                      const ConvolutionOptions& options = {}, Here at = Here::current());
/// Over windows of the spatial axes of x [n, c, spatial...]; strides default to the window.
Tensor max_pool(const Tensor& x, const std::vector<std::int64_t>& window, const WindowOptions& options = {},
                Here at = Here::current());
/// The mean over each window; padding counts as 0 if `count_padding`, else is left out.
Tensor avg_pool(const Tensor& x, const std::vector<std::int64_t>& window, const WindowOptions& options = {},
                bool count_padding = false, Here at = Here::current());
/// The mean over all spatial axes, which are kept with extent 1.
Tensor global_avg_pool(const Tensor& x, Here at = Here::current());

/// -mean(log_softmax(logits)[target]): logits [n, c], targets i32 or i64 [n].
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, Here at = Here::current());

}  // namespace leat
#pragma GCC visibility pop
