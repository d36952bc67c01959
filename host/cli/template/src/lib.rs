//! The tasks and DAGs of the module `{{name}}`.

use flow_sdk::prelude::*;

/// Makes a greeting. What a task returns is kept as its XCom.
#[task]
fn greet(name: Option<String>) -> String {
    format!("Hello, {}!", name.as_deref().unwrap_or("world"))
}

/// Logs a greeting and measures it. An error means another try, three times at most.
#[task(retries = 3, retry_delay = "5s")]
fn measure(context: &Context, greeting: String) -> Result<usize> {
    log::info!(try_number = context.try_number, "{greeting}");
    Ok(greeting.len())
}

/// Passing one task's handle to another draws the edge between them.
#[dag(id = "{{name}}", description = "Greets whoever the run's conf names")]
fn pipeline() {
    measure(greet(conf("name")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_names_whom_it_greets() {
        assert_eq!(greet::body(Some("Ada".to_owned())), "Hello, Ada!");
    }
}
