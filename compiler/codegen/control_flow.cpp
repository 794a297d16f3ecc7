#include "compiler/codegen/control_flow.h"

namespace leat::compiler::codegen {
namespace {

llvm::BasicBlock* new_block(llvm::IRBuilder<>& b, const char* name) {
  return llvm::BasicBlock::Create(b.getContext(), name, b.GetInsertBlock()->getParent());
}

/// Partial results of a pairwise join: slot k holds the result of 2^k neighbours.
struct Slots {
  // 2^40 parts of 64 elements are more than any memory.
  static constexpr int kLevels = 40;
  Slots(llvm::IRBuilder<>& builder, const Values& like) : b(builder) {
    for (llvm::Value* value : like) {
      llvm::Type* type = value->getType();
      types.push_back(type);
      memory.push_back(entry_alloca(b, llvm::ArrayType::get(type, kLevels), "slots"));
    }
  }
  Values Load(llvm::Value* level) {
    Values values;
    for (std::size_t k = 0; k < types.size(); ++k) {
      values.push_back(b.CreateLoad(types[k], b.CreateGEP(types[k], memory[k], level)));
    }
    return values;
  }
  void Store(llvm::Value* level, const Values& values) {
    for (std::size_t k = 0; k < types.size(); ++k) {
      b.CreateStore(values[k], b.CreateGEP(types[k], memory[k], level));
    }
  }
  llvm::IRBuilder<>& b;
  std::vector<llvm::Type*> types;
  Values memory;
};

/// Adds part `index` to the slots: while a bit of index is set, join with that slot.
void push_part(llvm::IRBuilder<>& b, Slots& slots, llvm::Value* index, const Values& values,
               const std::function<Values(const Values&, const Values&)>& join) {
  llvm::BasicBlock* before = b.GetInsertBlock();
  llvm::BasicBlock *head = new_block(b, "carry"), *body = new_block(b, "carry.join"),
                   *done = new_block(b, "carry.done");
  b.CreateBr(head);
  b.SetInsertPoint(head);
  llvm::PHINode *bits = b.CreatePHI(b.getInt64Ty(), 2), *level = b.CreatePHI(b.getInt64Ty(), 2);
  bits->addIncoming(index, before);
  level->addIncoming(b.getInt64(0), before);
  Values carried;
  for (llvm::Value* value : values) {
    llvm::PHINode* phi = b.CreatePHI(value->getType(), 2);
    phi->addIncoming(value, before);
    carried.push_back(phi);
  }
  b.CreateCondBr(b.CreateTrunc(bits, b.getInt1Ty()), body, done);
  b.SetInsertPoint(body);
  const Values joined = join(slots.Load(level), carried);
  bits->addIncoming(b.CreateLShr(bits, 1), b.GetInsertBlock());
  level->addIncoming(b.CreateAdd(level, b.getInt64(1)), b.GetInsertBlock());
  for (std::size_t k = 0; k < carried.size(); ++k) {
    llvm::cast<llvm::PHINode>(carried[k])->addIncoming(joined[k], b.GetInsertBlock());
  }
  b.CreateBr(head);
  b.SetInsertPoint(done);
  slots.Store(level, carried);
}

Values finish_parts(llvm::IRBuilder<>& b, Slots& slots, llvm::Value* count,
                    const std::function<Values(const Values&, const Values&)>& join) {
  llvm::Value* low = b.CreateBinaryIntrinsic(llvm::Intrinsic::cttz, count, b.getTrue());
  llvm::Value* top =
      b.CreateSub(b.getInt64(64), b.CreateBinaryIntrinsic(llvm::Intrinsic::ctlz, count, b.getTrue()));
  return emit_loop(b, b.CreateAdd(low, b.getInt64(1)), top, 1, slots.Load(low),
                   [&](llvm::Value* level, Values values) {
                     llvm::Value* set = b.CreateTrunc(b.CreateLShr(count, level), b.getInt1Ty());
                     return emit_if(
                         b, set, [&] { return join(slots.Load(level), values); }, [&] { return values; });
                   });
}

}  // namespace

Values emit_loop(llvm::IRBuilder<>& b, llvm::Value* low, llvm::Value* high, std::int64_t step, Values initial,
                 const std::function<Values(llvm::Value*, Values)>& body) {
  return emit_loop(b, low, high, b.getInt64(static_cast<std::uint64_t>(step)), std::move(initial), body);
}

Values emit_loop(llvm::IRBuilder<>& b, llvm::Value* low, llvm::Value* high, llvm::Value* step, Values initial,
                 const std::function<Values(llvm::Value*, Values)>& body) {
  llvm::BasicBlock *before = b.GetInsertBlock(), *loop = new_block(b, "loop"),
                   *done = new_block(b, "loop.done");
  b.CreateCondBr(b.CreateICmpSLT(low, high), loop, done);
  b.SetInsertPoint(loop);
  llvm::PHINode* i = b.CreatePHI(b.getInt64Ty(), 2);
  i->addIncoming(low, before);
  Values carried;
  for (llvm::Value* value : initial) {
    llvm::PHINode* phi = b.CreatePHI(value->getType(), 2);
    phi->addIncoming(value, before);
    carried.push_back(phi);
  }
  const Values next = body(i, carried);
  llvm::Value* following = b.CreateAdd(i, step, "", true, true);
  llvm::BasicBlock* last = b.GetInsertBlock();
  i->addIncoming(following, last);
  for (std::size_t k = 0; k < carried.size(); ++k) {
    llvm::cast<llvm::PHINode>(carried[k])->addIncoming(next[k], last);
  }
  b.CreateCondBr(b.CreateICmpSLT(following, high), loop, done);
  b.SetInsertPoint(done);
  Values results;
  for (std::size_t k = 0; k < initial.size(); ++k) {
    llvm::PHINode* phi = b.CreatePHI(initial[k]->getType(), 2);
    phi->addIncoming(initial[k], before);
    phi->addIncoming(next[k], last);
    results.push_back(phi);
  }
  return results;
}

Values emit_while(llvm::IRBuilder<>& b, Values initial,
                  const std::function<llvm::Value*(const Values&)>& condition,
                  const std::function<Values(Values)>& body) {
  llvm::BasicBlock *before = b.GetInsertBlock(), *head = new_block(b, "while"), *loop = new_block(b, "do"),
                   *done = new_block(b, "while.done");
  b.CreateBr(head);
  b.SetInsertPoint(head);
  Values carried;
  for (llvm::Value* value : initial) {
    llvm::PHINode* phi = b.CreatePHI(value->getType(), 2);
    phi->addIncoming(value, before);
    carried.push_back(phi);
  }
  llvm::Value* more = condition(carried);
  b.CreateCondBr(more, loop, done);
  b.SetInsertPoint(loop);
  const Values next = body(carried);
  for (std::size_t k = 0; k < carried.size(); ++k)
    llvm::cast<llvm::PHINode>(carried[k])->addIncoming(next[k], b.GetInsertBlock());
  b.CreateBr(head);
  b.SetInsertPoint(done);
  return carried;
}

Values emit_if(llvm::IRBuilder<>& b, llvm::Value* condition, const std::function<Values()>& then,
               const std::function<Values()>& otherwise) {
  llvm::BasicBlock *yes = new_block(b, "then"), *no = new_block(b, "else"), *join = new_block(b, "joined");
  b.CreateCondBr(condition, yes, no);
  b.SetInsertPoint(yes);
  const Values a = then();
  llvm::BasicBlock* after_yes = b.GetInsertBlock();
  b.CreateBr(join);
  b.SetInsertPoint(no);
  const Values c = otherwise();
  llvm::BasicBlock* after_no = b.GetInsertBlock();
  b.CreateBr(join);
  b.SetInsertPoint(join);
  Values results;
  for (std::size_t k = 0; k < a.size(); ++k) {
    llvm::PHINode* phi = b.CreatePHI(a[k]->getType(), 2);
    phi->addIncoming(a[k], after_yes);
    phi->addIncoming(c[k], after_no);
    results.push_back(phi);
  }
  return results;
}

llvm::Value* entry_alloca(llvm::IRBuilder<>& b, llvm::Type* type, const char* name) {
  llvm::BasicBlock& entry = b.GetInsertBlock()->getParent()->getEntryBlock();
  llvm::IRBuilder<> at(&entry, entry.begin());
  llvm::AllocaInst* slot = at.CreateAlloca(type, nullptr, name);
  slot->setAlignment(llvm::Align(64));
  return slot;
}

Values emit_pairwise(llvm::IRBuilder<>& b, llvm::Value* count, const Values& empty,
                     const std::function<Values(llvm::Value*)>& part,
                     const std::function<Values(const Values&, const Values&)>& join) {
  Slots slots(b, empty);
  llvm::BasicBlock *before = b.GetInsertBlock(), *head = new_block(b, "part"), *push = new_block(b, "push"),
                   *finish = new_block(b, "finish"), *done = new_block(b, "reduced");
  b.CreateCondBr(b.CreateICmpSGT(count, b.getInt64(0)), head, done);
  b.SetInsertPoint(head);
  llvm::PHINode* c = b.CreatePHI(b.getInt64Ty(), 2);
  c->addIncoming(b.getInt64(0), before);
  const Values values = part(c);
  llvm::BasicBlock* single = b.GetInsertBlock();
  b.CreateCondBr(b.CreateICmpEQ(count, b.getInt64(1)), done, push);
  b.SetInsertPoint(push);
  push_part(b, slots, c, values, join);
  llvm::Value* next = b.CreateAdd(c, b.getInt64(1), "", true, true);
  c->addIncoming(next, b.GetInsertBlock());
  b.CreateCondBr(b.CreateICmpSLT(next, count), head, finish);
  b.SetInsertPoint(finish);
  const Values joined = finish_parts(b, slots, count, join);
  llvm::BasicBlock* after = b.GetInsertBlock();
  b.CreateBr(done);
  b.SetInsertPoint(done);
  Values results;
  for (std::size_t k = 0; k < empty.size(); ++k) {
    llvm::PHINode* phi = b.CreatePHI(empty[k]->getType(), 3);
    phi->addIncoming(empty[k], before);
    phi->addIncoming(values[k], single);
    phi->addIncoming(joined[k], after);
    results.push_back(phi);
  }
  return results;
}

}  // namespace leat::compiler::codegen
