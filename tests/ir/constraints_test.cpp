// Bad input for every constraint, with its whole message; and that no constraint is without.
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>

#include "ir/inference.h"
#include "ir/parser.h"
#include "ir/verifier.h"

namespace leat::ir {
namespace {

struct Bad {
  std::string_view text;
  std::string_view message;  // of the last line, without source, line and column
};

constexpr Bad kBad[] = {
    // every op
    {"%x: f32[2]\n%0 = exp %x %x", "exp: takes 1 operand, got 2 [C1]"},
    {"%x: f32[2]\n%0 = add %x", "add: takes 2 operands, got 1 [C1]"},
    {"%0 = concat {axis=0}", "concat: takes at least 1 operand, got 0 [C1]"},
    {"%0 = sort {axis=0}", "sort: takes at least 1 operand, got 0 [C1]"},
    {"%x: f32[2]\n%0 = iota %x {axis=0} : f32[2]", "iota: takes 0 operands, got 1 [C1]"},
    {"%x: f32[2]\n%0 = attention %x %x {scale=1}", "attention: takes 3 or 4 operands, got 2 [C1]"},
    {"%x: f32[2]\n%0 = dynamic_slice %x {sizes=[1]}", "dynamic_slice: takes 2 operands, got 1 [C1]"},
    {"%x: f32[2]\n%0 = dynamic_update_slice %x",
     "dynamic_update_slice: takes at least 2 operands, got 1 [C1]"},
    {"%x: f32[2]\n%0 = reverse %x", "reverse: needs the attribute dims [C2]"},
    {"%x: f32[2]\n%0 = exp %x {axis=0}", "exp: has no attribute axis [C2]"},
    {"%x: f32[2,3]\n%y: f32[3,2]\n%0 = add %x %y",
     "add: operands must have one shape, got f32[2,3] and f32[3,2] (dimension 0: 2 against 3) [C3]"},
    {"%x: f32[2,3]\n%y: f32[3]\n%0 = add %x %y",
     "add: operands must have one shape, got f32[2,3] and f32[3] (rank 2 against 1) [C3]"},
    {"%p: bool[3]\n%x: f32[2]\n%0 = select %p %x %x",
     "select: operands must have one shape, got bool[3] and f32[2] (dimension 0: 3 against 2) [C3]"},
    {"%x: f32[n]\n%y: f32[m]\n%0 = sort %x %y {axis=0}",
     "sort: operands must have one shape, got f32[n] and f32[m] [C3]"},
    {"%x: f32[2]\n%y: f64[2]\n%0 = add %x %y",
     "add: operands must have one dtype, got f32[2] and f64[2] [C4]"},
    {"%x: f32[2]\n%y: f64[2]\n%0 = concat %x %y {axis=0}",
     "concat: operands must have one dtype, got f32[2] and f64[2] [C4]"},
    {"%x: f32[2]\n%y: f64[]\n%0 = pad %x %y {low=[0], high=[0], interior=[0]}",
     "pad: operands must have one dtype, got f32[2] and f64[] [C4]"},
    {"%x: f32[2]\n%0 = broadcast %x {dims=[0]} : f64[2]",
     "broadcast: operands must have one dtype, got f32[2] and f64[2] [C4]"},
    {"%x: i32[2]\n%0 = exp %x", "exp: takes a floating dtype (f16, bf16, f32, f64), got i32 [C5]"},
    {"%x: bool[2]\n%0 = neg %x", "neg: takes a numeric dtype (not bool), got bool [C5]"},
    {"%x: f32[2]\n%0 = bit_and %x %x", "bit_and: takes an integer dtype or bool, got f32 [C5]"},
    {"%x: bool[2]\n%0 = popcount %x", "popcount: takes an integer dtype, got bool [C5]"},
    {"%x: bool[2]\n%0 = reduce_sum %x {dims=[0]}",
     "reduce_sum: takes a numeric dtype (not bool), got bool [C5]"},
    {"%0 = iota {axis=0} : bool[2]", "iota: takes a numeric dtype (not bool), got bool [C5]"},
    {"%x: bool[2,2]\n%0 = matmul %x %x", "dot_general: takes a numeric dtype (not bool), got bool [C5]"},
    {"%x: i32[2,2]\n%0 = attention %x %x %x {scale=1}",
     "attention: takes a floating dtype (f16, bf16, f32, f64), got i32 [C5]"},
    {"%x: u8[4611686018427387904]\n%0 = convert %x {dtype=u16}",
     "convert: u16[4611686018427387904] is larger than 2^62 bytes [C6]"},
    {"%x: u8[4611686018427387904]\n%0 = concat %x %x {axis=0}",
     "concat: the extent of dimension 0 is larger than 2^62 [C6]"},
    {"%x: u8[4294967296,0]\n%0 = reshape %x : u8[0,4294967296,4294967296]",
     "u8[0,4294967296,4294967296] is larger than 2^62 bytes [C6]"},
    {"%x: f32[65536,65536]\n%0 = dot_general %x %x {batch_x=[], batch_y=[], contract_x=[], contract_y=[]}",
     "dot_general: f32[65536,65536,65536,65536] is larger than 2^62 bytes [C6]"},
    {"%x: f32[3]\n%v: f32[]\n%0 = pad %x %v {low=[0], high=[0], interior=[9223372036854775807]}",
     "pad: the padded extent of dimension 0 of f32[3] is larger than 2^62 [C6]"},
    {"%x: f32[1]\n%v: f32[]\n%0 = pad %x %v {low=[0], high=[0], interior=[9223372036854775807]}",
     "pad: low and high may be 2^61 either way and interior 2^31, got 0, 0 and 9223372036854775807 "
     "(dimension 0) [C6]"},
    {"%x: f32[2]\n%0 = reduce_window %x {kind=\"sum\", window=[3], strides=[1], low=[9223372036854775807], "
     "high=[1], "
     "dilation=[1]}",
     "reduce_window: the padded extent or the dilated window of dimension 0 is larger than 2^62 [C6]"},
    {"%x: f32[2]\n%0 = reduce_window %x {kind=\"sum\", window=[3], strides=[1], low=[1], high=[1], "
     "dilation=[9223372036854775807]}",
     "reduce_window: the padded extent or the dilated window of dimension 0 is larger than 2^62 [C6]"},
    {"%x: f32[1,1,3]\n%0 = convolution %x %x {strides=[1], low=[0], high=[0], "
     "input_dilation=[9223372036854775807], "
     "dilation=[1], groups=1}",
     "convolution: the dilated extent of dimension 2 of f32[1,1,3] is larger than 2^62 [C6]"},
    {"%x: f32[n,n,n,n,n,n,n,n,n,n,n,n,n,n,n,n,n]\n%i: i64[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]\n"
     "%0 = gather %x %i {axis=0}",
     "gather: the rank of f32[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,n,n,n,n,n,n,n,n,n,n,n,n,n,n,n,...] is 33, "
     "more "
     "than 32 [C7]"},
    {"%x: f32[2]\n%0 = sort %x {axis=1}", "sort: axis 1 is outside f32[2] (rank 1) [C8]"},
    {"%x: f32[2]\n%0 = arg_max %x {axis=-1}", "arg_max: axis -1 is outside f32[2] (rank 1) [C8]"},
    {"%x: f32[]\n%0 = cumulative_sum %x {axis=0}", "cumulative_sum: axis 0 is outside f32[] (rank 0) [C8]"},
    {"%x: f32[]\n%0 = top_k %x {k=0}", "top_k: there is no last axis in f32[] (rank 0) [C8]"},
    {"%x: f32[2]\n%0 = reduce_sum %x {dims=[2]}",
     "reduce_sum: dims [2]: axis 2 is outside f32[2] (rank 1) [C8]"},
    {"%x: f32[2]\n%0 = concat %x %x {axis=1}", "concat: axis 1 is outside f32[2] (rank 1) [C8]"},
    {"%x: f32[2]\n%0 = dot_general %x %x {batch_x=[], batch_y=[], contract_x=[1], contract_y=[0]}",
     "dot_general: batch and contracting dimensions of x [1]: axis 1 is outside f32[2] (rank 1) [C8]"},
    {"%0 = iota {axis=0} : i32[]", "iota: axis 0 is outside i32[] (rank 0) [C8]"},
    {"%x: f32[2,2]\n%0 = reverse %x {dims=[1, 1]}", "reverse: dims [1,1] names axis 1 twice [C9]"},
    {"%x: f32[2,2]\n%0 = dot_general %x %x {batch_x=[0], batch_y=[0], contract_x=[0], contract_y=[1]}",
     "dot_general: batch and contracting dimensions of x [0,0] names axis 0 twice [C9]"},
    {"%x: f32[2,2]\n%0 = broadcast %x {dims=[0, 0]} : f32[2,2]",
     "broadcast: dims [0,0] names axis 0 twice [C9]"},
    {"%x: f32[2,2]\n%0 = slice %x {starts=[0], limits=[1, 1], strides=[1, 1]}",
     "slice: starts [0] must have 2 entries, one for each dimension, got 1 [C10]"},
    {"%x: f32[2]\n%0 = broadcast %x {dims=[]} : f32[2]",
     "broadcast: dims [] must have 1 entry, one for each dimension, got 0 [C10]"},
    {"%x: f32[2]\n%i: i64[]\n%0 = dynamic_slice %x %i {sizes=[]}",
     "dynamic_slice: sizes [] must have 1 entry, one for each dimension, got 0 [C10]"},
    {"%x: f32[2]\n%0 = reshape %x", "reshape: the result type must be given, one, got 0 [C11]"},
    {"%0 = iota {axis=0}", "iota: the result type must be given, one, got 0 [C11]"},
    {"%0 = custom_call {target=\"f\"}", "custom_call: the result types must be given, at least one [C11]"},
    {"%x: f32[2]\n%0 = exp %x : f32[3]", "exp: the result type is f32[2], written as f32[3] [C12]"},
    {"%x: f32[2]\n%0:2 = top_k %x {k=1} : f32[1], i32[1]",
     "top_k: the type of result 1 is i64[1], written as i32[1] [C12]"},
    {"%x: f32[2]\n%0 = exp %x : f32[2], f32[2]", "exp: has 1 result, written with 2 [C12]"},
    {"%x: f32[2]\n%0 = pad %x %x {low=[0], high=[0], interior=[0]}",
     "pad: the padding value must be one number, got f32[2] [C13]"},
    {"%x: f32[2]\n%i: i64[1]\n%0 = dynamic_slice %x %i {sizes=[1]}",
     "dynamic_slice: the start of each dimension must be one number, got i64[1] for dimension 0 [C13]"},
    {"%x: f32[2]\n%0 = slice %x {starts=[0], limits=[1], strides=[0]}",
     "slice: strides [0] must be at least 1 (entry 0: 0) [C14]"},
    {"%x: f32[2]\n%0 = reduce_window %x {kind=\"sum\", window=[0], strides=[1], low=[0], high=[0], "
     "dilation=[1]}",
     "reduce_window: window [0] must be at least 1 (entry 0: 0) [C14]"},
    {"%x: f32[1,1,4]\n%w: f32[1,1,0]\n%0 = convolution %x %w {strides=[1], low=[0], high=[0], "
     "input_dilation=[1], "
     "dilation=[1], groups=1}",
     "convolution: the window of f32[1,1,0] must be at least 1 in dimension 2 [C14]"},
    {"%x: f32[2]\n%0 = copy %x {device=\"\"}", "copy: the device must have a name [C15]"},
    {"%x: f32[2]\n%0 = reorder %x {layout=\"\"}", "reorder: the layout must have a name [C15]"},
    {"%0 = custom_call {target=\"\"} : f32[]", "custom_call: the target must have a name [C15]"},
    // elementwise and sources
    {"%x: f32[2]\n%0 = select %x %x %x", "select: the first operand must be a bool, got f32[2] [C16]"},
    {"%x: f32[2]\n%0 = bitcast %x {dtype=i64}",
     "bitcast: the dtypes must have one width, got f32 (32 bits) and i64 (64 bits) [C17]"},
    {"%x: u8[2]\n%0 = bitcast %x {dtype=bool}",
     "bitcast: the bits of u8 are not a bool: compare with 0 [C17]"},
    {"%0 = constant {value=0} : f32[n]", "constant: needs one static result type behind the literal [C18]"},
    {"%x: u64[3]\n%0 = random_bits %x : u32[4]",
     "random_bits: the operand must be u64[2] (key, offset), got u64[3] [C19]"},
    {"%x: u64[2]\n%0 = random_bits %x : i32[4]",
     "random_bits: the result must be u32 or u64, got i32[4] [C20]"},
    // views and data movement
    {"%x: f32[2,3]\n%0 = reshape %x : f32[7]",
     "reshape: must keep the dtype and the number of elements, got f32[2,3] and f32[7] [C21]"},
    {"%x: f32[2,3]\n%0 = reshape %x : i32[6]",
     "reshape: must keep the dtype and the number of elements, got f32[2,3] and i32[6] [C21]"},
    {"%x: f32[2,3]\n%0 = reshape %x : f32[4,?]",
     "reshape: must keep the dtype and the number of elements, got f32[2,3] and f32[4,?] [C21]"},
    {"%x: f32[3]\n%0 = broadcast %x {dims=[0]} : f32[2,3]",
     "broadcast: dimension 0 of f32[3] cannot become dimension 0 of f32[2,3] (3 against 2) [C22]"},
    {"%x: f32[2,3]\n%0 = transpose %x {dims=[0, 0]}",
     "transpose: dims [0,0] must be a permutation of the 2 dimensions of f32[2,3] [C23]"},
    {"%x: f32[2,3]\n%0 = transpose %x {dims=[0]}",
     "transpose: dims [0] must be a permutation of the 2 dimensions of f32[2,3] [C23]"},
    {"%x: f32[2,3]\n%0 = transpose %x {dims=[0, 2]}",
     "transpose: dims [0,2] must be a permutation of the 2 dimensions of f32[2,3] [C23]"},
    {"%x: f32[4]\n%0 = slice %x {starts=[1], limits=[5], strides=[1]}",
     "slice: needs 0 <= start <= limit <= extent, got start 1, limit 5 in dimension 0 of f32[4] [C24]"},
    {"%x: f32[4]\n%0 = slice %x {starts=[3], limits=[2], strides=[1]}",
     "slice: needs 0 <= start <= limit <= extent, got start 3, limit 2 in dimension 0 of f32[4] [C24]"},
    {"%x: f32[4]\n%0 = slice %x {starts=[-1], limits=[2], strides=[1]}",
     "slice: needs 0 <= start <= limit <= extent, got start -1, limit 2 in dimension 0 of f32[4] [C24]"},
    {"%x: f32[4]\n%v: f32[]\n%0 = pad %x %v {low=[0], high=[0], interior=[-1]}",
     "pad: interior [-1] must not be negative (dimension 0: -1) [C25]"},
    {"%x: f32[4]\n%v: f32[]\n%0 = pad %x %v {low=[-3], high=[-2], interior=[0]}",
     "pad: low -3 and high -2 crop more than dimension 0 of f32[4] has [C26]"},
    {"%x: f32[2,3]\n%y: f32[2,4]\n%0 = concat %x %y {axis=0}",
     "concat: operands must agree in every dimension but 0, got f32[2,3] and f32[2,4] (operand 1) [C27]"},
    {"%x: f32[2]\n%0 = gather %x %x {axis=0}", "gather: indices must be i32 or i64, got f32[2] [C28]"},
    {"%x: f32[2]\n%i: u64[]\n%0 = dynamic_slice %x %i {sizes=[1]}",
     "dynamic_slice: a start must be i32 or i64, got u64[] [C28]"},
    {"%x: f32[2,3]\n%i: i64[2]\n%0 = gather_elements %x %i {axis=0}",
     "gather_elements: indices must have the rank of the operand, got f32[2,3] and i64[2] [C29]"},
    {"%x: f32[2,3]\n%i: i64[9,4]\n%0 = gather_elements %x %i {axis=0}",
     "gather_elements: indices i64[9,4] do not fit in f32[2,3] (dimension 1: 4 against 3) [C29]"},
    {"%x: f32[2,3]\n%i: i64[4,3]\n%0 = gather_nd %x %i",
     "gather_nd: the last extent of the indices i64[4,3] must be between 1 and 2 for f32[2,3] [C30]"},
    {"%x: f32[2,3]\n%i: i64[4,n]\n%0 = gather_nd %x %i",
     "gather_nd: the last extent of the indices i64[4,n] must be between 1 and 2 for f32[2,3] [C30]"},
    {"%x: f32[]\n%i: i64[]\n%0 = gather_nd %x %i",
     "gather_nd: the operand and the indices must have a dimension, got f32[] and i64[] [C30]"},
    {"%x: f32[2,3]\n%i: i64[2,1]\n%0 = gather_nd %x %i {batch_dims=2}",
     "gather_nd: batch_dims 2 must be at least 0 and less than the ranks of f32[2,3] and i64[2,1] [C31]"},
    {"%x: f32[2,3]\n%i: i64[4,1]\n%0 = gather_nd %x %i {batch_dims=1}",
     "gather_nd: the batch extents of f32[2,3] and i64[4,1] differ (dimension 0: 2 against 4) [C31]"},
    {"%x: f32[2,3]\n%i: i64[4,1]\n%u: f32[4,2]\n%0 = scatter_nd %x %i %u {kind=\"set\"}",
     "scatter_nd: the updates must be f32[4,3] for the indices i64[4,1] into f32[2,3], got f32[4,2] [C32]"},
    {"%x: f32[2,3]\n%i: i64[1,3]\n%u: f64[1,3]\n%0 = scatter_elements %x %i %u {axis=0, kind=\"set\"}",
     "scatter_elements: the updates must be f32[1,3] for the indices i64[1,3] into f32[2,3], got f64[1,3] "
     "[C32]"},
    {"%x: f32[2]\n%i: i64[1]\n%u: f32[1]\n%0 = scatter_elements %x %i %u {axis=0, kind=\"avg\"}",
     "scatter_elements: kind must be set, add, mul, min or max, got \"avg\" [C33]"},
    {"%x: bool[2]\n%i: i64[1]\n%u: bool[1]\n%0 = scatter_elements %x %i %u {axis=0, kind=\"add\"}",
     "scatter_elements: kind add needs a numeric dtype, got bool[2] [C33]"},
    {"%x: f32[2]\n%0 = reduce_window %x {kind=\"avg\", window=[1], strides=[1], low=[0], high=[0], "
     "dilation=[1]}",
     "reduce_window: kind must be sum, max or min, got \"avg\" [C33]"},
    {"%x: f32[2]\n%i: i64[]\n%0 = dynamic_slice %x %i {sizes=[3]}",
     "dynamic_slice: sizes [3] do not fit in f32[2] (dimension 0: 3 against 2) [C34]"},
    {"%x: f32[2]\n%i: i64[]\n%0 = dynamic_slice %x %i {sizes=[-1]}",
     "dynamic_slice: sizes [-1] do not fit in f32[2] (dimension 0: -1 against 2) [C34]"},
    {"%x: f32[2]\n%u: f32[3]\n%i: i64[]\n%0 = dynamic_update_slice %x %u %i",
     "dynamic_update_slice: the update f32[3] does not fit in f32[2] [C34]"},
    // reductions
    {"%x: f32[2,0]\n%0 = arg_min %x {axis=1}", "arg_min: there is no element along axis 1 of f32[2,0] [C35]"},
    {"%x: f32[2]\n%0 = reduce_window %x {kind=\"max\", window=[1], strides=[1], low=[-1], high=[0], "
     "dilation=[1]}",
     "reduce_window: low [-1] must not be negative (entry 0: -1); slice to crop [C36]"},
    {"%x: f32[2]\n%0 = reduce_window %x {kind=\"max\", window=[3], strides=[1], low=[1], high=[1], "
     "dilation=[2]}",
     "reduce_window: a window of 3 with dilation 2 is larger than the padded extent 4 (dimension 0: 2 + 1 + "
     "1) "
     "[C37]"},
    // contractions
    {"%x: f32[2,2]\n%0 = dot_general %x %x {batch_x=[], batch_y=[], contract_x=[0], contract_y=[]}",
     "dot_general: contract_x [0] and contract_y [] must have as many entries [C38]"},
    {"%x: f32[n,128]\n%w: f32[64,32]\n%0 = matmul %x %w",
     "dot_general: dimension 1 of f32[n,128] and dimension 0 of f32[64,32] must have one extent (contract: "
     "128 "
     "against 64) [C39]"},
    {"%x: f32[2,2]\n%0 = convolution %x %x {strides=[], low=[], high=[], input_dilation=[], dilation=[], "
     "groups=1}",
     "convolution: operands must have one rank, 3 to 5, got f32[2,2] and f32[2,2] [C40]"},
    {"%x: f32[1,4,5]\n%w: f32[6,4,3]\n%0 = convolution %x %w {strides=[1], low=[0], high=[0], "
     "input_dilation=[1], "
     "dilation=[1], groups=2}",
     "convolution: groups 2 does not fit f32[1,4,5] (4 channels) and f32[6,4,3] (6 features of 4 channels) "
     "[C41]"},
    {"%x: f32[1,4,5]\n%w: f32[6,1,3]\n%0 = convolution %x %w {strides=[1], low=[0], high=[0], "
     "input_dilation=[1], "
     "dilation=[1], groups=4}",
     "convolution: groups 4 does not fit f32[1,4,5] (4 channels) and f32[6,1,3] (6 features of 1 channels) "
     "[C41]"},
    {"%x: f32[1,4,5]\n%w: f32[6,4,3]\n%0 = convolution %x %w {strides=[1], low=[0], high=[0], "
     "input_dilation=[1], "
     "dilation=[1], groups=0}",
     "convolution: groups 0 does not fit f32[1,4,5] (4 channels) and f32[6,4,3] (6 features of 4 channels) "
     "[C41]"},
    {"%q: f32[2,5,8]\n%k: f32[3,7,8]\n%0 = attention %q %k %k {scale=1}",
     "attention: operands must be q [...,m,d], k [...,n,d] and v [...,n,e], got f32[2,5,8], f32[3,7,8] and "
     "f32[3,7,8] [C42]"},
    {"%q: f32[5,8]\n%k: f32[7,8]\n%m: f32[7,5]\n%0 = attention %q %k %k %m {scale=1}",
     "attention: the mask must be f32[5,7], got f32[7,5] [C43]"},
    {"%q: f32[5,8]\n%k: f32[7,8]\n%m: bool[5,7]\n%0 = attention %q %k %k %m {scale=1}",
     "attention: the mask must be f32[5,7], got bool[5,7] [C43]"},
    // order and control
    {"%x: f32[2]\n%0 = top_k %x {k=3}",
     "top_k: k 3 must be at least 0 and at most the last extent of f32[2] [C44]"},
    {"%x: f32[2]\n%0 = cond %x {then_branch=@a, else_branch=@a}\ngraph @a() { return }",
     "cond: the first operand must be bool[], got f32[2] [C45]"},
    {"%x: i64[]\n%0 = while_loop %x {condition=@a, body=@a}\ngraph @a(%x: i64[]) { return %x }",
     "while_loop: condition must be bool[], got i64[] [C45]"},
    {"%x: i64[]\n%0 = while_loop %x {condition=@a, body=@a}\ngraph @a(%x: i64[]) { return }",
     "while_loop: condition must have one result, bool[], got () [C45]"},
    {"%x: f32[2]\n%0 = fused %x {body=@a}\ngraph @a(%x: f32[3]) { return %x }",
     "fused: body @a takes f32[3] as operand 0, got f32[2] [C46]"},
    {"%x: f32[2]\n%0 = fused %x {body=@a}\ngraph @a() { return }",
     "fused: body @a takes 0 operands, got 1 [C46]"},
    {"%x: f32[2,3]\n%0 = fused %x {body=@a}\ngraph @a(%x: f32[k,k]) { return %x }",
     "fused: body @a takes f32[k,k] as operand 0, got f32[2,3] [C46]"},
    {"%x: f32[5]\n%0 = fused %x {body=@a}\ngraph @a(%x: f32[k<=4]) { return %x }",
     "fused: body @a takes f32[k<=4] as operand 0, got f32[5] [C46]"},
    {"%p: bool[]\n%x: f32[2]\n%0 = cond %p %x {then_branch=@a, else_branch=@b}\n"
     "graph @a(%x: f32[2]) { return %x }\ngraph @b(%x: f32[2]) { return %x, %x }",
     "cond: both branches must have the same results, at least one, got (f32[2]) and (f32[2], f32[2]) [C47]"},
    {"%x: i64[2]\n%0 = while_loop %x {condition=@c, body=@b}\n"
     "graph @c(%x: i64[2]) { %0 = constant {value=true} : bool[] return %0 }\n"
     "graph @b(%x: i64[2]) { %0 = reduce_sum %x {dims=[0]} return %0 }",
     "while_loop: body must return the types that it takes, (i64[2]), got (i64[]) [C48]"},
    {"graph @a(%x: f32[3]) { %0 = fused %x {body=@a} return %0 }", "@a contains itself [C49]"},
    {"%x: f32[4]\n%0 = reduce_window %x {kind=\"sum\", window=[1], strides=[1], low=[0], high=[0], "
     "dilation=[16777217]}",
     "reduce_window: dilation [16777217] must be at most 2^24 (entry 0: 16777217) [C61]"},
    {"%x: f32[1,1,4]\n%w: f32[1,1,1]\n%0 = convolution %x %w {strides=[9223372036854775807], low=[0], "
     "high=[0], "
     "input_dilation=[1], dilation=[1], groups=1}",
     "convolution: strides [9223372036854775807] must be at most 2^24 (entry 0: 9223372036854775807) [C61]"},
    // graphs
    {"%x: f32[2]\n%0 = fused %x {body=@a}\ngraph @a(%x: f32[2]) { return }",
     "fused: body returns nothing [C50]"},
    {"%\"\": f32[2]", "a parameter has a name [C51]"},
    {"%x: f32[-2]", "an extent is not negative [C52]"},
    // layouts
    {"%x: f32[2,3]\n%0 = reorder %x {layout=\"abcd>aBcd16b\"}",
     "reorder: \"abcd>aBcd16b\" is no layout of f32[2,3] [C58]"},
    {"%x: f32[2,3]\n%0 = reorder %x {layout=\"ab>aB\"}", "reorder: \"ab>aB\" is no layout of f32[2,3] [C58]"},
    {"%x: f32[2,3]\n%0 = reorder %x {layout=\"aB4b\"}", "reorder: \"aB4b\" is no layout of f32[2,3] [C58]"},
    {"%x: f32[2,3]\n%0 = reorder %x {layout=\"ab>aB0b\"}",
     "reorder: \"ab>aB0b\" is no layout of f32[2,3] [C58]"},
    {"%x: f32[2,3]\n%0 = reorder %x {layout=\"ab>aa\"}", "reorder: \"ab>aa\" is no layout of f32[2,3] [C58]"},
    {"%x: f32[2,3]\n%0 = reorder %x {layout=\"ab>ab8b\"}",
     "reorder: \"ab>ab8b\" is no layout of f32[2,3] [C58]"},
    {"%x: f32[2,3]\n%0 = reorder %x {layout=\"ab>aB99999b\"}",
     "reorder: \"ab>aB99999b\" is no layout of f32[2,3] [C58]"},
    {"%x: f32[2,3]\n%0 = reorder %x {layout=\"ba>aB4b\"}",
     "reorder: \"ba>aB4b\" is no layout of f32[2,3] [C58]"},
    {"%x: f32[2,3]\n%0 = reorder %x {layout=\"aB8b>ab\"}",
     "reorder: \"aB8b>ab\" is no layout of f32[2,3] [C58]"},
    {"%x: f32[2,3,8]\n%0 = reorder %x {layout=\"aB8b>ab\"} : f32[2,3,4]",
     "reorder: \"aB8b>ab\" is no layout of f32[2,3,4] [C58]"},
    {"%x: f32[2,3]\n%0 = reorder %x {layout=\"aB8b>ab\"} : f32[2,20]",
     "reorder: f32[2,20] in the layout aB8b is f32[2,3,8], got f32[2,3] [C59]"},
    {"%x: f32[2,2,8]\n%0 = reorder %x {layout=\"aB8b>ab\"} : f32[2,20]",
     "reorder: f32[2,20] in the layout aB8b is f32[2,3,8], got f32[2,2,8] [C59]"},
    {"%x: f32[2,3,8]\n%0 = reorder %x {layout=\"aB8b>ab\"} : f64[2,20]",
     "reorder: operands must have one dtype, got f32[2,3,8] and f64[2,20] [C4]"},
};

std::string without_position(const std::string& message) {
  std::size_t at = message.find(':');                          // t
  for (int i = 0; i < 2; ++i) at = message.find(':', at + 1);  // line, column
  return message.substr(at + 2);
}

std::set<int> numbers_in(const std::string& message) {
  std::set<int> numbers;
  for (std::size_t at = message.find("[C"); at != std::string::npos; at = message.find("[C", at + 1)) {
    numbers.insert(std::stoi(message.substr(at + 2)));
  }
  return numbers;
}

TEST(Constraints, EachHasBadInput) {
  std::set<int> seen;
  for (const Bad& bad : kBad) {
    const StatusOr<Graph> graph = parse(bad.text, "t");
    ASSERT_FALSE(graph.ok()) << bad.text;
    EXPECT_EQ(graph.status().code(), Code::invalid_argument);
    EXPECT_EQ(without_position(graph.status().message()), bad.message) << bad.text;
    seen.merge(numbers_in(graph.status().message()));
  }
  // What text cannot say.
  Graph g("g");
  const Value x = g.AddParameter("x", {DType::f32, {g.SymbolDim("n", 4)}});
  const auto expect = [&](const Status& status, std::string_view message) {
    EXPECT_EQ(status.code(), Code::invalid_argument);
    EXPECT_EQ(status.message(), message);
    seen.merge(numbers_in(status.message()));
  };
  expect(g.Add(Op::exp, {Value{7, 0}}).status(), "exp: operand %7#0 is not a value of the graph [C50]");
  expect(g.Add(Op::exp, {x}, {}, {}, 9).status(), "exp: location 9 is not in the graph's table [C53]");
  expect(bind_symbols(g, std::vector<std::int64_t>{5}).status(),
         "the extent of n must be at least 0 and at most 4, got 5 [C54]");
  g.AddParameter("y", {DType::f32, {kUnknownDim}});
  expect(bind_symbols(g, std::vector<std::int64_t>{3}).status(),
         "parameter: the extents of f32[?] do not follow from the symbols [C55]\n  in @g with n=3");
  expect(broadcast_shapes({2}, {3}).status(),
         "shapes [2] and [3] do not broadcast together (dimension 0: 2 against 3) [C56]");
  expect(promote(DType::i8, DType::u64).status(),
         "i8 and u64 have no common dtype: convert one of them [C57]");
  expect(infer(Op::constant, {}, {{Attr::value, Literal{{DType::f32, {2}}, nullptr}}}).status(),
         "constant: the literal has no elements [C18]");
  g.parameters = {1, 0};
  expect(verify(g), "parameter 1 of @g is node 0, before parameter 0, which is node 1 [C60]");
  for (const Constraint& constraint : list_constraints()) {
    EXPECT_TRUE(seen.contains(constraint.number))
        << "no bad input for C" << constraint.number << ": " << constraint.text;
  }
}

TEST(Constraints, AreNumberedFromOneAndHaveTexts) {
  int number = 0;
  for (const Constraint& constraint : list_constraints()) {
    EXPECT_EQ(constraint.number, ++number);
    EXPECT_GT(constraint.text.size(), 20u);
  }
  EXPECT_EQ(number, 61);
}

TEST(Constraints, AttributesOfTheWrongKindOrGivenTwice) {
  const Type x[] = {{DType::f32, {2}}};
  EXPECT_EQ(infer(Op::sort, x, {{Attr::axis, true}}).status().message(),
            "sort: the attribute axis must be an integer [C2]");
  EXPECT_EQ(
      infer(Op::sort, x, {{Attr::axis, std::int64_t{0}}, {Attr::axis, std::int64_t{0}}}).status().message(),
      "sort: the attribute axis is given twice [C2]");
  EXPECT_EQ(infer(Op::fused, x, {{Attr::body, std::shared_ptr<const Graph>()}}).status().message(),
            "fused: the attribute body must be a graph [C2]");
}

// Every op, with operands and attributes that make no sense: an error, not a crash.
TEST(Constraints, NoOpCrashesOnNonsense) {
  const Type types[] = {
      {DType::f32, {}},           {DType::bool_, {}},
      {DType::i64, {2}},          {DType::f32, {0, 3}},
      {DType::u64, {2}},          {DType::f32, {kUnknownDim, symbol_dim(0)}},
      {DType::f64, {1, 2, 3, 4}}, {DType::f32, Shape(std::vector<std::int64_t>(70, 1 << 30))}};
  auto broken = std::make_shared<Graph>("broken");
  broken->parameters = {4};
  broken->outputs = {{3, 3}};
  const auto value_of = [&](AttrKind kind, int variant) -> AttrValue {
    constexpr std::int64_t kIntegers[] = {0, -1, 1, std::numeric_limits<std::int64_t>::max(),
                                          std::numeric_limits<std::int64_t>::min()};
    const std::int64_t n = kIntegers[variant % 5];
    switch (kind) {
      case AttrKind::boolean: return variant % 2 == 0;
      case AttrKind::integer: return n;
      case AttrKind::real: return 0.5 * static_cast<double>(n);
      case AttrKind::integers: return std::vector<std::int64_t>(static_cast<std::size_t>(variant % 4), n);
      case AttrKind::string: return std::string(variant % 2 == 0 ? "" : "max");
      case AttrKind::dtype: return static_cast<DType>(variant % kDTypeCount);
      case AttrKind::literal: return Literal{types[static_cast<std::size_t>(variant) % 8], nullptr};
      case AttrKind::graph: return std::shared_ptr<const Graph>(broken);
    }
    return false;
  };
  int good = 0;
  for (const OpInfo& info : all_ops()) {
    for (int variant = 0; variant < 400; ++variant) {
      Attributes attributes;
      int salt = variant;
      for (const AttrSpec& spec : info.attributes) attributes.Set(spec.attr, value_of(spec.kind, salt += 7));
      std::vector<Type> operands;
      for (int i = 0; i < variant % 5; ++i)
        operands.push_back(types[static_cast<std::size_t>(variant / 5 + i * (variant / 40)) % 8]);
      std::vector<Type> declared;
      if (variant % 3 == 0) declared.push_back(types[static_cast<std::size_t>(variant / 3) % 8]);
      const StatusOr<Types> result = infer(info.op, operands, attributes, declared);
      good += result.ok();
      if (!result.ok()) {
        EXPECT_EQ(result.status().message().substr(0, info.name.size() + 2), std::string(info.name) + ": ");
        EXPECT_FALSE(numbers_in(result.status().message()).empty()) << result.status().message();
      }
    }
  }
  EXPECT_GT(good, 100);
}

}  // namespace
}  // namespace leat::ir
