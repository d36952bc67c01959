//! The attempt's log: `log::info!(rows = rows.len(), "aggregated {month}")`.
//!
//! Fields come first, as `name = value` with any value that serde can serialise; then a format string and what it
//! needs. Standard output and standard error are captured too, line by line.

use serde_json::Value;

use crate::bindings::flow::host::log;

pub use crate::bindings::flow::host::log::Level;
pub use crate::{__debug as debug, __error as error, __info as info, __warn as warn};

/// Appends one line. `fields` is a JSON object, or `null` where there are none.
pub fn write(level: Level, message: &str, fields: &Value) {
    let fields = (!fields.is_null()).then(|| fields.to_string());
    log::log(level, message, fields.as_deref());
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:ident, $format:literal $($argument:tt)*) => {
        $crate::log::write($crate::log::Level::$level, &::std::format!($format $($argument)*), &$crate::runtime::json!(null))
    };
    ($level:ident, $($name:ident = $value:expr,)+ $format:literal $($argument:tt)*) => {
        $crate::log::write(
            $crate::log::Level::$level,
            &::std::format!($format $($argument)*),
            &$crate::runtime::json!({ $(::core::stringify!($name): $value),+ }),
        )
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __debug { ($($line:tt)+) => { $crate::__log!(Debug, $($line)+) }; }

#[doc(hidden)]
#[macro_export]
macro_rules! __info { ($($line:tt)+) => { $crate::__log!(Info, $($line)+) }; }

#[doc(hidden)]
#[macro_export]
macro_rules! __warn { ($($line:tt)+) => { $crate::__log!(Warn, $($line)+) }; }

#[doc(hidden)]
#[macro_export]
macro_rules! __error { ($($line:tt)+) => { $crate::__log!(Error, $($line)+) }; }
