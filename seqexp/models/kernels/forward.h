// The forward pass. Each worker takes its rows through all steps; no row waits for another's.
#pragma once

#include "cells.h"
#include "plan.h"

namespace {


// Gates of w (G * H, depth) as columns: vector v holds units of gate gates[v % count]; from row k0 of the panels on.
void pack_columns(const Panels& to, long k0, const Real* w, long depth, long units, const int* gates, int count) {
    for (long v = 0; v < to.vectors; v++) {
        const long first = v / count * kLanes, step = to.width(v / to.wide * to.wide) * kLanes;
        const long filled = std::min<long>(kLanes, units - first);
        const Real* from = w + (gates[v % count] * units + first) * depth;
        Real* const corner = to.at(k0, v);
        for (long k = 0; k < depth; k += 64)  // as much as stays in the cache for all lanes
            for (long lane = 0; lane < filled; lane++)
                for (long i = k; i < std::min(depth, k + 64); i++) corner[i * step + lane] = from[lane * depth + i];
    }
}

// The biases in the same order; `other` is added for the slots from `shared` on.
Buffer pack_biases(const Real* one, const Real* other, long units, const int* gates, int count, int shared = 0) {
    Buffer to(padded(units) * count);
    for (long u = 0; u < units; u++)
        for (int g = 0; g < count; g++) {
            const long from = gates[g] * units + u;
            const Real sum = g < shared ? one[from] : one[from] + other[from];
            to[(u / kLanes * count + g) * kLanes + u % kLanes] = sum;
        }
    return to;
}

template <class Cell> class Forward {
    static constexpr int n = kLanes;
    static constexpr bool kApart = Cell::slots > Cell::gates;  // one gate has a product of the input, one of the state

  public:
    Forward(const Call& call, const Plan& plan, const Cell& cell)
        : cell_(cell), call_(call), plan_(plan), D_(call.features), H_(call.units), pad_(padded(H_)),
          row_(spread(D_ + H_)) {
        const Real *w_x = call.w_x, *w_h = call.w_h, *b_x = call.b_x, *b_h = call.b_h;
        constexpr int candidate[] = {2}, gates = Cell::resets_before ? Cell::h_count : Cell::x_count;
        x_ = Panels(kApart ? D_ : D_ + H_, vectors(H_) * gates, Cell::tile);
        pack_columns(x_, 0, w_x, D_, H_, Cell::x_gates, gates);
        x_bias_ = pack_biases(b_x, b_h, H_, Cell::x_gates, gates, kApart ? Cell::h_first : 0);
        if (kApart) {
            h_ = Panels(H_, vectors(H_) * Cell::h_count, Cell::tile);
            pack_columns(h_, 0, w_h, H_, H_, Cell::h_gates, Cell::h_count);
            candidate_bias_ = pack_biases(b_h, nullptr, H_, candidate, 1, 1);
        } else {
            pack_columns(x_, D_, w_h, H_, H_, Cell::h_gates, gates);
        }
        if (Cell::resets_before) {
            h_ = Panels(D_ + H_, vectors(H_), Cell::tile);
            pack_columns(h_, 0, w_x, D_, H_, candidate, 1);
            pack_columns(h_, D_, w_h, H_, H_, candidate, 1);
            candidate_bias_ = pack_biases(b_x, b_h, H_, candidate, 1);
        }
    }

    // What one worker needs beside its rows.
    struct Work {
        Buffer a;      // rows of [x_t | h_{t-1}], as the products see them
        Buffer h, c;   // the state
        Buffer pre;    // products of one panel
        Buffer gates;  // r and z (GRU that resets before)
    };

    Work work(const Share& share) const {
        const long rows = share.count();
        return {Buffer(rows * row_), Buffer(rows * pad_), Buffer(Cell::has_c ? rows * pad_ : 0),
                Buffer(rows * kWidest * n), Buffer(Cell::resets_before ? rows * 2 * pad_ : 0)};
    }

    void run(const Share& share, const Work& work) const {
        const long rows = share.count();
        for (long r = 0; r < rows; r++) {
            copy(work.h + r * pad_, call_.h0 + share.row(r) * H_, H_);
            if (Cell::has_c) copy(work.c + r * pad_, call_.c0 + share.row(r) * H_, H_);
            feed_state(share, work, r);
        }
        for (long s = 0; s < plan_.steps; s++) {
            const long running = share.running(s);
            for (long r = 0; r < running; r++) copy(work.a + r * row_, call_.x + share.cell_of_x(r, s), D_);
            step(share, work, s, running);
            for (long r = 0; r < running; r++) {
                feed_state(share, work, r);
                copy(call_.y + share.cell_of_y(r, s), work.h + r * pad_, H_);
            }
        }
        for (long r = 0; r < rows; r++) {
            const long row = share.row(r), length = share.length(r);
            copy(call_.h_end + row * H_, work.h + r * pad_, H_);
            if (Cell::has_c) copy(call_.c_end + row * H_, work.c + r * pad_, H_);
            Real* behind = call_.y + (row * call_.steps + length) * H_;
            std::fill(behind, behind + (call_.steps - length) * H_, Real(0));
        }
    }

  private:
    void feed_state(const Share& share, const Work& work, long r) const {
        Real* to = work.a + r * row_ + D_;
        const Real* h = work.h + r * pad_;
        copy(to, h, H_);
        if (!call_.mask) return;
        const Real* mask = call_.mask + share.row(r) * H_;
        for (long u = 0; u < H_; u++) to[u] *= mask[u];
    }

    // Where the first row of a step keeps what the way back needs, or null; the next row's lies `kept_row` further.
    Real* kept(const Share& share, long s) const {
        return call_.saved ? call_.saved + share.pair(0, s) * Cell::saved * pad_ : nullptr;
    }
    long kept_row(const Share& share) const { return call_.saved ? share.stride * Cell::saved * pad_ : 0; }

    // Products panel by panel, and after each body(first unit, products, distance between rows of products).
    template <class Body>
    void panels(const Panels& w, const Buffer& bias, int count, const Work& work, long rows, Body body) const {
        const long group = std::max(count, w.wide);
        for (long v = 0; v < w.vectors; v += group) {
            const long wide = std::min(group, w.vectors - v);
            multiply(w, v, wide, Tile{work.a, row_, 1, nullptr, 0, 0, bias + v * n, 0, work.pre, group * n}, rows);
            for (long i = 0; i < wide; i += count) body((v + i) / count * n, work.pre + i * n, group * n);
        }
    }

    void step(const Share& share, const Work& work, long s, long rows) const {
        if constexpr (Cell::resets_before) {
            step_reset_before(share, work, s, rows);
        } else {
            Real *const kept_here = kept(share, s), *const h = work.h, *const c = work.c;
            const long kept_row_here = kept_row(share);
            const auto cell = [&](long u, Real* pre, long pre_row) {
                Real* const to = kept_here ? kept_here + u : nullptr;
                for (long r = 0; r < rows; r++)
                    cell_.gate(pre + r * pre_row, c + r * pad_ + u, to + r * kept_row_here, pad_);
                for (long r = 0; r < rows; r++)
                    cell_.update(pre + r * pre_row, h + r * pad_ + u, c + r * pad_ + u, to + r * kept_row_here, pad_);
            };
            if constexpr (kApart)
                step_reset_after(work, rows, cell);
            else
                panels(x_, x_bias_, Cell::gates, work, rows, cell);
        }
    }

    template <class Body> void step_reset_after(const Work& work, long rows, Body body) const {
        for (long v = 0; v < x_.vectors; v += 3) {
            Real* state = work.pre + n;
            const Vector bias = load(candidate_bias_ + v / 3 * n);
            for (long r = 0; r < rows; r++) store(work.pre + (r * 4 + 3) * n, bias);
            multiply(x_, v, 3, Tile{work.a, row_, 1, nullptr, 0, 0, x_bias_ + v * n, 0, work.pre, 4 * n}, rows);
            multiply(h_, v, 3, Tile{work.a + D_, row_, 1, nullptr, 0, 0, state, 4 * n, state, 4 * n}, rows);
            body(v / 3 * n, work.pre, 4 * n);
        }
    }

    void step_reset_before(const Share& share, const Work& work, long s, long rows) const {
        panels(x_, x_bias_, 2, work, rows, [&](long u, const Real* pre, long pre_row) {
            for (long r = 0; r < rows; r++) {
                store(work.gates + 2 * r * pad_ + u, sigmoid(load(pre + r * pre_row)));
                store(work.gates + (2 * r + 1) * pad_ + u, sigmoid(load(pre + r * pre_row + n)));
            }
        });
        for (long r = 0; r < rows; r++)
            for (long u = 0; u < H_; u++) work.a[r * row_ + D_ + u] *= work.gates[2 * r * pad_ + u];
        panels(h_, candidate_bias_, 1, work, rows, [&](long u, const Real* pre, long pre_row) {
            for (long r = 0; r < rows; r++) {
                const Real *reset = work.gates + 2 * r * pad_ + u, *update = reset + pad_;
                const Vector z = load(update), candidate = hyperbolic_tangent(load(pre + r * pre_row));
                Real* h = work.h + r * pad_ + u;
                store(h, candidate + z * (load(h) - candidate));
                if (!call_.saved) continue;
                Real* to = kept(share, s) + r * kept_row(share) + u;
                store(to, load(reset)), store(to + pad_, z), store(to + 2 * pad_, candidate);
            }
        });
    }

    const Cell cell_;
    const Call& call_;
    const Plan& plan_;
    const long D_, H_, pad_, row_;  // features, units, units padded, distance between rows of `a`
    Panels x_, h_;
    Buffer x_bias_, candidate_bias_;
};

template <class Cell> void run_forward(const Call& call, const Cell& cell) {
    const Plan plan(call);
    const Forward<Cell> pass(call, plan, cell);
    const long most = workers(call);
    std::vector<typename Forward<Cell>::Work> work;
    for (long w = 0; w < most; w++) work.push_back(pass.work({call, plan, w, most}));
    Team::run(most, [&](const Team& team, long worker) {
        for (long w = worker; w < most; w += team.size()) pass.run({call, plan, w, most}, work[w]);
    });
}

}  // namespace
