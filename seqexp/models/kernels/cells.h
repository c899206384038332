// The cells, unit by unit: what happens to the products of one step, forward and backward.
//
// Gates lie in slots, the order in which a step's products and their gradients are kept. `x_gates` and `h_gates` say
// which gate of torch's weights (LSTM i f g o, GRU r z n) each slot from x_first or h_first on comes from.
#pragma once

#include "product.h"

namespace {

// One row in one step of back-propagation: where its units begin.
struct Row {
    const Real* saved;     // what the forward pass kept: slot after slot, `gap` apart
    long gap;              // units, padded
    const Real* above;     // gradient with respect to y_t
    const Real* product;   // and what step t + 1 sends to h_t through the weights
    Real* direct;          // in: past them; out: likewise for h_{t-1}
    const Real* h;         // h_t (RNN only)
    const Real* before;    // h_{t-1} (GRU only)
    const Real* c_before;  // c_{t-1} (LSTM only)
    Real* dc;              // in: gradient with respect to c_t; out: c_{t-1}
    Real* dg;              // out: gradients of the slots before their activation

    INLINE Vector kept(int slot, long u) const { return load(saved + slot * gap + u); }
    INLINE Vector dh(long u) const { return load(above + u) + (load(direct + u) + load(product + u)); }
    INLINE void put(int slot, long u, Vector v) const { store(dg + slot * gap + u, v); }
};

struct Lstm {
    static constexpr int gates = 4, slots = 4, saved = 6, tile = 4;
    static constexpr int x_first = 0, x_gates[] = {0, 1, 2, 3}, x_count = 4;
    static constexpr int h_first = 0, h_gates[] = {0, 1, 2, 3}, h_count = 4;
    static constexpr bool has_c = true, reads_h = false, reads_before = false, resets_before = false;

    INLINE void gate(Real* pre, Real* c, Real* kept, long gap) const {
        const Vector i = sigmoid(load(pre)), f = sigmoid(load(pre + kLanes));
        const Vector g = hyperbolic_tangent(load(pre + 2 * kLanes)), o = sigmoid(load(pre + 3 * kLanes));
        const Vector cell = f * load(c) + i * g;
        store(pre + 3 * kLanes, o);
        store(c, cell);
        if (!kept) return;
        store(kept, i), store(kept + gap, f), store(kept + 2 * gap, g), store(kept + 3 * gap, o);
        store(kept + 4 * gap, cell);
    }

    INLINE void update(const Real* pre, Real* h, const Real* c, Real* kept, long gap) const {
        const Vector bent = hyperbolic_tangent(load(c));
        store(h, load(pre + 3 * kLanes) * bent);
        if (kept) store(kept + 5 * gap, bent);
    }

    INLINE void backward(const Row& row, long u) const {
        const Vector one = all(1), i = row.kept(0, u), f = row.kept(1, u), g = row.kept(2, u), o = row.kept(3, u);
        const Vector bent = row.kept(5, u), dh = row.dh(u), dc = load(row.dc + u) + dh * o * (one - bent * bent);
        row.put(0, u, dc * g * i * (one - i));
        row.put(1, u, dc * load(row.c_before + u) * f * (one - f));
        row.put(2, u, dc * i * (one - g * g));
        row.put(3, u, dh * bent * o * (one - o));
        store(row.dc + u, dc * f);
        store(row.direct + u, Vector{});
    }
};

// Slots: n from the input, r, z, n from the state.
struct GruAfter {
    static constexpr int gates = 3, slots = 4, saved = 4, tile = 3;
    static constexpr int x_first = 0, x_gates[] = {2, 0, 1}, x_count = 3;
    static constexpr int h_first = 1, h_gates[] = {0, 1, 2}, h_count = 3;
    static constexpr bool has_c = false, reads_h = false, reads_before = true, resets_before = false;

    INLINE void gate(Real* pre, Real*, Real* kept, long gap) const {
        const Vector r = sigmoid(load(pre + kLanes)), z = sigmoid(load(pre + 2 * kLanes));
        const Vector recurrent = load(pre + 3 * kLanes);
        store(pre, load(pre) + r * recurrent);
        store(pre + 2 * kLanes, z);
        if (kept) store(kept + gap, r), store(kept + 2 * gap, z), store(kept + 3 * gap, recurrent);
    }

    INLINE void update(const Real* pre, Real* h, const Real*, Real* kept, long) const {
        const Vector n = hyperbolic_tangent(load(pre)), z = load(pre + 2 * kLanes);
        store(h, n + z * (load(h) - n));
        if (kept) store(kept, n);
    }

    INLINE void backward(const Row& row, long u) const {
        const Vector one = all(1), n = row.kept(0, u), r = row.kept(1, u), z = row.kept(2, u), dh = row.dh(u);
        const Vector dn = dh * (one - z) * (one - n * n);
        row.put(0, u, dn);
        row.put(1, u, dn * row.kept(3, u) * r * (one - r));
        row.put(2, u, dh * (load(row.before + u) - n) * z * (one - z));
        row.put(3, u, dn * r);
        store(row.direct + u, dh * z);
    }
};

// Slots r, z, n. The candidate n sees r * h, so its product comes after the gates'.
struct GruBefore {
    static constexpr int gates = 3, slots = 3, saved = 3, tile = 2;
    static constexpr int x_first = 0, x_gates[] = {0, 1, 2}, x_count = 3;
    static constexpr int h_first = 0, h_gates[] = {0, 1}, h_count = 2;
    static constexpr bool has_c = false, reads_h = false, reads_before = true, resets_before = true;

    INLINE void backward(const Row& row, long u) const {
        const Vector one = all(1), z = row.kept(1, u), n = row.kept(2, u), dh = row.dh(u);
        row.put(1, u, dh * (load(row.before + u) - n) * z * (one - z));
        row.put(2, u, dh * (one - z) * (one - n * n));
        store(row.direct + u, dh * z);
    }
};

struct Rnn {
    static constexpr int gates = 1, slots = 1, saved = 0, tile = 2;
    static constexpr int x_first = 0, x_gates[] = {0}, x_count = 1;
    static constexpr int h_first = 0, h_gates[] = {0}, h_count = 1;
    static constexpr bool has_c = false, reads_h = true, reads_before = false, resets_before = false;

    bool relu = false;

    INLINE void gate(Real*, Real*, Real*, long) const {}

    INLINE void update(const Real* pre, Real* h, const Real*, Real*, long) const {
        const Vector sum = load(pre);
        store(h, relu ? (sum < Vector{} ? Vector{} : sum) : hyperbolic_tangent(sum));
    }

    INLINE void backward(const Row& row, long u) const {
        const Vector h = load(row.h + u), dh = row.dh(u);
        row.put(0, u, relu ? (h > Vector{} ? dh : Vector{}) : dh * (all(1) - h * h));
        store(row.direct + u, Vector{});
    }
};

}  // namespace
