//! 64 KiB frames over loopback to 1 and 8 receivers, through the real relay and through a minimal quinn forwarder, in one run.
//!
//! Publisher, relay and receivers share one thread of this process, so the time is the CPU time of all of them together: a
//! ratio between the two says more than a figure. The relay's own CPU alone is measured by processes of their own.

#![expect(clippy::expect_used, reason = "a bench that cannot go on has nothing to report")]

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use isi_benches::fanout::Fanout;
use std::time::Instant;
use tokio::runtime::{Builder, Runtime};

const FRAME_BYTES: usize = 64 * 1024;

fn fanout(c: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = c.benchmark_group("fanout_64KiB");
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    for receivers in [1, 8] {
        group.throughput(Throughput::Bytes((receivers * FRAME_BYTES) as u64));
        let mut ours = runtime.block_on(Fanout::ours(receivers, FRAME_BYTES));
        let mut stock = runtime.block_on(Fanout::stock(receivers, FRAME_BYTES));
        group.bench_function(BenchmarkId::new("relay", receivers), |b| {
            b.iter_custom(|frames| timed(&runtime, &mut ours, frames));
        });
        group.bench_function(BenchmarkId::new("stock_quinn", receivers), |b| {
            b.iter_custom(|frames| timed(&runtime, &mut stock, frames));
        });
    }
    group.finish();
}

fn timed(runtime: &Runtime, fanout: &mut Fanout, frames: u64) -> std::time::Duration {
    let frame = vec![0x5a; FRAME_BYTES];
    let start = Instant::now();
    runtime.block_on(fanout.deliver(frames, &frame));
    start.elapsed()
}

criterion_group!(benches, fanout);
criterion_main!(benches);
