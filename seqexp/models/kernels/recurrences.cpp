// Recurrent layers on a processor: LSTM, GRU, RNN, forward and back-propagation through time, behind a C interface.
//
// One direction of one layer a call. The weights are packed once a call, in panels of a few vectors; input and state
// are multiplied in one product, in register tiles; the cell works on each panel while it is in the cache. Rows are
// independent, so workers share them out and never wait but for the weight gradients. Every sum has a fixed order:
// neither the number of threads nor the other rows of a batch change a bit.
#include "backward.h"

namespace {

enum Kind { kLstm, kGruAfter, kGruBefore, kRnnTanh, kRnnRelu };

int pass_forward(const Call& call) {
    switch (call.cell) {
        case kLstm: return run_forward(call, Lstm{}), 0;
        case kGruAfter: return run_forward(call, GruAfter{}), 0;
        case kGruBefore: return run_forward(call, GruBefore{}), 0;
        case kRnnTanh:
        case kRnnRelu: return run_forward(call, Rnn{call.cell == kRnnRelu}), 0;
    }
    return 2;
}

int pass_backward(const Call& call) {
    switch (call.cell) {
        case kLstm: return run_backward(call, Lstm{}), 0;
        case kGruAfter: return run_backward(call, GruAfter{}), 0;
        case kGruBefore: return run_backward(call, GruBefore{}), 0;
        case kRnnTanh:
        case kRnnRelu: return run_backward(call, Rnn{call.cell == kRnnRelu}), 0;
    }
    return 2;
}

// 0: done; 1: out of memory; 2: no such cell.
int guarded(int (*body)(const Call&), const Call* call) {
    try {
        return body(*call);
    } catch (const std::bad_alloc&) {
        return 1;
    }
}

}  // namespace

extern "C" {
int forward(const Call* call) { return guarded(pass_forward, call); }
int backward(const Call* call) { return guarded(pass_backward, call); }
int64_t size_of_call() { return sizeof(Call); }
}
