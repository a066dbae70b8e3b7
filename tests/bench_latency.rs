//! `make bench-latency`: how long an idle log takes from a submission to its cosigned proof.
//!
//! A log and four witnesses, three needed, each a process of its own, over loopback; one submitter, one record at a time.
//! Beside it stand the floors of this machine: an HTTP answer that does nothing, and a synced write to the same disk.

use anyhow::{Context as _, ensure};
use glarus_tests::world::World;
use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

const WARM_UP: u64 = 50;
const ROUNDS: u64 = 1_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let world = World::start(4, 3).await?;
    let mut submissions = Vec::new();
    for round in 0..WARM_UP + ROUNDS {
        let source = world.vendor.source("bench", &round.to_be_bytes());
        let start = Instant::now();
        let submitted = world.submit(&source).await?;
        if round >= WARM_UP {
            submissions.push(start.elapsed());
        }
        ensure!(submitted.proof.is_some(), "the answer has no proof");
    }
    let mut requests = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        ensure!(world.get("/healthz").await?.status == 200, "the log is not well");
        requests.push(start.elapsed());
    }
    let mut file = File::create(world.dir.path().join("floor"))?;
    let mut writes = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        writes.push(start.elapsed());
    }
    println!("{ROUNDS} submissions, one at a time, to an idle log with four witnesses, three needed; milliseconds");
    println!("{:42}{:>8}{:>8}{:>8}", "", "p50", "p99", "max");
    report("submission to cosigned proof", &mut submissions)?;
    report("floor: HTTP answer that does nothing", &mut requests)?;
    report("floor: 4 KiB written and synced", &mut writes)?;
    println!("target: p50 <= 3, p99 <= 10");
    let metrics = String::from_utf8(world.get("/metrics").await?.body.to_vec())?;
    for (what, name) in [("judged, committed, checked, signed", "batch"), ("cosigned by the quorum", "quorum")] {
        println!("of it, on average: {what:38}{:8.2}", mean_ms(&metrics, name)?);
    }
    Ok(())
}

/// The mean of a histogram of the log, in milliseconds.
fn mean_ms(metrics: &str, name: &str) -> anyhow::Result<f64> {
    let value = |part: &str| {
        let line = metrics.lines().find(|line| line.contains(&format!("{name}_seconds_{part} ")));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).context("no such metric")
    };
    Ok(value("sum")? / value("count")? * 1e3)
}

fn report(what: &str, times: &mut [Duration]) -> anyhow::Result<()> {
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() - 1) * percent / 100).map(|time| time.as_secs_f64() * 1e3);
    let (p50, p99, max) = (at(50).context("no times")?, at(99).context("no times")?, at(100).context("no times")?);
    println!("{what:42}{p50:8.2}{p99:8.2}{max:8.2}");
    Ok(())
}
