// Matrix products in register tiles: out = init + A * B, B packed in panels a few vectors wide.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <new>

#include "lanes.h"

namespace {

// Memory on a cache line's border, zeroed.
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(long size) {
        const size_t bytes = (size_t(size) * sizeof(Real) + 127) / 64 * 64;
        data_ = static_cast<Real*>(std::aligned_alloc(64, bytes));
        if (!data_) throw std::bad_alloc();
        std::memset(static_cast<void*>(data_), 0, bytes);
    }
    Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data_, other.data_);
        return *this;
    }
    ~Buffer() { std::free(data_); }
    operator Real*() const { return data_; }

  private:
    Real* data_ = nullptr;
};

constexpr long vectors(long size) { return (size + kLanes - 1) / kLanes; }
constexpr long padded(long size) { return vectors(size) * kLanes; }

// A distance between rows that is an odd number of cache lines: rows spread over all sets of the cache.
constexpr long spread(long size) {
    const long line = 64 / sizeof(Real);
    return ((size + line - 1) / line | 1) * line;
}

INLINE void copy(Real* to, const Real* from, long size) {
    long i = 0;
    for (; i + kLanes <= size; i += kLanes) store(to + i, load(from + i));
    for (; i < size; i++) to[i] = from[i];
}

// Rows of a tile: its accumulators, a vector of B and a broadcast element of A for each row fill the registers.
constexpr int tile_rows(int wide) { return std::min(kRegisters == 32 ? 8 : 6, (kRegisters == 32 ? 24 : 12) / wide); }
constexpr int kWidest = 4;

struct Tile {
    const Real* a;
    long a_row, a_depth;  // distances between rows of A and between elements along the sum
    const Real* b;
    long b_depth;  // distance between rows of B
    long depth;
    const Real* init;
    long init_row;
    Real* out;
    long out_row;
};

// One tile. Of its own, never inlined: that keeps the accumulators in registers. KeyedByRow: a_depth is 1.
template <int Rows, int Wide, bool KeyedByRow> __attribute__((noinline)) void multiply(const Tile& tile) {
    Vector sum[Rows][Wide] = {};
    const Real *a = tile.a, *b = tile.b;
    const long row = KeyedByRow ? tile.a_row : 1, step = KeyedByRow ? 1 : tile.a_depth;
    for (long k = 0; k < tile.depth; k++, a += step, b += tile.b_depth) {
        Vector right[Wide];
        each<Wide>([&](auto v) { right[v] = load(b + v * kLanes); });
        each<Rows>([&](auto m) {
            const Vector left = all(a[m * row]);
            each<Wide>([&](auto v) { sum[m][v] += left * right[v]; });
        });
    }
    each<Rows>([&](auto m) {
        each<Wide>([&](auto v) {
            const long at = v * kLanes;
            store(tile.out + m * tile.out_row + at, sum[m][v] + load(tile.init + m * tile.init_row + at));
        });
    });
}

using Multiply = void (*)(const Tile&);

template <int Wide, bool KeyedByRow, int... I>
INLINE Multiply choose(long rows, std::integer_sequence<int, I...>) {
    static constexpr Multiply table[] = {multiply<I + 1, Wide, KeyedByRow>...};
    return table[rows - 1];
}

// All rows of one panel, the sum in pieces that leave the panel's part in the first-level cache.
template <int Wide, bool KeyedByRow> void multiply_panel(Tile tile, long rows) {
    constexpr int most = tile_rows(Wide);
    constexpr long piece = 32768 / (Wide * SEQEXP_VECTOR_BYTES);
    const Tile whole = tile;
    for (long k = 0; k < whole.depth || k == 0; k += piece) {
        tile.depth = std::min(piece, whole.depth - k);
        tile.b = whole.b + k * whole.b_depth;
        for (long r = 0; r < rows; r += most) {
            tile.a = whole.a + r * whole.a_row + k * whole.a_depth;
            tile.out = whole.out + r * whole.out_row;
            tile.init = k ? tile.out : whole.init + r * whole.init_row;
            tile.init_row = k ? whole.out_row : whole.init_row;
            choose<Wide, KeyedByRow>(std::min<long>(most, rows - r), std::make_integer_sequence<int, most>{})(tile);
        }
    }
}

template <bool KeyedByRow> inline void multiply_panel(const Tile& tile, long rows, long wide) {
    switch (wide) {
        case 1: return multiply_panel<1, KeyedByRow>(tile, rows);
        case 2: return multiply_panel<2, KeyedByRow>(tile, rows);
        case 3: return multiply_panel<3, KeyedByRow>(tile, rows);
        default: return multiply_panel<4, KeyedByRow>(tile, rows);
    }
}

// The right side of a product, (depth, columns), in panels `wide` vectors wide (the last may be narrower).
struct Panels {
    Panels() = default;
    Panels(long depth_, long vectors_, int wide_)
        : depth(depth_), vectors(vectors_), wide(wide_), data(depth_ * vectors_ * kLanes) {}

    // Where row k of the panel that holds vector v begins, or where that vector itself lies.
    Real* panel(long v, long k = 0) const { return data + v * kLanes * depth + k * width(v) * kLanes; }
    Real* at(long k, long v) const { return panel(v / wide * wide, k) + v % wide * kLanes; }
    long width(long v) const { return std::min<long>(wide, vectors - v); }

    long depth = 0, vectors = 0;
    int wide = 1;
    Buffer data;
};

// out = init + A * B for the vectors [first, first + count) of B; out and init begin at vector `first`.
inline void multiply(const Panels& b, long first, long count, Tile tile, long rows) {
    tile.depth = b.depth;
    for (long v = first; v < first + count; v += b.wide) {
        const long wide = b.width(v);
        tile.b = b.panel(v);
        tile.b_depth = wide * kLanes;
        multiply_panel<true>(tile, rows, wide);
        tile.out += wide * kLanes;
        tile.init += wide * kLanes;
    }
}

// out += A^T * B for A (depth, rows) and B (depth, columns) lying row by row, far larger than any cache: blocks of
// both are laid down close together, the one of B to stay in the second-level cache, the one of A in the first.
class TransposedProduct {
  public:
    TransposedProduct() : a_(kDepth * kHeight + kLanes), b_(kDepth * kColumns) {}

    // Rows [begin, end) of out, which are columns of A; `columns` a multiple of a vector.
    void add(const Tile& whole, long columns, long begin, long end) const {
        for (long k = 0; k < whole.depth; k += kDepth)
            for (long j = 0; j < columns; j += kColumns) {
                Tile tile = whole;
                tile.depth = std::min(kDepth, whole.depth - k);
                tile.a += k * whole.a_depth;
                tile.b += k * whole.b_depth + j;
                tile.out += j;
                add_block(tile, std::min(kColumns, columns - j), begin, end);
            }
    }

    static constexpr int kWide = 2;
    static constexpr long kHeight = tile_rows(kWide);

  private:
    static constexpr long kDepth = 256, kColumns = 256;

    void add_block(const Tile& block, long columns, long begin, long end) const {
        constexpr long width = kWide * kLanes;
        for (long j = 0; j < columns; j += width) lay_down(block, j, std::min(width, columns - j) / kLanes);
        for (long m = begin; m < end; m += kHeight) {
            // The last rows may read past their end, into what the buffer has to spare.
            for (long k = 0; k < block.depth; k++)
                __builtin_memcpy(a_ + k * kHeight, block.a + k * block.a_depth + m, kHeight * sizeof(Real));
            for (long j = 0; j < columns; j += width) {
                const long wide = std::min(width, columns - j);
                Real* out = block.out + m * block.out_row + j;
                const Tile tile{a_, 1, kHeight, b_ + j * block.depth, wide, block.depth, out, block.out_row, out,
                                block.out_row};
                multiply_panel<false>(tile, std::min(kHeight, end - m), wide / kLanes);
            }
        }
    }

    void lay_down(const Tile& block, long j, long wide) const {
        Real* to = b_ + j * block.depth;
        for (long k = 0; k < block.depth; k++, to += wide * kLanes) {
            const Real* from = block.b + k * block.b_depth + j;
            store(to, load(from));
            if (wide == kWide) store(to + kLanes, load(from + kLanes));
        }
    }

    Buffer a_, b_;
};

}  // namespace
