//! The least that things take on this machine: what no host can be faster than, measured in the same minutes.

pub(crate) mod commits;
pub(crate) mod guests;

use std::fs::File;
use std::io::Write as _;
use std::time::Instant;

use flow_tests::Client;

use crate::form::Times;
use crate::place::Place;
use crate::process::millis;
use commits::{Ledger, Step};
use guests::Guests;

const CHAIN: usize = 10;
const FAN: usize = 100;

/// From appending a page to a file to its being on disk, in microseconds.
pub(crate) fn fdatasync(place: &Place, times: Times) -> Vec<f64> {
    let mut file = File::create(place.path("page")).expect("a file can be made");
    let mut once = || {
        file.write_all(&[7; 4096]).expect("a page can be written");
        let begun = Instant::now();
        file.sync_data().expect("the disk takes it");
        millis(begun.elapsed()) * 1000.0
    };
    times.into_iter().map(|_| once()).collect()
}

/// The shortest request that a host answers, in milliseconds.
pub(crate) async fn round_trips(client: &Client, times: Times) -> Vec<f64> {
    let mut measured = Vec::new();
    for _ in times {
        let begun = Instant::now();
        client.get("/health").await.expect(200);
        measured.push(millis(begun.elapsed()));
    }
    measured
}

/// A request and the one commit without which no task may start, in milliseconds.
pub(crate) async fn starts(client: &Client, ledger: &mut Ledger, times: Times) -> Vec<f64> {
    let mut measured = Vec::new();
    for _ in times {
        let one = ledger.entries(1);
        let begun = Instant::now();
        client.get("/health").await.expect(200);
        ledger.commit(&[(Step::Create, &one), (Step::Take, &one)]).await;
        measured.push(millis(begun.elapsed()));
        ledger.commit(&[(Step::End, &one)]).await;
    }
    measured
}

/// Ten tasks, one after the other: a call and a commit for each, in milliseconds.
pub(crate) async fn chain(ledger: &mut Ledger, guests: &Guests, times: Times) -> Vec<f64> {
    let mut measured = Vec::new();
    for _ in times {
        let tasks = ledger.entries(CHAIN);
        let begun = Instant::now();
        ledger.commit(&[(Step::Create, &tasks), (Step::Take, &tasks[..1])]).await;
        for at in 0..CHAIN {
            guests.noop().await;
            let next = tasks.get(at + 1..=at + 1).unwrap_or_default();
            ledger.commit(&[(Step::End, &tasks[at..=at]), (Step::Take, next)]).await;
        }
        measured.push(millis(begun.elapsed()));
    }
    measured
}

/// One task, then a hundred, then one: 102 calls and four commits, in milliseconds.
pub(crate) async fn fanout(ledger: &mut Ledger, guests: &Guests, times: Times) -> Vec<f64> {
    let mut measured = Vec::new();
    for _ in times {
        let tasks = ledger.entries(FAN + 2);
        let (first, rest) = tasks.split_at(1);
        let (middle, last) = rest.split_at(FAN);
        let begun = Instant::now();
        ledger.commit(&[(Step::Create, &tasks), (Step::Take, first)]).await;
        guests.noop().await;
        ledger.commit(&[(Step::End, first), (Step::Take, middle)]).await;
        guests.noops(FAN).await;
        ledger.commit(&[(Step::End, middle), (Step::Take, last)]).await;
        guests.noop().await;
        ledger.commit(&[(Step::End, last)]).await;
        measured.push(millis(begun.elapsed()));
    }
    measured
}
