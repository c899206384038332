// Calls every cell at awkward sizes, in buffers with not one element to spare. For the sanitizers.
#include "recurrences.cpp"

#include <cstdio>
#include <initializer_list>
#include <memory>

struct Case {
    long cell, batch, steps, features, units, threads;
    bool lengths, mask, reverse;
};

static std::vector<std::unique_ptr<Real[]>> kept;

static Real* numbers(long size) {
    kept.emplace_back(new Real[size]);
    for (long i = 0; i < size; i++) kept.back()[i] = Real((i * 37 % 101) / 101.0 - 0.5);
    return kept.back().get();
}

static bool run(const Case& c) {
    constexpr long gate_count[] = {4, 3, 3, 1, 1}, saved[] = {6, 4, 3, 0, 0};
    const long N = c.batch, T = c.steps, D = c.features, H = c.units, G = gate_count[c.cell];
    std::vector<int64_t> lengths(N);
    for (long n = 0; n < N; n++) lengths[n] = c.lengths ? (n * 5 + 1) % (T + 1) : T;
    const long pairs = std::accumulate(lengths.begin(), lengths.end(), 0L);
    Call call{};
    call.cell = c.cell, call.reverse = c.reverse, call.threads = c.threads;
    call.batch = N, call.steps = T, call.features = D, call.units = H;
    call.x_row = T * D, call.x_step = D;
    call.x = numbers(N * T * D), call.h0 = numbers(N * H), call.c0 = c.cell ? nullptr : numbers(N * H);
    call.w_x = numbers(G * H * D), call.w_h = numbers(G * H * H), call.b_x = numbers(G * H), call.b_h = numbers(G * H);
    if (c.mask) call.mask = numbers(N * H);
    if (c.lengths) call.lengths = lengths.data();
    call.y = numbers(N * T * H), call.h_end = numbers(N * H), call.c_end = c.cell ? nullptr : numbers(N * H);
    if (forward(&call)) return false;
    call.saved = numbers(pairs * saved[c.cell] * padded(H));
    if (forward(&call)) return false;
    call.dy = numbers(N * T * H), call.dh_end = numbers(N * H), call.dc_end = c.cell ? nullptr : numbers(N * H);
    call.dh0 = numbers(N * H), call.dc0 = c.cell ? nullptr : numbers(N * H);
    if (backward(&call)) return false;
    call.dx = numbers(N * T * D), call.dw_x = numbers(G * H * D), call.dw_h = numbers(G * H * H);
    call.db_x = numbers(G * H), call.db_h = numbers(G * H);
    if (backward(&call)) return false;
    kept.clear();
    return true;
}

int main() {
    long calls = 0;
    for (long cell = 0; cell < 5; cell++)
        for (const bool odd : {false, true})
            for (const bool reverse : {false, true})
                for (const long batch : {1L, 7L, 70L}) {
                    const long units = odd ? 67 : 64, features = odd ? 5 : 80, steps = batch == 1 ? 200 : 9;
                    const long threads = odd ? 3 : 1;
                    if (!run({cell, batch, steps, features, units, threads, odd, odd != reverse, reverse})) return 1;
                    calls += 4;
                }
    std::printf("%ld calls\n", calls);
}
