// What a call says, which rows run in which steps, and who computes them.
//
// Shapes: N rows (sequences), T steps, D features, H units, G gates. Everything contiguous but x.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <numeric>
#include <system_error>
#include <thread>
#include <vector>

#include "lanes.h"

namespace {

struct Call {
    int64_t cell, reverse, threads;
    int64_t batch, steps, features, units;
    int64_t x_row, x_step;               // distances in x (N, T, D), in elements
    const Real *x, *h0, *c0;             // h0 and c0 (N, H); c0 for the LSTM alone
    const Real *w_x, *w_h, *b_x, *b_h;   // (G * H, D), (G * H, H), (G * H) twice
    const Real* mask;                    // (N, H): what h_{t-1} is multiplied by in the products; may be null
    const int64_t* lengths;              // (N), each of 0 to T; null: all T
    Real *y, *h_end, *c_end;             // y (N, T, H)
    Real* saved;                         // (sum of lengths, kept slots * padded H); null: not wanted
    const Real *dy, *dh_end, *dc_end;    // backward only from here; dy may be null
    Real *dx, *dh0, *dc0;                // dx may be null
    Real *dw_x, *dw_h, *db_x, *db_h;     // null together: not wanted
};

// Rows sorted by length, longest first, so that the rows still running in a step are the first of them.
struct Plan {
    explicit Plan(const Call& call) : order(call.batch), length(call.batch, call.steps), offset(call.steps + 1) {
        std::iota(order.begin(), order.end(), 0L);
        if (call.lengths) {
            const auto longer = [&](long a, long b) { return call.lengths[a] > call.lengths[b]; };
            std::stable_sort(order.begin(), order.end(), longer);
            for (long p = 0; p < call.batch; p++) length[p] = call.lengths[order[p]];
        }
        long running = call.batch;
        for (long s = 0; s < call.steps; s++) {
            while (running && length[running - 1] <= s) running--;
            offset[s + 1] = offset[s] + running;
            steps += running > 0;
        }
    }
    long running(long step) const { return offset[step + 1] - offset[step]; }

    std::vector<long> order;   // position -> row of the batch
    std::vector<long> length;  // by position
    std::vector<long> offset;  // step -> how many (step, position) pairs come before it
    long steps = 0;            // of the longest row
};

// Every `stride`-th position from `first` on: each worker has long and short rows.
struct Share {
    const Call& call;
    const Plan& plan;
    long first, stride;

    long count() const { return until(call.batch); }
    long running(long step) const { return until(plan.running(step)); }
    long position(long r) const { return first + r * stride; }
    long row(long r) const { return plan.order[position(r)]; }
    long length(long r) const { return plan.length[position(r)]; }
    long pair(long r, long step) const { return plan.offset[step] + position(r); }
    // Where in the tensors the step of a row lies: backwards from the end of the row, if so asked.
    long time(long r, long step) const { return call.reverse ? length(r) - 1 - step : step; }
    long cell_of_y(long r, long step) const { return (row(r) * call.steps + time(r, step)) * call.units; }
    long cell_of_x(long r, long step) const { return row(r) * call.x_row + time(r, step) * call.x_step; }

  private:
    long until(long positions) const { return positions > first ? (positions - first + stride - 1) / stride : 0; }
};

// The threads of one call. They live no longer than it, so a fork finds none, and nothing waits by spinning.
class Team {
  public:
    // Runs body(team, 0) to body(team, size - 1) at once, the first here; with fewer if threads are refused.
    template <class Body> static void run(long wanted, const Body& body) {
        Team team;
        std::vector<std::thread> threads;
        threads.reserve(wanted - 1);
        try {
            for (long w = 1; w < wanted; w++)
                threads.emplace_back([&team, &body, w] {
                    team.started();
                    body(team, w);
                });
        } catch (const std::system_error&) {
        }
        team.start(1 + long(threads.size()));
        body(team, 0);
        for (auto& thread : threads) thread.join();
    }

    long size() const { return size_; }

    // Returns when every worker has called it.
    void wait() {
        if (size_ == 1) return;
        std::unique_lock<std::mutex> lock(mutex_);
        const long round = round_;
        if (++waiting_ == size_) {
            waiting_ = 0;
            round_++;
            changed_.notify_all();
        } else {
            changed_.wait(lock, [&] { return round_ != round; });
        }
    }

  private:
    void start(long size) {
        const std::lock_guard<std::mutex> lock(mutex_);
        size_ = size;
        changed_.notify_all();
    }
    void started() {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [&] { return size_ > 0; });
    }

    long size_ = 0, waiting_ = 0, round_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
};

// How many workers are worth their start, some ten microseconds each. The result does not depend on it.
inline long workers(const Call& call) {
    const double products = double(call.batch) * double(call.steps) * double(call.units) *
                            double(call.units + call.features);
    const long worth = long(std::min(products / 2e6, 1e6));
    return std::max<long>(1, std::min<long>({call.threads, call.batch, worth}));
}

}  // namespace
