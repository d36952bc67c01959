//! The attribute macros of `flow-sdk`, which documents and re-exports them.

mod dag;
mod options;
mod span;
mod task;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Makes a function a task. See the documentation of `flow_sdk`.
#[proc_macro_attribute]
pub fn task(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as task::Options);
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
