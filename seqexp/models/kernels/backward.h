// Back-propagation through time, in chunks of steps: each worker takes its rows backwards through a chunk, then all
// meet and add the chunk's weight gradients, each worker its own part of them. No sum depends on how many they are.
#pragma once

#include "forward.h"

namespace {

// Gates of w (G * H, columns) as the right side of a product with gradients: row slot * padded + unit.
Panels pack_rows(const Real* w, long columns, long units, const int* gates, int count, int tile) {
    const long pad = padded(units);
    Panels to(count * pad, vectors(columns), tile);
    for (long v = 0; v < to.vectors; v += tile)
        for (int g = 0; g < count; g++)
            for (long u = 0; u < units; u++) {
                const long begin = v * kLanes, size = std::min(columns - begin, to.width(v) * kLanes);
                copy(to.panel(v, g * pad + u), w + (gates[g] * units + u) * columns + begin, size);
            }
    return to;
}

// The sum over a chunk's rows of (gradients of some slots)^T times (what their weights multiplied).
struct WeightGradient {
    WeightGradient(long chunk, long columns_, int first_, const int* gates_, int count_, long units)
        : columns(columns_), first(first_), gates(gates_), count(count_), row(spread(padded(columns_))),
          inputs(chunk * row), sum(count_ * padded(units) * padded(columns_)) {}

    long columns;
    int first;  // slot
    const int* gates;
    int count;
    long row;
    Buffer inputs;  // of the chunk, one row for each (step, position)
    Buffer sum;     // (count * padded units, padded columns)
};

template <class Cell> class Backward {
    static constexpr int n = kLanes;
    static constexpr int kTile = kRegisters == 32 ? 4 : 2;
    static constexpr long kChunk = 256;  // rows of a chunk, or those of one step

  public:
    Backward(const Call& call, const Plan& plan, const Cell& cell)
        : cell_(cell), call_(call), plan_(plan), D_(call.features), H_(call.units), pad_(padded(H_)),
          gradient_row_(spread(Cell::slots * pad_)) {
        const Real *w_x = call.w_x, *w_h = call.w_h;
        if (call.dx) x_ = pack_rows(w_x, D_, H_, Cell::x_gates, Cell::x_count, kTile);
        h_ = pack_rows(w_h, H_, H_, Cell::h_gates, Cell::h_count, kTile);
        if (Cell::resets_before) candidate_ = pack_rows(w_h, H_, H_, kCandidate, 1, kTile);
        for (long end = plan.steps; end > 0; end = begin_of_chunk(end))
            chunk_ = std::max(chunk_, plan.offset[end] - plan.offset[begin_of_chunk(end)]);
        gradients_ = Buffer(chunk_ * gradient_row_);
        bias_ = Buffer(Cell::slots * pad_);
        zeros_ = Buffer(std::max(pad_, padded(D_)));
        if (!call.dw_x) return;
        sums_.emplace_back(chunk_, D_, Cell::x_first, Cell::x_gates, Cell::x_count, H_);
        sums_.emplace_back(chunk_, H_, Cell::h_first, Cell::h_gates, Cell::h_count, H_);
        if (Cell::resets_before) sums_.emplace_back(chunk_, H_, Cell::h_count, kCandidate, 1, H_);
    }

    // What one worker needs beside its rows; each (rows, padded units) but dx.
    struct Work {
        Buffer dh;               // what comes from above
        Buffer direct, product;  // what comes from the step after: past the weights and through them
        Buffer dc;
        Buffer h, before, seen;  // h_t, h_{t-1}, and this as the products saw it
        Buffer c0, dx;
        TransposedProduct product_of_chunk;
    };

    Work work(const Share& share) const {
        const long size = share.count() * pad_;
        return {Buffer(size), Buffer(size), Buffer(size),
                Buffer(Cell::has_c ? size : 0), Buffer(Cell::reads_h ? size : 0), Buffer(size),
                Buffer(size), Buffer(Cell::has_c ? size : 0),
                Buffer(call_.dx ? share.count() * padded(D_) : 0), {}};
    }

    void begin(const Share& share, const Work& work) const {
        for (long r = 0; r < share.count(); r++) {
            const long from = share.row(r) * H_, to = r * pad_;
            copy(work.direct + to, call_.dh_end + from, H_);
            if (Cell::has_c) copy(work.dc + to, call_.dc_end + from, H_);
            if (Cell::has_c) copy(work.c0 + to, call_.c0 + from, H_);
        }
    }

    long begin_of_chunk(long end) const {
        long begin = end - 1;
        while (begin > 0 && plan_.offset[end] - plan_.offset[begin] < kChunk) begin--;
        return begin;
    }

    void run_chunk(const Share& share, const Work& work, long begin, long end) const {
        for (long s = end - 1; s >= begin; s--) step(share, work, s, plan_.offset[begin]);
    }

    // This worker's part of the weight gradients: some of their rows, over all rows of the chunk.
    void add_chunk(const Share& share, const Work& work, long begin, long end) const {
        const long rows = plan_.offset[end] - plan_.offset[begin];
        if (!call_.dw_x || !rows) return;
        constexpr long height = TransposedProduct::kHeight;
        for (const auto& sum : sums_) {
            const long size = sum.count * pad_, width = padded(sum.columns), blocks = (size + height - 1) / height;
            const Tile tile{gradients_ + sum.first * pad_, 1, gradient_row_, sum.inputs, sum.row, rows,
                            nullptr, 0, sum.sum, width};
            work.product_of_chunk.add(tile, width, part(blocks, share, 0) * height,
                                      std::min(size, part(blocks, share, 1) * height));
        }
        const long columns = Cell::slots * pad_ / n;
        add_biases(part(columns, share, 0) * n, part(columns, share, 1) * n, rows);
    }

    void finish(const Share& share, const Work& work) const {
        for (long r = 0; r < share.count(); r++) {
            const long row = share.row(r), length = share.length(r);
            for (long u = r * pad_; u < (r + 1) * pad_; u++) work.direct[u] += work.product[u];
            copy(call_.dh0 + row * H_, work.direct + r * pad_, H_);
            if (Cell::has_c) copy(call_.dc0 + row * H_, work.dc + r * pad_, H_);
            if (!call_.dx) continue;
            Real* behind = call_.dx + (row * call_.steps + length) * D_;
            std::fill(behind, behind + (call_.steps - length) * D_, Real(0));
        }
    }

    // From slots and padded units to torch's gates and units.
    void unpack() const {
        if (!call_.dw_x) return;
        for (const auto& sum : sums_) {
            const bool x = &sum == &sums_[0];
            for (long g = 0; g < sum.count; g++)
                for (long u = 0; u < H_; u++) {
                    const long to = sum.gates[g] * H_ + u, from = g * pad_ + u;
                    copy((x ? call_.dw_x : call_.dw_h) + to * sum.columns,
                         sum.sum + from * padded(sum.columns), sum.columns);
                    (x ? call_.db_x : call_.db_h)[to] = bias_[sum.first * pad_ + from];
                }
        }
    }

  private:
    static constexpr int kCandidate[] = {2};

    static long part(long blocks, const Share& share, long side) {
        return blocks * (share.first + side) / share.stride;
    }

    // Sums of columns of the chunk's gradients, a cache line and more at a time.
    void add_biases(long begin, long end, long rows) const {
        constexpr long width = 4 * n;
        for (long v = begin; v < end; v += width) {
            const long wide = std::min(width, end - v);
            alignas(64) Real total[width] = {};
            for (long k = 0; k < rows; k++)
                for (long i = 0; i < wide; i += n)
                    store(total + i, load(total + i) + load(gradients_ + k * gradient_row_ + v + i));
            for (long i = 0; i < wide; i++) bias_[v + i] += total[i];
        }
    }

    // A row of a tensor whose last vector may reach past its end: as it is, or copied to where there is room.
    const Real* roomy(const Real* from, Real* room) const {
        if (H_ == pad_) return from;
        copy(room, from, H_);
        return room;
    }

    // Points to what a row's cell needs, and lays down what the weights' gradients need of it.
    Row gather(const Share& share, const Work& work, long r, long s, long first) const {
        const long at = r * pad_, pair = share.pair(r, s);
        const Real* before = s ? call_.y + share.cell_of_y(r, s - 1) : call_.h0 + share.row(r) * H_;
        Row row{};
        row.gap = pad_;
        row.saved = Cell::saved ? call_.saved + pair * Cell::saved * pad_ : nullptr;
        row.above = call_.dy ? roomy(call_.dy + share.cell_of_y(r, s), work.dh + at) : zeros_;
        row.direct = work.direct + at;
        row.product = work.product + at;
        row.dg = gradients_ + (pair - first) * gradient_row_;
        if (Cell::reads_h) row.h = roomy(call_.y + share.cell_of_y(r, s), work.h + at);
        if (Cell::reads_before) row.before = roomy(before, work.before + at);
        if (Cell::has_c) row.dc = work.dc + at;
        const long c = s ? (share.pair(r, s - 1) * Cell::saved + 4) * pad_ : at;
        if (Cell::has_c) row.c_before = (s ? call_.saved : work.c0) + c;
        if (call_.mask || Cell::resets_before) {
            const Real* by = call_.mask ? call_.mask + share.row(r) * H_ : nullptr;
            for (long u = 0; u < H_; u++) work.seen[at + u] = by ? before[u] * by[u] : before[u];
            before = work.seen + at;
        }
        if (call_.dw_x) {
            copy(sums_[0].inputs + (pair - first) * sums_[0].row, call_.x + share.cell_of_x(r, s), D_);
            copy(sums_[1].inputs + (pair - first) * sums_[1].row, before, H_);
        }
        return row;
    }

    // From the gradient of r * h, in `product`, to that of r before its activation and of h.
    void through_reset(const Share& share, const Work& work, long r, long s, long first, Real* dg) const {
        const Real* saved = call_.saved + share.pair(r, s) * Cell::saved * pad_;
        Real *seen = work.seen + r * pad_, *product = work.product + r * pad_;
        for (long u = 0; u < pad_; u += n) {
            const Vector reset = load(saved + u), h = load(seen + u), gradient = load(product + u);
            store(dg + u, gradient * h * reset * (all(1) - reset));
            store(product + u, gradient * reset);
            store(seen + u, h * reset);
        }
        if (call_.dw_x) copy(sums_[2].inputs + (share.pair(r, s) - first) * sums_[2].row, seen, H_);
    }

    void step(const Share& share, const Work& work, long s, long first) const {
        const long running = share.running(s), stride = share.stride * gradient_row_;
        Real* const dg = gradients_ + (share.pair(0, s) - first) * gradient_row_;
        for (long r = 0; r < running; r++) {
            const Row row = gather(share, work, r, s, first);
            for (long u = 0; u < pad_; u += n) cell_.backward(row, u);
        }
        const Tile zero{nullptr, stride, 1, nullptr, 0, 0, zeros_, 0, nullptr, 0};
        Tile tile = zero;
        tile.out = work.product, tile.out_row = pad_, tile.a = dg + Cell::h_first * pad_;
        if constexpr (Cell::resets_before) {
            tile.a = dg + 2 * pad_;
            multiply(candidate_, 0, candidate_.vectors, tile, running);
            for (long r = 0; r < running; r++) through_reset(share, work, r, s, first, dg + r * stride);
            tile.a = dg;
            tile.init = work.product, tile.init_row = pad_;
        }
        multiply(h_, 0, h_.vectors, tile, running);
        if (call_.mask)
            for (long r = 0; r < running; r++)
                for (long u = 0; u < H_; u++) work.product[r * pad_ + u] *= call_.mask[share.row(r) * H_ + u];
        if (!call_.dx) return;
        tile = zero;
        tile.out = work.dx, tile.out_row = padded(D_), tile.a = dg + Cell::x_first * pad_;
        multiply(x_, 0, x_.vectors, tile, running);
        for (long r = 0; r < running; r++) {
            Real* to = call_.dx + (share.row(r) * call_.steps + share.time(r, s)) * D_;
            copy(to, work.dx + r * padded(D_), D_);
        }
    }

    const Cell cell_;
    const Call& call_;
    const Plan& plan_;
    const long D_, H_, pad_, gradient_row_;  // features, units, units padded, distance between rows of gradients
    long chunk_ = 0;
    Panels x_, h_, candidate_;
    Buffer gradients_;  // of the slots before their activation, one row for each (step, position) of the chunk
    Buffer bias_, zeros_;
    std::vector<WeightGradient> sums_;
};

template <class Cell> void run_backward(const Call& call, const Cell& cell) {
    const Plan plan(call);
    using Pass = Backward<Cell>;
    const Pass pass(call, plan, cell);
    const long most = workers(call);
    std::vector<typename Pass::Work> work;
    for (long w = 0; w < most; w++) work.push_back(pass.work({call, plan, w, most}));
    Team::run(most, [&](Team& team, long worker) {
        const auto shares = [&](const auto& body) {
            for (long w = worker; w < most; w += team.size()) body(Share{call, plan, w, most}, work[w]);
        };
        shares([&](const Share& share, const auto& own) { pass.begin(share, own); });
        for (long end = plan.steps; end > 0; end = pass.begin_of_chunk(end)) {
            const long begin = pass.begin_of_chunk(end);
            shares([&](const Share& share, const auto& own) { pass.run_chunk(share, own, begin, end); });
            team.wait();
            shares([&](const Share& share, const auto& own) { pass.add_chunk(share, own, begin, end); });
            team.wait();
        }
        shares([&](const Share& share, const auto& own) { pass.finish(share, own); });
    });
    pass.unpack();
}

}  // namespace
