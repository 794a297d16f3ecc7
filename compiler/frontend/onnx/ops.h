// The functions that import operators, by the file that has them. op_table.cpp says which operator is which.
#pragma once

#include "compiler/frontend/onnx/call.h"

namespace leat::onnx {

// ops_elementwise.cpp
template <Tensor (*kFunction)(const Operand&)>
Results import_unary(Call& c) {
  return {kFunction(c.input(0))};
}
/// Operands of operator sets before 7 broadcast by the attributes `broadcast` and `axis`.
Tensor aligned_operand(Call& c);
template <Tensor (*kFunction)(const Operand&, const Operand&)>
Results import_binary(Call& c) {
  c.input(1);
  return {kFunction(c.input(0), aligned_operand(c))};
}
template <Tensor (*kFunction)(const Operand&, const Operand&)>
Results import_variadic(Call& c) {
  const std::vector<Tensor> all = c.inputs();
  Tensor result = c.input(0);
  for (std::size_t i = 1; i < all.size(); ++i) result = kFunction(result, all[i]);
  return {result};
}
template <Tensor (*kFunction)(const Tensor&, Here)>
Results import_activation(Call& c) {
  return {kFunction(c.input(0), Here::current())};
}
Results import_identity(Call& c);
Results import_not(Call& c);
Results import_reciprocal(Call& c);
Results import_is_inf(Call& c);
Results import_pow(Call& c);
Results import_mod(Call& c);
Results import_bit_shift(Call& c);
Results import_mean(Call& c);
Results import_clip(Call& c);
Results import_elu(Call& c);
Results import_selu(Call& c);
Results import_celu(Call& c);
Results import_leaky_relu(Call& c);
Results import_thresholded_relu(Call& c);
Results import_prelu(Call& c);
Results import_hard_sigmoid(Call& c);
Results import_shrink(Call& c);
Results import_gelu(Call& c);
Results import_where(Call& c);
Results import_cast(Call& c);
Results import_cast_like(Call& c);

// ops_shape.cpp
Results import_shape(Call& c);
Results import_size(Call& c);
Results import_constant(Call& c);
Results import_constant_of_shape(Call& c);
Results import_eye_like(Call& c);
Results import_range(Call& c);
Results import_reshape(Call& c);
Results import_flatten(Call& c);
Results import_squeeze(Call& c);
Results import_unsqueeze(Call& c);
Results import_transpose(Call& c);
Results import_expand(Call& c);
Results import_tile(Call& c);
Results import_concat(Call& c);
Results import_split(Call& c);
Results import_slice(Call& c);
Results import_pad(Call& c);
Results import_depth_to_space(Call& c);
Results import_space_to_depth(Call& c);
Results import_trilu(Call& c);

// ops_gather.cpp
/// Indices from the back counted from the front.
Tensor wrapped_indices(const Tensor& indices, std::int64_t extent);
Results import_gather(Call& c);
Results import_gather_elements(Call& c);
Results import_gather_nd(Call& c);
Results import_scatter_elements(Call& c);
Results import_scatter_nd(Call& c);
Results import_one_hot(Call& c);
Results import_reverse_sequence(Call& c);
Results import_top_k(Call& c);
Results import_cum_sum(Call& c);

// ops_selection.cpp: the size of the output is data
Results import_non_zero(Call& c);
Results import_compress(Call& c);
Results import_unique(Call& c);
Results import_non_max_suppression(Call& c);

// ops_reduce.cpp
Results import_reduce_sum(Call& c);
Results import_reduce_mean(Call& c);
Results import_reduce_max(Call& c);
Results import_reduce_min(Call& c);
Results import_reduce_prod(Call& c);
Results import_reduce_l1(Call& c);
Results import_reduce_l2(Call& c);
Results import_reduce_log_sum(Call& c);
Results import_reduce_log_sum_exp(Call& c);
Results import_reduce_sum_square(Call& c);
Results import_arg_max(Call& c);
Results import_arg_min(Call& c);
Results import_softmax(Call& c);
Results import_log_softmax(Call& c);
Results import_hardmax(Call& c);

// ops_contraction.cpp
Results import_matmul(Call& c);
Results import_gemm(Call& c);
Results import_einsum(Call& c);
Results import_conv(Call& c);
Results import_conv_transpose(Call& c);
Results import_det(Call& c);

// ops_pool.cpp
Results import_average_pool(Call& c);
Results import_max_pool(Call& c);
Results import_global_average_pool(Call& c);
Results import_global_max_pool(Call& c);
Results import_lp_pool(Call& c);
Results import_global_lp_pool(Call& c);
Results import_max_unpool(Call& c);
Results import_roi_align(Call& c);

// ops_normalization.cpp
Results import_batch_normalization(Call& c);
Results import_instance_normalization(Call& c);
Results import_layer_normalization(Call& c);
Results import_mean_variance_normalization(Call& c);
Results import_lp_normalization(Call& c);
Results import_lrn(Call& c);
Results import_dropout(Call& c);

// ops_loss.cpp
Results import_negative_log_likelihood_loss(Call& c);
Results import_softmax_cross_entropy_loss(Call& c);

// ops_resize.cpp
Results import_resize(Call& c);
Results import_upsample(Call& c);
Results import_grid_sample(Call& c);

// ops_quantize.cpp
Results import_quantize_linear(Call& c);
Results import_dequantize_linear(Call& c);
Results import_dynamic_quantize_linear(Call& c);
Results import_matmul_integer(Call& c);
Results import_conv_integer(Call& c);
Results import_qlinear_matmul(Call& c);
Results import_qlinear_conv(Call& c);

// ops_recurrent.cpp
Results import_rnn(Call& c);
Results import_gru(Call& c);
Results import_lstm(Call& c);

// ops_control.cpp
Results import_if(Call& c);
Results import_loop(Call& c);
Results import_scan(Call& c);

// ops_sequence.cpp: sequences exist while importing only
Results import_sequence_empty(Call& c);
Results import_sequence_construct(Call& c);
Results import_sequence_insert(Call& c);
Results import_sequence_erase(Call& c);
Results import_sequence_at(Call& c);
Results import_sequence_length(Call& c);
Results import_split_to_sequence(Call& c);
Results import_concat_from_sequence(Call& c);
Results import_sequence_map(Call& c);

// ops_signal.cpp
Results import_hann_window(Call& c);
Results import_hamming_window(Call& c);
Results import_blackman_window(Call& c);
Results import_mel_weight_matrix(Call& c);
Results import_dft(Call& c);
Results import_stft(Call& c);

// ops_text.cpp
Results import_tf_idf_vectorizer(Call& c);

// ops_random.cpp
Results import_random_normal(Call& c);
Results import_random_uniform(Call& c);
Results import_random_normal_like(Call& c);
Results import_random_uniform_like(Call& c);
Results import_bernoulli(Call& c);

// What several files need.
struct SpatialOptions {
  Integers kernel, strides, low, high, dilations;
};
/// The attributes of convolutions and pools, with auto_pad worked out.
SpatialOptions spatial_options(Call& c, const Tensor& x, Integers kernel);
Tensor convolve(Call& c, const Tensor& x, const Tensor& w, const Tensor& bias);
/// x of the floating dtype that sums of it are formed in.
Tensor widened(const Tensor& x);

}  // namespace leat::onnx
