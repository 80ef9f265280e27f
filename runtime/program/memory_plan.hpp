#pragma once
#include <damo/runtime/program/program.hpp>

namespace damo {

/// Decides which slots share which storage, from when each is last read: results get storages of
/// their own, an output is written over an input that dies there where the instruction and
/// `inplace` allow it, and other storages pass from hand to hand. Views keep what they look at
/// alive. Inputs that are mutable get storages too, which pass to nobody but what is written over
/// them: their size is up to the caller. Fills `Slot::storage` and `program.storages`.
/// Precondition: the instructions stand in their final order; leaf slots and slots of views have
/// storage -1.
void plan_memory(Program& program, bool inplace = true,
                 const std::vector<bool>& mutable_inputs = {});

}  // namespace damo
