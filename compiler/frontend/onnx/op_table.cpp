#include "compiler/frontend/onnx/op_table.h"

#include <unordered_map>

#include "compiler/frontend/onnx/ops.h"
#include "leat/nn.h"

namespace leat::onnx {
namespace {

constexpr std::int64_t kAny = 1, kNewest = 1000;
constexpr KnownRule kShapes = KnownRule::shapes, kNever = KnownRule::never;

// clang-format off
constexpr OpRow kOps[] = {
  // --- elementwise ---
  {"Abs",                        kAny, kNewest, import_unary<abs>},
  {"Acos",                       kAny, kNewest, import_unary<acos>},
  {"Acosh",                      kAny, kNewest, import_unary<acosh>},
  {"Add",                        kAny, kNewest, import_binary<add>},
  {"And",                        kAny, kNewest, import_binary<bit_and>},
  {"Asin",                       kAny, kNewest, import_unary<asin>},
  {"Asinh",                      kAny, kNewest, import_unary<asinh>},
  {"Atan",                       kAny, kNewest, import_unary<atan>},
  {"Atanh",                      kAny, kNewest, import_unary<atanh>},
  {"BitShift",                   11,   kNewest, import_bit_shift},
  {"BitwiseAnd",                 18,   kNewest, import_binary<bit_and>},
  {"BitwiseNot",                 18,   kNewest, import_unary<bit_not>},
  {"BitwiseOr",                  18,   kNewest, import_binary<bit_or>},
  {"BitwiseXor",                 18,   kNewest, import_binary<bit_xor>},
  {"Cast",                       6,    kNewest, import_cast},
  {"CastLike",                   15,   kNewest, import_cast_like},
  {"Ceil",                       kAny, kNewest, import_unary<ceil>},
  {"Celu",                       12,   kNewest, import_celu},
  {"Clip",                       6,    kNewest, import_clip},
  {"Cos",                        kAny, kNewest, import_unary<cos>},
  {"Cosh",                       kAny, kNewest, import_unary<cosh>},
  {"Div",                        kAny, kNewest, import_binary<div>},
  {"Elu",                        kAny, kNewest, import_elu},
  {"Equal",                      kAny, kNewest, import_binary<equal>},
  {"Erf",                        kAny, kNewest, import_unary<erf>},
  {"Exp",                        kAny, kNewest, import_unary<exp>},
  {"Floor",                      kAny, kNewest, import_unary<floor>},
  {"Gelu",                       20,   kNewest, import_gelu},
  {"Greater",                    kAny, kNewest, import_binary<greater>},
  {"GreaterOrEqual",             12,   kNewest, import_binary<greater_equal>},
  {"HardSigmoid",                kAny, kNewest, import_hard_sigmoid},
  {"HardSwish",                  14,   kNewest, import_activation<hard_swish>},
  {"Identity",                   kAny, kNewest, import_identity},
  {"IsInf",                      10,   kNewest, import_is_inf},
  {"IsNaN",                      kAny, kNewest, import_unary<is_nan>},
  {"LeakyRelu",                  kAny, kNewest, import_leaky_relu},
  {"Less",                       kAny, kNewest, import_binary<less>},
  {"LessOrEqual",                12,   kNewest, import_binary<less_equal>},
  {"Log",                        kAny, kNewest, import_unary<log>},
  {"Max",                        kAny, kNewest, import_variadic<maximum>},
  {"Mean",                       kAny, kNewest, import_mean},
  {"Min",                        kAny, kNewest, import_variadic<minimum>},
  {"Mish",                       18,   kNewest, import_activation<mish>},
  {"Mod",                        10,   kNewest, import_mod},
  {"Mul",                        kAny, kNewest, import_binary<mul>},
  {"Neg",                        kAny, kNewest, import_unary<neg>},
  {"Not",                        kAny, kNewest, import_not},
  {"Or",                         kAny, kNewest, import_binary<bit_or>},
  {"Pow",                        kAny, kNewest, import_pow},
  {"PRelu",                      kAny, kNewest, import_prelu},
  {"Reciprocal",                 kAny, kNewest, import_reciprocal},
  {"Relu",                       kAny, kNewest, import_activation<relu>},
  {"Round",                      11,   kNewest, import_unary<round_even>},
  {"Selu",                       kAny, kNewest, import_selu},
  {"Shrink",                     9,    kNewest, import_shrink},
  {"Sigmoid",                    kAny, kNewest, import_unary<sigmoid>},
  {"Sign",                       9,    kNewest, import_unary<sign>},
  {"Sin",                        kAny, kNewest, import_unary<sin>},
  {"Sinh",                       kAny, kNewest, import_unary<sinh>},
  {"Softplus",                   kAny, kNewest, import_activation<softplus>},
  {"Softsign",                   kAny, kNewest, import_activation<softsign>},
  {"Sqrt",                       kAny, kNewest, import_unary<sqrt>},
  {"Sub",                        kAny, kNewest, import_binary<sub>},
  {"Sum",                        kAny, kNewest, import_variadic<add>},
  {"Tan",                        kAny, kNewest, import_unary<tan>},
  {"Tanh",                       kAny, kNewest, import_unary<tanh>},
  {"ThresholdedRelu",            10,   kNewest, import_thresholded_relu},
  {"Where",                      9,    kNewest, import_where},
  {"Xor",                        kAny, kNewest, import_binary<bit_xor>},
  // --- shapes and movement ---
  {"Compress",                   9,    kNewest, import_compress},
  {"Concat",                     kAny, kNewest, import_concat},
  {"Constant",                   kAny, kNewest, import_constant},
  {"ConstantOfShape",            9,    kNewest, import_constant_of_shape},
  {"CumSum",                     11,   kNewest, import_cum_sum},
  {"DepthToSpace",               kAny, kNewest, import_depth_to_space},
  {"Expand",                     8,    kNewest, import_expand},
  {"EyeLike",                    9,    kNewest, import_eye_like, kShapes},
  {"Flatten",                    kAny, kNewest, import_flatten},
  {"Gather",                     kAny, kNewest, import_gather},
  {"GatherElements",             11,   kNewest, import_gather_elements},
  {"GatherND",                   11,   kNewest, import_gather_nd},
  {"NonMaxSuppression",          10,   kNewest, import_non_max_suppression},
  {"NonZero",                    9,    kNewest, import_non_zero},
  {"OneHot",                     9,    kNewest, import_one_hot},
  {"Pad",                        2,    kNewest, import_pad},
  {"Range",                      11,   kNewest, import_range},
  {"Reshape",                    kAny, kNewest, import_reshape},
  {"ReverseSequence",            10,   kNewest, import_reverse_sequence},
  {"Scatter",                    9,    kNewest, import_scatter_elements},
  {"ScatterElements",            11,   kNewest, import_scatter_elements},
  {"ScatterND",                  11,   kNewest, import_scatter_nd},
  {"Shape",                      kAny, kNewest, import_shape, kShapes},
  {"Size",                       kAny, kNewest, import_size, kShapes},
  {"Slice",                      kAny, kNewest, import_slice},
  {"SpaceToDepth",               kAny, kNewest, import_space_to_depth},
  {"Split",                      2,    kNewest, import_split},
  {"Squeeze",                    kAny, kNewest, import_squeeze},
  {"Tile",                       6,    kNewest, import_tile},
  {"TopK",                       kAny, kNewest, import_top_k},
  {"Transpose",                  kAny, kNewest, import_transpose},
  {"Trilu",                      14,   kNewest, import_trilu},
  {"Unique",                     11,   kNewest, import_unique},
  {"Unsqueeze",                  kAny, kNewest, import_unsqueeze},
  // --- reductions, and functions along an axis ---
  {"ArgMax",                     kAny, kNewest, import_arg_max},
  {"ArgMin",                     kAny, kNewest, import_arg_min},
  {"Hardmax",                    kAny, kNewest, import_hardmax},
  {"LogSoftmax",                 kAny, kNewest, import_log_softmax},
  {"ReduceL1",                   kAny, kNewest, import_reduce_l1},
  {"ReduceL2",                   kAny, kNewest, import_reduce_l2},
  {"ReduceLogSum",               kAny, kNewest, import_reduce_log_sum},
  {"ReduceLogSumExp",            kAny, kNewest, import_reduce_log_sum_exp},
  {"ReduceMax",                  kAny, kNewest, import_reduce_max},
  {"ReduceMean",                 kAny, kNewest, import_reduce_mean},
  {"ReduceMin",                  kAny, kNewest, import_reduce_min},
  {"ReduceProd",                 kAny, kNewest, import_reduce_prod},
  {"ReduceSum",                  kAny, kNewest, import_reduce_sum},
  {"ReduceSumSquare",            kAny, kNewest, import_reduce_sum_square},
  {"Softmax",                    kAny, kNewest, import_softmax},
  // --- contractions, pools, norms ---
  {"AveragePool",                kAny, kNewest, import_average_pool},
  {"BatchNormalization",         6,    kNewest, import_batch_normalization},
  {"Conv",                       kAny, kNewest, import_conv},
  {"ConvTranspose",              kAny, kNewest, import_conv_transpose},
  {"Det",                        11,   kNewest, import_det},
  {"Dropout",                    6,    kNewest, import_dropout},
  {"Einsum",                     12,   kNewest, import_einsum},
  {"Gemm",                       6,    kNewest, import_gemm},
  {"GlobalAveragePool",          kAny, kNewest, import_global_average_pool},
  {"GlobalLpPool",               2,    kNewest, import_global_lp_pool},
  {"GlobalMaxPool",              kAny, kNewest, import_global_max_pool},
  {"InstanceNormalization",      6,    kNewest, import_instance_normalization},
  {"LayerNormalization",         17,   kNewest, import_layer_normalization},
  {"LpNormalization",            kAny, kNewest, import_lp_normalization},
  {"LpPool",                     2,    kNewest, import_lp_pool},
  {"LRN",                        kAny, kNewest, import_lrn},
  {"MatMul",                     kAny, kNewest, import_matmul},
  {"MaxPool",                    kAny, kNewest, import_max_pool},
  {"MaxUnpool",                  9,    kNewest, import_max_unpool},
  {"MeanVarianceNormalization",  9,    kNewest, import_mean_variance_normalization},
  {"RoiAlign",                   10,   kNewest, import_roi_align},
  // --- images ---
  {"GridSample",                 16,   kNewest, import_grid_sample},
  {"Resize",                     10,   kNewest, import_resize},
  {"Upsample",                   7,    9,       import_upsample},
  // --- losses ---
  {"NegativeLogLikelihoodLoss",  12,   kNewest, import_negative_log_likelihood_loss},
  {"SoftmaxCrossEntropyLoss",    12,   kNewest, import_softmax_cross_entropy_loss},
  // --- quantised ---
  {"ConvInteger",                10,   kNewest, import_conv_integer},
  {"DequantizeLinear",           10,   kNewest, import_dequantize_linear},
  {"DynamicQuantizeLinear",      11,   kNewest, import_dynamic_quantize_linear},
  {"MatMulInteger",              10,   kNewest, import_matmul_integer},
  {"QLinearConv",                10,   kNewest, import_qlinear_conv},
  {"QLinearMatMul",              10,   kNewest, import_qlinear_matmul},
  {"QuantizeLinear",             10,   kNewest, import_quantize_linear},
  // --- recurrent, control ---
  {"GRU",                        7,    kNewest, import_gru},
  {"If",                         kAny, kNewest, import_if},
  {"Loop",                       kAny, kNewest, import_loop},
  {"LSTM",                       7,    kNewest, import_lstm},
  {"RNN",                        7,    kNewest, import_rnn},
  {"Scan",                       8,    kNewest, import_scan},
  // --- sequences ---
  {"ConcatFromSequence",         11,   kNewest, import_concat_from_sequence},
  {"SequenceAt",                 11,   kNewest, import_sequence_at},
  {"SequenceConstruct",          11,   kNewest, import_sequence_construct},
  {"SequenceEmpty",              11,   kNewest, import_sequence_empty},
  {"SequenceErase",              11,   kNewest, import_sequence_erase},
  {"SequenceInsert",             11,   kNewest, import_sequence_insert},
  {"SequenceLength",             11,   kNewest, import_sequence_length},
  {"SequenceMap",                17,   kNewest, import_sequence_map},
  {"SplitToSequence",            11,   kNewest, import_split_to_sequence},
  // --- signals ---
  {"BlackmanWindow",             17,   kNewest, import_blackman_window},
  {"DFT",                        17,   kNewest, import_dft},
  {"HammingWindow",              17,   kNewest, import_hamming_window},
  {"HannWindow",                 17,   kNewest, import_hann_window},
  {"MelWeightMatrix",            17,   kNewest, import_mel_weight_matrix},
  {"STFT",                       17,   kNewest, import_stft},
  // --- text ---
  {"TfIdfVectorizer",            9,    kNewest, import_tf_idf_vectorizer},
  // --- random ---
  {"Bernoulli",                  15,   kNewest, import_bernoulli, kNever},
  {"RandomNormal",               kAny, kNewest, import_random_normal, kNever},
  {"RandomNormalLike",           kAny, kNewest, import_random_normal_like, kNever},
  {"RandomUniform",              kAny, kNewest, import_random_uniform, kNever},
  {"RandomUniformLike",          kAny, kNewest, import_random_uniform_like, kNever},
};
// clang-format on

}  // namespace

const OpRow* find_op(std::string_view name, std::int64_t version) {
  static const auto* const kByName = [] {
    auto* const map = new std::unordered_multimap<std::string_view, const OpRow*>;
    for (const OpRow& row : kOps) map->emplace(row.name, &row);
    return map;
  }();
  const auto [begin, end] = kByName->equal_range(name);
  for (auto it = begin; it != end; ++it) {
    if (it->second->from <= version && version <= it->second->last) return it->second;
  }
  return nullptr;
}

std::span<const OpRow> all_ops() { return kOps; }

}  // namespace leat::onnx
