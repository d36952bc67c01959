//! Which key leads to which, by table.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;

fn mapper(json: &Value) -> PartitionMapper {
    let mapper: PartitionMapper = serde_json::from_value(json.clone()).expect("a mapper");
    mapper.check().unwrap_or_else(|error| panic!("{json}: {error}"));
    mapper
}

fn key(text: &str) -> PartitionKey {
    text.parse().expect("a key")
}

fn mapped(json: &Value, from: &str) -> String {
    match mapper(json).map(&key(from)) {
        Ok(keys) => keys.iter().map(PartitionKey::as_str).collect::<Vec<_>>().join(" "),
        Err(error) => error.to_string(),
    }
}

fn start_of(period: &str) -> Value {
    json!({"start_of": {"period": period}})
}

#[test]
fn periods_begin_where_airflow_begins_them() {
    for (period, expected) in [
        ("hour", "2024-03-13T10"),
        ("day", "2024-03-13"),
        ("week", "2024-03-11 (W11)"),
        ("month", "2024-03"),
        ("quarter", "2024-Q1"),
        ("year", "2024"),
    ] {
        assert_eq!(mapped(&start_of(period), "2024-03-13T10:42:15"), expected);
    }
    assert_eq!(mapped(&start_of("week"), "2027-01-03T00:00:00"), "2026-12-28 (W53)");
    assert_eq!(mapped(&start_of("quarter"), "2024-12-31T23:59:59"), "2024-Q4");
}

#[test]
fn formats_and_zones_are_the_mappers_own() {
    let start = |period: &str, zone: &str, input: &str, output: Option<&str>| json!({"start_of": {"period": period, "timezone": zone, "input_format": input, "output_format": output}});
    let utc = "%Y-%m-%dT%H%z";
    for (mapper, from, expected) in [
        // What says how far it is from UTC is moved onto the mapper's clock.
        (start("day", "Europe/Amsterdam", utc, None), "2024-03-31T23+0000", "2024-04-01"),
        (start("day", "America/New_York", utc, Some("%Y%m%d%z")), "2024-07-01T02Z", "20240630-0400"),
        // An hour that the clock skips is the one after the gap.
        (start("hour", "America/New_York", "%Y-%m-%dT%H", None), "2024-03-10T02", "2024-03-10T03"),
        (start("month", "UTC", "%Y%m%d", Some("%m/%Y")), "20240229", "02/2024"),
        (start("quarter", "UTC", "%Y-%m", Some("Q{quarter} %Y")), "2024-05", "Q2 2024"),
        (start("day", "UTC", "%Y-%m-%d", Some("%Y week %U %W")), "2024-09-01", "2024 week 35 35"),
    ] {
        assert_eq!(mapped(&mapper, from), expected, "{mapper}");
    }
}

#[test]
fn keys_that_mean_nothing_are_refused_by_name() {
    for (mapper, from, expected) in [
        (start_of("day"), "2024-03-13", r#"key "2024-03-13" does not read as "%Y-%m-%dT%H:%M:%S""#),
        (start_of("day"), "2024-02-30T00:00:00", r#"key "2024-02-30T00:00:00" does not read as "%Y-%m-%dT%H:%M:%S""#),
        (start_of("day"), "2024-03-13T10:42:15Z", r#"key "2024-03-13T10:42:15Z" does not read as "%Y-%m-%dT%H:%M:%S""#),
        (json!({"allowed_key": ["eu", "us"]}), "xx", r#"key "xx" is not one of the allowed keys"#),
        (
            json!({"product": {"mappers": ["identity", "identity"]}}),
            "a|b|c",
            r#"key "a|b|c" has 3 parts where 2 are expected"#,
        ),
    ] {
        assert_eq!(mapped(&mapper, from), expected);
    }
}

#[test]
fn mappers_compose() {
    let weekly = json!({"fan_out": {"upstream": start_of("week"), "window": {"week": "forward"}}});
    let daily = json!({"start_of": {"period": "day", "input_format": "%Y-%m-%d"}});
    for (mapper, from, expected) in [
        (json!("identity"), "any thing", "any thing"),
        (json!({"allowed_key": ["eu", "us"]}), "eu", "eu"),
        (json!({"fixed_key": "all"}), "eu", "all"),
        (
            json!({"product": {"mappers": [start_of("day"), {"allowed_key": ["eu"]}]}}),
            "2024-03-13T10:00:00|eu",
            "2024-03-13|eu",
        ),
        (json!({"product": {"mappers": ["identity", "identity"], "delimiter": "::"}}), "a::b", "a::b"),
        (
            json!({"chain": [start_of("day"), {"start_of": {"period": "month", "input_format": "%Y-%m-%d"}}]}),
            "2024-03-13T10:00:00",
            "2024-03",
        ),
        (
            weekly.clone(),
            "2024-03-13T10:00:00",
            "2024-03-11 2024-03-12 2024-03-13 2024-03-14 2024-03-15 2024-03-16 2024-03-17",
        ),
        (
            json!({"chain": [{"fan_out": {"upstream": start_of("quarter"), "window": {"quarter": "backward"}}},
            {"start_of": {"period": "year", "input_format": "%Y-%m"}}]}),
            "2024-02-13T10:00:00",
            "2023 2023 2024",
        ),
        (json!({"fan_out": {"upstream": start_of("day"), "window": {"segment": ["a", "b"]}}}), "", ""),
        (json!({"rollup": {"upstream": daily, "window": {"day": "forward"}}}), "2024-03-13", "2024-03-13"),
    ] {
        if from.is_empty() {
            assert!(serde_json::from_value::<PartitionMapper>(mapper.clone()).expect("a mapper").check().is_err());
        } else {
            assert_eq!(mapped(&mapper, from), expected, "{mapper}");
        }
    }
    let product = json!({"product": {"mappers": [weekly, "identity"]}});
    assert_eq!(
        mapped(&product, "2024-03-13T10:00:00|x"),
        "a mapper inside another mapper must lead to one key and leads to several"
    );
}

#[test]
fn a_key_leads_to_a_thousand_at_most() {
    let minutes = json!({"fan_out": {"upstream": start_of("hour"), "window": {"hour": "forward"},
        "downstream": {"start_of": {"period": "hour", "output_format": "%Y-%m-%dT%H:%M:%S"}}}});
    let hours = json!({"fan_out": {"upstream": start_of("day"), "window": {"day": "forward"},
        "downstream": {"start_of": {"period": "hour", "output_format": "%Y-%m-%dT%H:%M:%S"}}}});
    let refused = mapped(&json!({"chain": [hours, &minutes]}), "2024-03-13T00:00:00");
    assert!(refused.ends_with("leads to 1020 keys; at most 1000 are allowed"), "{refused}");
    assert_eq!(mapped(&minutes, "2024-03-13T10:42:15").split(' ').count(), 60);
}

/// The keys that a rollup of these periods waits for.
fn expected(period: &str, input: &str, window: &Value, of: &str) -> Vec<String> {
    let upstream = json!({"start_of": {"period": period, "input_format": input}});
    let rollup = mapper(&json!({"rollup": {"upstream": upstream, "window": window}}));
    let PartitionMapper::Rollup { upstream, window, .. } = &rollup else { panic!("it is a rollup") };
    let keys: BTreeSet<String> = upstream.expected(&key(of), window).expect("the key can be read");
    keys.into_iter().collect()
}

#[test]
fn windows_consist_of_what_airflow_says() {
    for (period, input, window, of, count, first, last) in [
        (
            "hour",
            "%Y-%m-%dT%H:%M",
            json!({"hour": "forward"}),
            "2024-03-13T10",
            60,
            "2024-03-13T10:00",
            "2024-03-13T10:59",
        ),
        ("day", "%Y-%m-%dT%H", json!({"day": "forward"}), "2024-03-13", 24, "2024-03-13T00", "2024-03-13T23"),
        ("day", "%Y-%m-%dT%H", json!({"day": "backward"}), "2024-03-13", 24, "2024-03-12T01", "2024-03-13T00"),
        ("week", "%Y-%m-%d", json!({"week": "forward"}), "2024-03-11 (W11)", 7, "2024-03-11", "2024-03-17"),
        ("week", "%Y-%m-%d", json!({"week": "backward"}), "2024-03-11 (W11)", 7, "2024-03-05", "2024-03-11"),
        ("month", "%Y-%m-%d", json!({"month": "forward"}), "2024-02", 29, "2024-02-01", "2024-02-29"),
        ("month", "%Y-%m-%d", json!({"month": "backward"}), "2024-03", 29, "2024-02-02", "2024-03-01"),
        ("quarter", "%Y-%m", json!({"quarter": "forward"}), "2024-Q4", 3, "2024-10", "2024-12"),
        ("quarter", "%Y-%m", json!({"quarter": "backward"}), "2024-Q1", 3, "2023-11", "2024-01"),
        ("year", "%Y-%m", json!({"year": "forward"}), "2024", 12, "2024-01", "2024-12"),
        ("year", "%Y-%m", json!({"year": "backward"}), "2024", 12, "2023-02", "2024-01"),
    ] {
        let keys = expected(period, input, &window, of);
        assert_eq!((keys.len(), keys[0].as_str(), keys[count - 1].as_str()), (count, first, last), "{window} of {of}");
    }
}

#[test]
fn a_rollup_waits_for_its_window() {
    let weekly = |wait: &Value| {
        let upstream = json!({"start_of": {"period": "week", "input_format": "%Y-%m-%d"}});
        mapper(&json!({"rollup": {"upstream": upstream, "window": {"week": "forward"}, "wait": wait}}))
    };
    let week = key("2024-03-11 (W11)");
    let days = |count: u32| -> Received { (0..count).map(|day| format!("2024-03-{}", 11 + day)).collect() };
    for (wait, count, expected) in [
        (json!("all"), 6, Waiting::More),
        (json!("all"), 7, Waiting::Over),
        (json!({"minimum_count": 3}), 2, Waiting::More),
        (json!({"minimum_count": 3}), 3, Waiting::Over),
        (json!({"minimum_count": -2}), 4, Waiting::More),
        (json!({"minimum_count": -2}), 5, Waiting::Over),
        (json!({"minimum_count": 8}), 7, Waiting::Vain),
    ] {
        assert_eq!(weekly(&wait).waiting(&week, &days(count)), Ok(expected), "{wait} with {count}");
    }
    let others: Received = (0..9).map(|day| format!("2024-04-0{day}")).collect();
    assert_eq!(weekly(&json!("all")).waiting(&week, &others), Ok(Waiting::More), "days of another week");
    let regions = mapper(&json!({"rollup": {"upstream": {"fixed_key": "all"}, "window": {"segment": ["eu", "us"]}}}));
    assert_eq!(regions.waiting(&key("all"), &["eu".to_owned()].into()), Ok(Waiting::More));
    assert_eq!(regions.waiting(&key("all"), &["eu".to_owned(), "us".to_owned()].into()), Ok(Waiting::Over));
    assert_eq!(mapper(&json!("identity")).waiting(&key("k"), &["k".to_owned()].into()), Ok(Waiting::Over));
}

#[test]
fn what_cannot_work_is_refused() {
    for (json, reason) in [
        (json!({"start_of": {"period": "day", "timezone": "Mars/Base"}}), "time zone"),
        (json!({"chain": ["identity"]}), "two mappers"),
        (json!({"product": {"mappers": ["identity"]}}), "two mappers"),
        (json!({"allowed_key": []}), "no key is allowed"),
        (json!({"fixed_key": ""}), "partition key"),
        (json!({"rollup": {"upstream": "identity", "window": {"day": "forward"}}}), "start of a period"),
        (json!({"rollup": {"upstream": start_of("day"), "window": {"segment": ["a"]}}}), "do not go together"),
        (json!({"rollup": {"upstream": "identity", "window": {"segment": []}}}), "needs keys"),
        (
            json!({"rollup": {"upstream": start_of("day"), "window": {"day": "forward"}, "wait": {"minimum_count": 0}}}),
            "minimum count",
        ),
        (
            json!({"rollup": {"upstream": {"start_of": {"period": "month", "output_format": "%m"}}, "window": {"month": "forward"}}}),
            "cannot be read",
        ),
        (json!({"fan_out": {"upstream": start_of("hour"), "window": {"hour": "forward"}}}), "downstream mapper"),
    ] {
        let mapper: PartitionMapper = serde_json::from_value(json.clone()).expect("a mapper");
        let refused = mapper.check().expect_err("it cannot work").to_string();
        assert!(refused.contains(reason), "{json}: {refused}");
    }
    for unreadable in ["%Y-%q", "%Y %Y", "{week}", "%"] {
        assert!(unreadable.parse::<Format>().is_err(), "{unreadable}");
    }
}

#[test]
fn the_condition_holds_for_each_key_by_itself() {
    let expression: AssetExpression =
        serde_json::from_value(json!({"all": [{"asset": {"name": "a"}}, {"asset": {"uri": "s3://b"}}]})).expect("one");
    let weekly = json!({"rollup": {
        "upstream": {"start_of": {"period": "week", "input_format": "%Y-%m-%d"}},
        "window": {"week": "forward"}, "wait": {"minimum_count": 2}
    }});
    let partitions: Partitions = serde_json::from_value(json!({"by_asset": {"s3://b": weekly}})).expect("partitions");
    partitions.check().expect("they make sense");
    let names = |name: &str, uri: &str| AssetNames {
        name: name.parse().expect("a name"),
        uri: uri.parse().expect("a URI"),
        aliases: BTreeSet::new(),
    };
    let week = key("2024-03-11 (W11)");
    let mut received = BTreeMap::from([(names("a", "a"), Received::from([week.to_string()]))]);
    assert!(!partitions.ready(&expression, &week, &received));
    received.insert(names("b", "s3://b"), Received::from(["2024-03-12".to_owned()]));
    assert!(!partitions.ready(&expression, &week, &received));
    received.insert(names("b", "s3://b"), Received::from(["2024-03-12".to_owned(), "2024-03-15".to_owned()]));
    assert!(partitions.ready(&expression, &week, &received));
}
