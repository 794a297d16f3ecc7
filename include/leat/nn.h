// Neural-network functions: activations, normalisations, convolutions, pools, attention, a loss.
//
// Most are composites: they build elementwise ops and reductions, which fuse into one kernel. They take
// floating tensors (f16, bf16, f32, f64) unless said otherwise and return x's dtype; over f16 and bf16 they
// compute in f32 and round once. Shapes: n batch, c channels, "..." any leading axes; axes may be negative. A
// wrong shape, dtype or axis throws leat::Error (invalid_argument) with the place of the call.
//
//   Tensor h = relu(linear(x, w, b));                                   // [n,k] x [k,m] + [m]
//   Tensor y = max_pool(conv(image, kernel, {}, {.low = {1, 1}, .high = {1, 1}}), {2, 2});
//   Tensor p = softmax(layer_norm(h, scale, shift));
#pragma once

#include "leat/ops.h"
#include "leat/random.h"

#pragma GCC visibility push(default)
namespace leat {

// --- activations, elementwise ---
/// max(x, 0); NaN stays. Takes any numeric dtype.
Tensor relu(const Tensor& x, Here at = Here::current());
/// clamp(x, 0, 6).
Tensor relu6(const Tensor& x, Here at = Here::current());
/// x < 0 ? slope * x : x (Maas and others, 2013).
Tensor leaky_relu(const Tensor& x, double slope = 0.01, Here at = Here::current());
/// x < 0 ? alpha * (e^x - 1) : x (Clevert and others, arXiv:1511.07289).
Tensor elu(const Tensor& x, double alpha = 1, Here at = Here::current());
/// elu with the two constants that keep mean 0 and variance 1 (Klambauer and others, arXiv:1706.02515).
Tensor selu(const Tensor& x, Here at = Here::current());
/// x * sigmoid(x), also called swish (Elfwing and others, arXiv:1702.03118). NaN at -inf.
Tensor silu(const Tensor& x, Here at = Here::current());
/// log(1 + e^x), as max(x, 0) + log1p(e^-|x|): no overflow.
Tensor softplus(const Tensor& x, Here at = Here::current());
/// x / (1 + |x|).
Tensor softsign(const Tensor& x, Here at = Here::current());
/// x * tanh(softplus(x)) (Misra, arXiv:1908.08681). NaN at -inf.
Tensor mish(const Tensor& x, Here at = Here::current());
/// clamp(x / 6 + 1/2, 0, 1), and x times it (Howard and others, arXiv:1905.02244).
Tensor hard_sigmoid(const Tensor& x, Here at = Here::current());
Tensor hard_swish(const Tensor& x, Here at = Here::current());
/// x/2 (1 + erf(x / sqrt 2)), or with `approximate` x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
/// (Hendrycks and Gimpel, arXiv:1606.08415).
Tensor gelu(const Tensor& x, bool approximate = false, Here at = Here::current());

// --- along an axis ---
/// e^(x - m) / sum(e^(x - m)), m the maximum along the axis. A row of -inf gives NaN.
Tensor softmax(const Tensor& x, int axis = -1, Here at = Here::current());
/// x - m - log(sum(e^(x - m))).
Tensor log_softmax(const Tensor& x, int axis = -1, Here at = Here::current());

// --- normalisations: scale and shift may be undefined, and of another floating dtype than x ---
/// (x - mean) * rsqrt(variance + epsilon) over the last axes, as many as scale (or shift) has, which have its
/// shape; the last one without; then * scale + shift. The variance is mean((x - mean)^2) (Ba and others,
/// arXiv:1607.06450).
Tensor layer_norm(const Tensor& x, const Tensor& scale = {}, const Tensor& shift = {}, double epsilon = 1e-5,
                  Here at = Here::current());
/// x * rsqrt(mean(x^2) + epsilon) * scale over the same axes (Zhang and Sennrich, arXiv:1910.07467).
Tensor rms_norm(const Tensor& x, const Tensor& scale = {}, double epsilon = 1e-6, Here at = Here::current());
/// Inference: (x - mean) * (rsqrt(variance + epsilon) * scale) + shift, all [c] for x [n,c,...] (Ioffe and
/// Szegedy, arXiv:1502.03167).
Tensor batch_norm(const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& scale = {},
                  const Tensor& shift = {}, double epsilon = 1e-5, Here at = Here::current());
/// x [n,c,...]: as layer_norm, over each of `groups` equal groups of channels with all their positions; scale
/// and shift [c] (Wu and He, arXiv:1803.08494). `groups` divides c.
Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& scale = {}, const Tensor& shift = {},
                  double epsilon = 1e-5, Here at = Here::current());
/// group_norm with every channel a group of its own (Ulyanov and others, arXiv:1607.08022).
Tensor instance_norm(const Tensor& x, const Tensor& scale = {}, const Tensor& shift = {},
                     double epsilon = 1e-5, Here at = Here::current());

// --- layers ---
/// x w + b: x [...,k], w [k,m], b [m] (may be undefined) -> [...,m]. A weight kept as [m,k] is transpose(w)
/// here: it folds into the contraction. Both steps round to the dtype, as matmul and + do. Any numeric dtype.
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b = {}, Here at = Here::current());
/// softmax(q k^T * scale + mask) v: q [...,m,d], k [...,n,d], v [...,n,e] -> [...,m,e]; scale 0 means
/// 1 / sqrt(d). The mask broadcasts to [...,m,n] and is added; a bool mask keeps where it is true. Causal:
/// query i sees keys up to i + (n - m). One op, in f32 for f16 and bf16: the scores are never stored. A query
/// that sees no key gives NaN (Vaswani and others, arXiv:1706.03762).
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask = {},
                 bool causal = false, double scale = 0, Here at = Here::current());
/// For training: each element is 0 with this probability, else x / (1 - probability) (Srivastava and others,
/// 2014). Takes one counter of the generator.
Tensor dropout(const Tensor& x, Generator& generator, double probability = 0.5, Here at = Here::current());

/// Of pools, one entry per spatial axis; an empty list means 1 (low, high: 0; strides: the window)
/// throughout.
struct WindowOptions {
  std::vector<std::int64_t> strides{};
  std::vector<std::int64_t> low{}, high{};  // padding before and after
  std::vector<std::int64_t> dilation{};     // distance of the window's elements
  /// Extents are rounded up: a last window that begins inside x or its low padding may reach beyond the high
  /// one.
  bool ceil_mode = false;
};
/// Of convolutions, likewise; strides are 1 where the list is empty.
struct ConvolutionOptions {
  std::vector<std::int64_t> strides{};
  std::vector<std::int64_t> low{}, high{};     // zeros before and after
  std::vector<std::int64_t> input_dilation{};  // distance of x's elements, with zeros between (conv only)
  std::vector<std::int64_t> dilation{};        // distance of the kernel's elements
  std::int64_t groups = 1;                     // the channels fall into so many independent convolutions
  std::vector<std::int64_t> output_padding{};  // conv_transpose only: positions added at the result's end
};
/// Cross-correlation over 1 to 3 spatial axes: x [n,c,s...], w [m,c/groups,k...], b [m] (may be undefined) ->
/// [n,m,...] with extents (s + low + high - dilation * (k - 1) - 1) / strides + 1. Any numeric dtype.
Tensor conv(const Tensor& x, const Tensor& w, const Tensor& b = {}, const ConvolutionOptions& options = {},
            Here at = Here::current());
/// The transpose of conv as a linear map of x ("deconvolution"): w [c,m/groups,k...] -> [n,m,...] with
/// extents (s - 1) * strides + dilation * (k - 1) + 1 - low - high + output_padding.
Tensor conv_transpose(const Tensor& x, const Tensor& w, const Tensor& b = {},
                      const ConvolutionOptions& options = {}, Here at = Here::current());
/// Over windows of the spatial axes of x [n,c,s...]; extents as of conv. Padding never wins; a window of
/// padding only gives the least value. Any numeric dtype.
Tensor max_pool(const Tensor& x, const std::vector<std::int64_t>& window, const WindowOptions& options = {},
                Here at = Here::current());
/// The mean over each window; padding counts as 0 if `count_padding`, else is left out (then a window of
/// padding only gives NaN). What ceil_mode reaches beyond the padding never counts.
Tensor avg_pool(const Tensor& x, const std::vector<std::int64_t>& window, const WindowOptions& options = {},
                bool count_padding = false, Here at = Here::current());
/// Over all spatial axes, which are kept with extent 1.
Tensor global_avg_pool(const Tensor& x, Here at = Here::current());
Tensor global_max_pool(const Tensor& x, Here at = Here::current());

/// -mean(log_softmax(logits)[target]): logits [...,classes], targets [...] of an integer dtype; a scalar. A
/// target out of range poisons the result (out_of_range).
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, Here at = Here::current());

}  // namespace leat
#pragma GCC visibility pop
