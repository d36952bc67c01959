//! What came of a run as JUnit XML, the form that CI systems read: one suite, a case for each expectation and each task.

use std::fmt::Write as _;

use anyhow::Result;
use flow_model::state::{TaskInstanceState, Terminal};

use super::outcome::{Outcome, Played};
use super::report::last_lines;
use super::verdict::Verdict;

/// One case.
struct Case {
    name: String,
    seconds: f64,
    end: End,
    /// What was written meanwhile.
    output: String,
}

/// How a case ended. The texts say why.
enum End {
    Passed,
    Failed(String),
    Skipped(String),
}

/// The document.
pub(super) fn document(outcome: &Outcome, verdicts: &[Verdict]) -> Result<String> {
    let mut cases: Vec<Case> = verdicts.iter().map(of_verdict).collect();
    let run_is_as_expected = verdicts.first().is_some_and(|verdict| verdict.surprise.is_none());
    for task in &outcome.tasks {
        cases.push(of_task(task, run_is_as_expected)?);
    }
    Ok(suites(outcome, &cases))
}

fn of_verdict(verdict: &Verdict) -> Case {
    let end = match &verdict.surprise {
        None => End::Passed,
        Some(surprise) => End::Failed(surprise.clone()),
    };
    Case { name: verdict.expected.clone(), seconds: 0.0, end, output: String::new() }
}

/// A task that failed is a failed case, unless the run ended as it should: then the failure was part of it.
fn of_task(task: &Played, run_is_as_expected: bool) -> Result<Case> {
    let last = &task.instance.last_try;
    let end = match task.state().terminal() {
        Some(Terminal::Success) => End::Passed,
        Some(Terminal::Failed | Terminal::UpstreamFailed) if run_is_as_expected => End::Passed,
        Some(Terminal::Failed) => End::Failed(last.error_message.clone().unwrap_or_else(|| "it failed".to_owned())),
        Some(Terminal::UpstreamFailed) => End::Skipped("a task before it failed".to_owned()),
        Some(Terminal::Skipped | Terminal::Removed) => End::Skipped(format!("it is {}", task.state())),
        None if task.state() == TaskInstanceState::None => End::Skipped("it did not begin".to_owned()),
        None => End::Failed(format!("it is {}", task.state())),
    };
    let seconds = last.duration.unwrap_or(0.0);
    Ok(Case { name: format!("task {}", task.name()), seconds, end, output: last_lines(&task.log)? })
}

fn suites(outcome: &Outcome, cases: &[Case]) -> String {
    let count = |is_one: fn(&End) -> bool| cases.iter().filter(|case| is_one(&case.end)).count().to_string();
    let failures = count(|end| matches!(end, End::Failed(_)));
    let skipped = count(|end| matches!(end, End::Skipped(_)));
    let (tests, time) = (cases.len().to_string(), seconds(outcome.own_time.as_secs_f64()));
    let dag = outcome.run.dag_id.as_str();
    let began = outcome.run.start_date.map(|at| at.to_string()).unwrap_or_default();
    let counts = [("tests", tests.as_str()), ("failures", &failures), ("errors", "0"), ("time", &time)];
    let of_suite = [("name", dag), ("skipped", &skipped), ("timestamp", &began)];
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    // Writing to a text cannot fail.
    let _ = writeln!(out, "<testsuites name=\"flow-host test\"{}>", attributes(&counts));
    let _ = writeln!(out, "  <testsuite{}{}>", attributes(&of_suite), attributes(&counts));
    for case in cases {
        out.push_str(&element(dag, case));
    }
    out + "  </testsuite>\n</testsuites>\n"
}

fn element(dag: &str, case: &Case) -> String {
    let time = seconds(case.seconds);
    let head = attributes(&[("classname", dag), ("name", &case.name), ("time", &time)]);
    let end = match &case.end {
        End::Passed => String::new(),
        End::Failed(why) => format!("      <failure{}/>\n", attributes(&[("message", why)])),
        End::Skipped(why) => format!("      <skipped{}/>\n", attributes(&[("message", why)])),
    };
    let output = match case.output.as_str() {
        "" => String::new(),
        output => format!("      <system-out>{}</system-out>\n", escaped(output, false)),
    };
    if end.is_empty() && output.is_empty() {
        return format!("    <testcase{head}/>\n");
    }
    format!("    <testcase{head}>\n{end}{output}    </testcase>\n")
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.3}")
}

fn attributes(pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(String::new(), |out, (name, value)| out + " " + name + "=\"" + &escaped(value, true) + "\"")
}

/// A text within XML. Characters that XML cannot hold in any form are replaced; within an attribute, so are line ends,
/// which would be read as spaces.
fn escaped(text: &str, in_attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' if !in_attribute => out.push(c),
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push(char::REPLACEMENT_CHARACTER),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_place() {
        for (text, attribute, content) in [
            ("plain ünïcödé 🚀", "plain ünïcödé 🚀", "plain ünïcödé 🚀"),
            (r#"<a b="c">&'"#, "&lt;a b=&quot;c&quot;&gt;&amp;'", "&lt;a b=&quot;c&quot;&gt;&amp;'"),
            ("]]>", "]]&gt;", "]]&gt;"),
            ("a\nb\tc\rd", "a&#10;b&#9;c&#13;d", "a\nb\tc&#13;d"),
            ("\0\x1b[31m\u{ffff}", "\u{fffd}\u{fffd}[31m\u{fffd}", "\u{fffd}\u{fffd}[31m\u{fffd}"),
        ] {
            assert_eq!((escaped(text, true).as_str(), escaped(text, false).as_str()), (attribute, content));
        }
    }

    #[test]
    fn a_case_says_how_it_ended_and_what_was_written() {
        let case = |end, output: &str| Case { name: "task t".to_owned(), seconds: 1.5, end, output: output.to_owned() };
        let head = r#"    <testcase classname="dag" name="task t" time="1.500""#;
        assert_eq!(element("dag", &case(End::Passed, "")), format!("{head}/>\n"));
        let skipped = element("dag", &case(End::Skipped("no need".to_owned()), ""));
        assert_eq!(skipped, format!("{head}>\n      <skipped message=\"no need\"/>\n    </testcase>\n"));
        let failed = element("dag", &case(End::Failed("a < b".to_owned()), "line\n"));
        let expected = "      <failure message=\"a &lt; b\"/>\n      <system-out>line\n</system-out>\n";
        assert_eq!(failed, format!("{head}>\n{expected}    </testcase>\n"));
    }
}
