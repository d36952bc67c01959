//! The attribute macros of `flow-sdk`, which documents and re-exports them.

mod bound;
mod dag;
mod options;
mod policy;
mod signature;
mod span;
mod task;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Makes a function a task. See the documentation of `flow_sdk`.
#[proc_macro_attribute]
pub fn task(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options with task::Options::of_task);
    let function = parse_macro_input!(item as syn::ItemFn);
    task::expand(&options, function).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a function a sensor: a task that looks again until it finds something. See the documentation of `flow_sdk`.
#[proc_macro_attribute]
pub fn sensor(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options with task::Options::of_sensor);
    let function = parse_macro_input!(item as syn::ItemFn);
    task::expand(&options, function).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a function a DAG. See the documentation of `flow_sdk`.
#[proc_macro_attribute]
pub fn dag(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as dag::Options);
    let function = parse_macro_input!(item as syn::ItemFn);
    dag::expand(&options, &function).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a function a trigger: what a deferred task waits for. See `flow_sdk::defer`.
#[proc_macro_attribute]
pub fn trigger(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options with bound::Options::of_trigger);
    let function = parse_macro_input!(item as syn::ItemFn);
    bound::expand(&options, function).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a function a callback: what runs after something has happened. See `flow_sdk::Callback`.
#[proc_macro_attribute]
pub fn callback(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options with bound::Options::of_callback);
    let function = parse_macro_input!(item as syn::ItemFn);
    bound::expand(&options, function).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a function a timetable: a schedule in code. See `flow_sdk::TimetableQuery`.
#[proc_macro_attribute]
pub fn timetable(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options with bound::Options::of_timetable);
    let function = parse_macro_input!(item as syn::ItemFn);
    bound::expand(&options, function).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a function a retry policy. See `flow_sdk::RetryDecision`.
#[proc_macro_attribute]
pub fn retry_policy(options: TokenStream, item: TokenStream) -> TokenStream {
    parse_macro_input!(options as syn::parse::Nothing);
    let function = parse_macro_input!(item as syn::ItemFn);
    policy::expand(function).unwrap_or_else(syn::Error::into_compile_error).into()
}
