//! The smallest DAG with an edge: one task greets, another one writes the greeting to the log.
//!
//! Trigger it with a conf such as `{"name": "Ada"}`, or without one.

use flow_sdk::prelude::*;

/// Makes a greeting. What it returns is kept as the task's XCom.
#[task]
fn greet(name: Option<String>) -> String {
    format!("Hello, {}!", name.as_deref().unwrap_or("world"))
}

/// Counts the letters of the greeting.
#[task]
fn count_letters(greeting: String) -> usize {
    greeting.chars().filter(|c| c.is_alphabetic()).count()
}

/// Receives what both tasks returned and logs it.
#[task]
fn tell(context: &Context, greeting: String, letters: usize) -> String {
    log::info!(letters = letters, run = context.run_id, "{greeting}");
    format!("{greeting} ({letters} letters)")
}

#[dag(description = "Greets whoever the run's conf names", tags("example"))]
fn hello() {
    let greeting = greet(conf("name"));
    tell(greeting, count_letters(greeting));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_names_whom_it_greets() {
        assert_eq!(greet::body(Some("Ada".to_owned())), "Hello, Ada!");
        assert_eq!(greet::body(None), "Hello, world!");
    }
}
