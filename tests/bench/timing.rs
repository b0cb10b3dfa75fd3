//! Does the time that `Secrets::verify` takes tell anything about the right signature?
//!
//! The method is dudect's: the same call is timed very often with two kinds of wrong signature, one wrong in its first byte and one
//! wrong in its last, and Welch's t-test says whether the two kinds of time differ. |t| under 4.5 means that no difference is seen.
//! The same run times a comparison with `==`, which stops at the first wrong byte: a harness that cannot see *that* proves nothing.
//!
//! `cargo bench --bench timing` prints both figures and fails when one is on the wrong side. Chance and a busy machine can push a t
//! up once, so the best of several runs counts; a real leak shows in all of them.

#![expect(clippy::print_stdout, reason = "the figures are the point")]

use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use asc_webhooks::{
    secret::Secret,
    signature::{Secrets, SigningKey, sign},
};
use bytes::Bytes;
use dudect_bencher::{
    BenchRng, Class, CtRunner,
    ctbench::{BenchMetadata, BenchName, BenchOpts, run_benches_console},
    rand::RngExt as _,
};
use jiff::Timestamp;

/// Beyond this, dudect calls a difference certain.
const LIMIT: f64 = 4.5;
/// How often each side may be measured before its best result counts.
const RUNS: usize = 5;
/// How many calls are timed in one run.
const SAMPLES: usize = 1_000_000;

/// The measurements, by the name under which this program calls itself to make one.
const MEASUREMENTS: [(&str, dudect_bencher::ctbench::BenchFn); 2] = [("verify", verify), ("equals", equals)];

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--measure" {
            let name = arguments.next().context("`--measure` wants a name")?;
            return measure(&name).map(|()| ExitCode::SUCCESS);
        }
    }

    let ours = smallest_t("verify", |t| t < LIMIT)?;
    let control = smallest_t("equals", |_| false)?;
    let (quiet, seen) = (ours < LIMIT, control > LIMIT);
    println!("what                                     |t|      wanted   verdict");
    println!("`Secrets::verify`                   {ours:>8.2}      < {LIMIT}   {}", verdict(quiet));
    println!("the same work, compared with `==`   {control:>8.2}      > {LIMIT}   {}", verdict(seen));
    Ok(if quiet && seen { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "DOES NOT HOLD" }
}

/// Makes one measurement. dudect prints its result and keeps the number to itself, hence the second process.
fn measure(name: &str) -> anyhow::Result<()> {
    let Some(&(name, benchfn)) = MEASUREMENTS.iter().find(|(known, _)| *known == name) else {
        bail!("there is no measurement `{name}`");
    };
    run_benches_console(BenchOpts::default(), vec![BenchMetadata { name: BenchName(name), seed: None, benchfn }])?;
    Ok(())
}

/// The smallest |t| of several runs, or the first that is good enough.
fn smallest_t(name: &str, good_enough: impl Fn(f64) -> bool) -> anyhow::Result<f64> {
    let mut smallest = f64::INFINITY;
    for _ in 0..RUNS {
        let output = Command::new(std::env::current_exe()?).args(["--measure", name]).output()?;
        let words = String::from_utf8_lossy(&output.stdout);
        let (_, after) = words.split_once("max t = ").with_context(|| format!("dudect printed no t:\n{words}"))?;
        let number = after.split(',').next().unwrap_or_default().trim();
        smallest = smallest.min(number.parse::<f64>().with_context(|| format!("dudect printed a t of `{number}`"))?.abs());
        if good_enough(smallest) {
            break;
        }
    }
    Ok(smallest)
}

/// One call of the function that guards the door.
fn verify(runner: &mut CtRunner, rng: &mut BenchRng) {
    let (secret, body) = (secret(), body());
    let secrets = Secrets::new([SigningKey::new(&secret, "current")]);
    time_wrong_signatures(runner, rng, &secret, |header| secrets.verify([header], body.clone(), Timestamp::UNIX_EPOCH).is_ok());
}

/// The same work, but for the comparison: the mistake that is easily made.
fn equals(runner: &mut CtRunner, rng: &mut BenchRng) {
    let (secret, body) = (secret(), body());
    time_wrong_signatures(runner, rng, &secret, |header| sign(&secret, &body).to_string().as_bytes() == header);
}

/// Times wrong signatures of both classes, in an order that chance decides.
///
/// Nothing but the place of the mistake may differ between the classes. So a wrong digit is a neighbour of the right one and takes the same
/// way through the reading of hexadecimal digits (which tells the sender nothing that was not sent), and all inputs are made before the
/// first is timed, because a byte that was written a moment ago is slower to read.
fn time_wrong_signatures(runner: &mut CtRunner, rng: &mut BenchRng, secret: &Secret, accepts: impl Fn(&[u8]) -> bool) {
    let right = sign(secret, &body()).to_string().into_bytes();
    assert!(accepts(&right), "a right signature is accepted, so a wrong one is compared to the end");
    let (first, last) = (right.len() - 64, right.len() - 1);
    let mut inputs = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let (class, position) = if rng.random::<bool>() { (Class::Left, first) } else { (Class::Right, last) };
        let mut wrong = right.clone();
        wrong[position] = if matches!(wrong[position], b'9' | b'f') { wrong[position] - 1 } else { wrong[position] + 1 };
        inputs.push((class, wrong));
    }
    for (class, wrong) in inputs {
        runner.run_one(class, || accepts(&wrong));
    }
}

fn secret() -> Secret {
    Secret::new("a secret that only this measurement uses")
}

fn body() -> Bytes {
    Bytes::from_static(br#"{"data":{"type":"webhookPingCreated","id":"timing"}}"#)
}
