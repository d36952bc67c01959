//! Trigger rules: what every one of them makes of upstream tasks that succeed, fail, are skipped, or cannot run.

use flow_tests::component;
use serde_json::{Map, Value};

use crate::database::{Database, on_both_databases};

on_both_databases!(every_rule_does_as_it_says);

/// How the three tasks upstream end: by success, failure, a skip, or since their own upstream failed.
const UPSTREAM: [&str; 10] = ["SSS", "FFF", "KKK", "UUU", "SSF", "SSK", "FFK", "SFK", "SSU", "KKU"];

/// What becomes of a task with each rule then, in the same order.
const RULES: [(&str, &str); 13] = [
    ("all_success", "SUKUUKUUUU"),
    ("all_failed", "KSKSKKKKKK"),
    ("all_done", "SSSSSSSSSS"),
    ("all_done_min_one_success", "SUKUSKKKSK"),
    ("all_done_setup_success", "SUKUSSUSSU"),
    ("one_success", "SUKUSSUSSU"),
    ("one_failed", "KSKSSKSSSS"),
    ("one_done", "SSKKSSSSSK"),
    ("none_failed", "SUSUUSUUUU"),
    ("none_failed_min_one_success", "SUKUUSUUUU"),
    ("none_skipped", "SSKSSKKKSK"),
    ("all_skipped", "KKSKKKKKKK"),
    ("always", "SSSSSSSSSS"),
];

fn state(letter: char) -> &'static str {
    match letter {
        'S' => "success",
        'F' => "failed",
        'K' => "skipped",
        'U' => "upstream_failed",
        other => panic!("{other} is no state"),
    }
}

/// The conf that lets the tasks upstream end like this.
fn conf(ends: &str) -> Value {
    let told = |letter| match letter {
        'F' => "fail",
        'K' => "skip",
        'U' => "block",
        _ => "succeed",
    };
    let named = ["first", "second", "third"].into_iter().zip(ends.chars());
    named.map(|(name, letter)| (name.to_owned(), told(letter).into())).collect::<Map<_, _>>().into()
}

async fn every_rule_does_as_it_says(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("rules", component("rules")).await.expect(201);
    let mut runs = Vec::new();
    for ends in UPSTREAM {
        runs.push(tenant.trigger("rules", conf(ends)).await);
    }
    for (place, (ends, run)) in UPSTREAM.into_iter().zip(&runs).enumerate() {
        let end = tenant.wait("rules", run).await;
        let found = tenant.states("rules", run).await;
        let letters = RULES.map(|(rule, row)| (rule, row.chars().nth(place).expect("one for each upstream")));
        for (rule, letter) in letters {
            let expected = format!("{rule}={}", state(letter));
            assert!(found.split(' ').any(|one| one == expected), "behind {ends} it should be {expected}: {found}");
        }
        let is_failed = letters.iter().any(|&(rule, letter)| letter == 'U' && rule != "all_done_setup_success");
        assert_eq!(end, if is_failed { "failed" } else { "success" }, "behind {ends}; teardowns do not count");
    }
}
